"""UTKFace (Zhang et al., CVPR 2017): aligned chips whose names carry the labels.

    UTKFace/ or UTKFace.zip, or Kaggle's utkface_aligned_cropped/UTKFace/, or the pictures in the folder itself
    <age>_<gender>_<race>_<date>.jpg.chip.jpg
    gender 0 male, 1 female; race 0 White, 1 Black, 2 Asian, 3 Indian, 4 Others

Framing: the chips are dlib's with padding 0.25, which is the tight convention as they are: square, published at 200 x
200. Pictures of the set in the wild have the same kind of name and are refused by their shape. Labels come from an
estimator checked by annotators (Zhang et al.) and are noisy.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facebias.core.errors import FacebiasError
from facebias.core.rejects import Reject
from facebias.core.words import TIGHT, age_bin
from facebias.data.archive import Pictures, Place, found_in, pictures, sizes, spell
from facebias.data.framing import Eyes
from facebias.data.sources.base import Box, Crop, Sample

RACES = ("White", "Black", "Asian", "Indian", "Others")
_SUFFIX = r"\.(?:jpe?g|png|webp|bmp)"
_NAME = re.compile(rf"(\d{{1,3}})_([01])_([0-4])_(\d{{14,18}}) ?(?:{_SUFFIX})?(?:\.chip)?{_SUFFIX}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Chip:
    """The whole of a square picture.

    Raises:
        FacebiasError: the picture is not square, so no chip.
    """

    def box(self, width: int, height: int) -> Box:
        """The picture of `width` x `height` pixels itself."""
        if width != height:
            raise _no_chip("a picture", width, height)
        return Box(0.0, 0.0, float(width))


def _no_chip(where: object, width: int, height: int) -> FacebiasError:
    return FacebiasError(
        "SIZE",
        str(where),
        f"{width} x {height}; UTKFace's aligned chips are square, 200 x 200, and this is of the set in the wild",
        "Get the aligned and cropped faces",
    )


class UTKFace:
    """Faces with age, gender and race as the names say. Malformed names are left out and kept in `absent`.

    Args:
        folder: the layout above.
        crop: another framing than the chip as it is; then `framing` is "custom".

    Raises:
        FacebiasError: while iterating: no picture with a well-formed name is there, or they are no chips.
    """

    name = "utkface"
    eyes = Eyes(0.28, 0.39)

    def __init__(self, folder: str | Path, crop: Box | float | Crop | None = None) -> None:
        self.folder, self.crop = Path(folder), Chip() if crop is None else crop
        self.framing = TIGHT if crop is None else "custom"
        self.rule = "chips as published (dlib, padding 0.25)" if crop is None else repr(crop)
        self.counts: Counter[str] = Counter()
        self.absent: list[Reject] = []

    def __iter__(self) -> Iterator[Sample]:
        self.counts.clear()
        self.absent.clear()
        good = 0
        there = pictures(self._images())
        self.counts.update(there.counts)
        if isinstance(self.crop, Chip):
            _refuse_wild(self.folder, there)
        for name, place in there.items():
            file = PurePosixPath(name).name
            match = _NAME.fullmatch(file)
            if match is None:
                self.counts["malformed names"] += 1
                what = f"{file!r} is not age_gender_race_date.jpg.chip.jpg"
                self.absent.append(Reject(name, spell(place), "NAME", what))
                continue
            good += 1
            yield self._sample(name, place, *match.groups())
        if not good:
            raise FacebiasError(
                "MISSING",
                self.folder,
                f"no picture named age_gender_race_date.jpg.chip.jpg is there; {found_in(self.folder)}",
                "Put UTKFace there as data/README.md says",
            )

    def _sample(self, name: str, place: Place, age: str, gender: str, race: str, _date: str) -> Sample:
        return Sample(
            name,
            1,
            name,
            spell(place),
            place.path,
            place.member,
            self.crop,
            race=RACES[int(race)],
            gender=("Male", "Female")[int(gender)],
            age=age_bin(int(age)),
        )

    def _images(self) -> Path:
        choices = [self.folder / name for name in ("UTKFace", "UTKFace.zip", "utkface_aligned_cropped/UTKFace")]
        found = next((choice for choice in [*choices, self.folder] if choice.exists()), None)
        if found is None:
            what, mend = found_in(self.folder), "Put UTKFace there as data/README.md says"
            raise FacebiasError("MISSING", self.folder, what, mend)
        return found


def _refuse_wild(folder: Path, there: Pictures) -> None:
    """Refuse a set most of whose pictures are not square, before each is told as a reject."""
    found = sizes(list(there.values()))
    wide = [size for size in found if size[0] != size[1]]
    if 2 * len(wide) > len(found):
        raise _no_chip(folder, *wide[0])
