"""UTKFace (Zhang et al., CVPR 2017): aligned chips whose names carry the labels.

    UTKFace/ or UTKFace.zip, or the pictures in the folder itself
    <age>_<gender>_<race>_<date>.jpg.chip.jpg
    gender 0 male, 1 female; race 0 White, 1 Black, 2 Asian, 3 Indian, 4 Others

Framing: the chips are dlib's with padding 0.25, which is the tight convention as they are. Labels come from an
estimator checked by annotators (Zhang et al.) and are noisy.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from facebias.core.errors import FacebiasError
from facebias.core.words import TIGHT, age_bin
from facebias.data.archive import Place, pictures
from facebias.data.sources.base import Box, Crop, Sample

RACES = ("White", "Black", "Asian", "Indian", "Others")
_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_(\d{14,18})(?:\.jpg|\.png)?(?:\.chip)?\.(?:jpg|png)", re.IGNORECASE)


class UTKFace:
    """Faces with age, gender and race as the names say. Malformed names are left out and kept in `left_out`.

    Args:
        folder: the layout above.
        crop: another framing than the chip as it is; then `framing` is "custom".

    Raises:
        FacebiasError: while iterating: no picture with a well-formed name is there.
    """

    name = "utkface"

    def __init__(self, folder: str | Path, crop: Box | float | Crop | None = None) -> None:
        self.folder, self.crop = Path(folder), 1.0 if crop is None else crop
        self.framing = TIGHT if crop is None else "custom"
        self.rule = "chips as published (dlib, padding 0.25)" if crop is None else repr(crop)
        self.counts: Counter[str] = Counter()
        self.left_out: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[Sample]:
        self.counts.clear()
        self.left_out.clear()
        good = 0
        for name, place in pictures(self._images()).items():
            file = PurePosixPath(name).name
            match = _NAME.fullmatch(file)
            if match is None:
                self.counts["malformed names"] += 1
                self.left_out.append((str(place.path), f"{file!r} is not age_gender_race_date.jpg.chip.jpg"))
                continue
            good += 1
            yield self._sample(name, place, *match.groups())
        if not good:
            raise FacebiasError(
                "MISSING",
                self.folder,
                "no picture named age_gender_race_date.jpg.chip.jpg is there",
                "Put UTKFace there as data/README.md says",
            )

    def _sample(self, name: str, place: Place, age: str, gender: str, race: str, _date: str) -> Sample:
        where = f"{place.path}!{place.member}" if place.member else str(place.path)
        return Sample(
            name,
            1,
            name,
            where,
            place.path,
            place.member,
            self.crop,
            race=RACES[int(race)],
            gender=("Male", "Female")[int(gender)],
            age=age_bin(int(age)),
        )

    def _images(self) -> Path:
        choices = (self.folder / "UTKFace", self.folder / "UTKFace.zip")
        return next((choice for choice in choices if choice.exists()), self.folder)
