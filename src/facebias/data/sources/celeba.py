"""CelebA (Liu et al., ICCV 2015) as its authors or Kaggle lay it out, whole or any subset.

    img_align_celeba/ or img_align_celeba.zip (aligned, 178 x 218), or img_celeba/ (in the wild)
    list_attr_celeba.txt       40 attributes of +1/-1; Male gives gender
    identity_CelebA.txt        the person of each picture, the unit of splitting; without it, each picture's own
    list_eval_partition.txt    0 train, 1 validation, 2 test; read only to check it, splits are made by identity
    list_bbox_celeba.txt, list_landmarks_celeba.txt    for pictures in the wild, where present

Label files may be Kaggle's .csv, and lie in Anno/ and Eval/. Aligned pictures that were scaled, or cut to 178 x 178,
are told by their size.

Framing: see `Framing`. The attributes name neither race nor an age in years, so those stay empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facebias.core.errors import FacebiasError
from facebias.core.label_files import label
from facebias.core.rejects import Reject
from facebias.core.words import EYE_DISTANCE, EYE_HEIGHT, TIGHT
from facebias.data.archive import Place, found_in, one_size, pictures
from facebias.data.framing import Eyes
from facebias.data.sources.base import ABSENT, UNLISTED, Box, Crop, Sample
from facebias.data.sources.celeba_files import attributes_file, attributes_of, beside, label_file, numbers_of, words_of

ALIGNED_SIZE = (178, 218)
# Official alignment puts the eyes at (69, 111) and (108, 111): 39 px are 0.35 of 111 px
ALIGNED_BOX = Box(34, 76, 111)
# Web crops that show head and shoulders, about 200 x 200: shares of the shorter side. Measured on mean faces of 500
# pictures: eyes come to lie 0.37 of the crop apart at height 0.30, on UTKFace's chips 0.39 and 0.28, on FairFace's
# 0.33 and 0.30. Without the shift they lie at 0.38, five pixels too low at 64 x 64.
WEB_SHARE = 0.6
WEB_DOWN = 0.05
RULE = "aligned 178x218: Box(34, 76, 111); else eyes and mouth, or face box, or 0.6 centred 0.05 below the middle"
_EYES_TO_MOUTH = 0.37  # of the side of a tight crop, from the same alignment: 41 px of 111


@dataclass(frozen=True)
class Framing:
    """The tight crop of one picture, by what is known of it.

    Aligned pictures (178 x 218): `ALIGNED_BOX`. Others: the published eyes and mouth where given; else a square
    as wide as the published face box, centred on it (the paper's crop); else 0.6 of the shorter side, centred 0.05 of
    it below the middle.

    Attributes:
        points: left eye, right eye, left and right corner of the mouth, as x, y pairs in pixels.
        face: published box as x, y, width, height in pixels.
    """

    points: tuple[float, ...] | None = None
    face: tuple[float, ...] | None = None

    def box(self, width: int, height: int) -> Box:
        """The square to cut from a picture of `width` x `height` pixels."""
        if (width, height) == ALIGNED_SIZE:
            return ALIGNED_BOX
        if self.points:
            return _box_of_points(*self.points)
        if self.face:
            x, y, w, h = self.face
            if not (0 <= x + w / 2 <= width and 0 <= y + h / 2 <= height and w <= width and h <= height):
                what = f"the published face box {x:g}, {y:g}, {w:g} x {h:g} is outside of this picture"
                mend = "Put pictures and label files of one kind together"
                raise FacebiasError("CROP", f"{width} x {height}", what, mend)
            return Box(x, y + (h - w) / 2, w)
        side = WEB_SHARE * min(width, height)
        return Box((width - side) / 2, (height - side) / 2 + WEB_DOWN * min(width, height), side)


def _box_of_points(lx: float, ly: float, rx: float, ry: float, mlx: float, mly: float, mrx: float, mry: float) -> Box:
    eyes = ((lx + rx) / 2, (ly + ry) / 2)
    apart = ((rx - lx) ** 2 + (ry - ly) ** 2) ** 0.5
    down = (((mlx + mrx) / 2 - eyes[0]) ** 2 + ((mly + mry) / 2 - eyes[1]) ** 2) ** 0.5
    # In profile the eyes come together while the face keeps its height: the larger scale is the right one
    side = max(apart / EYE_DISTANCE, down / _EYES_TO_MOUTH)
    return Box(eyes[0] - side / 2, eyes[1] - EYE_HEIGHT * side, side)


class CelebA:
    """Faces of CelebA with gender and identity.

    Args:
        folder: the layout above.
        crop: another framing than the tight one; then `framing` is "custom".

    Attributes:
        notes: what a reader must know of this copy, such as that it names no persons; known after one pass.
        absent: pictures that are listed and not there.

    Raises:
        FacebiasError: while iterating: a label file that is missing, malformed or inconsistent, with its line; pictures
            whose size tells neither how they were aligned nor how they were scaled; or none of the listed pictures is
            there.
    """

    name = "celeba"
    eyes = Eyes(0.30, 0.37)

    def __init__(self, folder: str | Path, crop: Box | float | Crop | None = None) -> None:
        self.folder, self.crop = Path(folder), crop
        self.counts: Counter[str] = Counter()
        self.framing = TIGHT if crop is None else "custom"
        self.rule = RULE if crop is None else repr(crop)
        self.notes: list[str] = []
        self.absent: list[Reject] = []

    def __iter__(self) -> Iterator[Sample]:
        for kept in (self.counts, self.notes, self.absent):
            kept.clear()
        images = self._images()
        there = pictures(images)
        self.counts.update(there.counts)
        places = {PurePosixPath(name).name: place for name, place in there.items()}
        attributes = attributes_file(self.folder)
        people = self._words("identity_CelebA")
        parts = self._words("list_eval_partition", {"0": "train", "1": "validation", "2": "test"})
        wild = images.name == "img_celeba"  # boxes and landmarks are published for these pictures alone
        boxes = numbers_of(label_file(self.folder, "list_bbox_celeba") if wild else None, 4)
        points = numbers_of(label_file(self.folder, "list_landmarks_celeba") if wild else None, 10)
        scaled = None if wild or self.crop is not None else self._scaled(list(places.values()))
        listed: set[str] = set()
        for row, values in attributes_of(attributes):
            file = row.values["0"]
            if file in listed:
                raise FacebiasError("DUPLICATE", row.where, f"{file} is listed twice", "Remove one of the lines")
            listed.add(file)
            for stem, words in (("identity_CelebA", people), ("list_eval_partition", parts)):
                if words is not None and file not in words:
                    name = f"{stem}{(label_file(self.folder, stem) or Path()).suffix}"
                    raise FacebiasError("LABEL", row.where, f"{file} has no line in {name}", "Restore that line")
            if file not in places:
                self.counts[ABSENT] += 1
                self.absent.append(Reject(file, row.where, "MISSING", f"no picture {file} in {images.name}"))
                continue
            person = file if people is None else people[file]
            crop = self.crop or scaled or framing_of(boxes.get(file), points.get(file))
            gender = label(values["Male"], {"1": "Male", "-1": "Female"}, row.where)
            yield Sample(file, 1, person, row.where, *places[file], crop, gender=gender)
        self._refuse_nothing(images, len(listed))
        if loose := places.keys() - listed:
            self.counts[UNLISTED] = len(loose)

    def _words(self, stem: str, known: dict[str, str] | None = None) -> dict[str, str] | None:
        """The word of each picture in a label file; None where the file is not there, which is noted."""
        if (path := label_file(self.folder, stem)) is not None:
            return words_of(path, known)
        if known is None:
            self.notes.append(
                f"no {stem}: each picture counts as its own person, so one person may be in several splits"
            )
        return None

    def _scaled(self, places: list[Place]) -> Box | None:
        """The tight crop where all pictures are a scaled or cut copy of the aligned ones; None where they are not."""
        size = one_size(places)
        if size is None or size == ALIGNED_SIZE:
            return None
        width, height = size
        if abs(width * ALIGNED_SIZE[1] / ALIGNED_SIZE[0] - height) <= 1:
            factor = width / ALIGNED_SIZE[0]
            self.notes.append(f"aligned pictures scaled to {width} x {height}: the crop is scaled alike")
            return Box(*(factor * side for side in (ALIGNED_BOX.left, ALIGNED_BOX.top, ALIGNED_BOX.side)))
        if size == (ALIGNED_SIZE[0],) * 2:
            self.notes.append("aligned pictures cut to their middle, 178 x 178: the crop is moved alike")
            return Box(ALIGNED_BOX.left, ALIGNED_BOX.top - (ALIGNED_SIZE[1] - ALIGNED_SIZE[0]) / 2, ALIGNED_BOX.side)
        raise FacebiasError(
            "SIZE",
            places[0].path.parent,
            f"all pictures are {width} x {height}; CelebA's aligned ones are 178 x 218, and whether these were cut or "
            "squeezed cannot be told",
            "Use img_align_celeba as published",
        )

    def _images(self) -> Path:
        names = ("img_align_celeba", "img_align_celeba.zip", "img_celeba")
        if (found := beside(self.folder, *names)) is not None:
            return found
        raise FacebiasError(
            "MISSING",
            self.folder,
            f"none of {', '.join(names)} is there; {found_in(self.folder)}",
            "Put CelebA there as data/README.md says, or run: facebias data fetch celeba",
        )

    def _refuse_nothing(self, images: Path, listed: int) -> None:
        if len(self.absent) == listed:
            raise FacebiasError(
                "MISSING",
                images,
                f"none of the {listed:,} listed pictures is there",
                "Check that pictures and label files belong together",
            )


def framing_of(face: tuple[float, ...] | None, points: tuple[float, ...] | None) -> Framing:
    """The framing of a picture in the wild by what is published of it; of the landmarks the nose is left out."""
    return Framing(points and (*points[:4], *points[6:]), face)
