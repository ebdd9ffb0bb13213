"""CelebA (Liu et al., ICCV 2015) in its official layout, whole or any subset.

    img_align_celeba/ or img_align_celeba.zip (aligned, 178 x 218), or img_celeba/ (in the wild)
    list_attr_celeba.txt       40 attributes of +1/-1; Male gives gender
    identity_CelebA.txt        the person of each picture, the unit of splitting
    list_eval_partition.txt    0 train, 1 validation, 2 test; read only to check it, splits are made by identity
    list_bbox_celeba.txt, list_landmarks_celeba.txt    for pictures in the wild, where present

Framing: see `Framing`. The attributes name neither race nor an age in years, so those stay empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facebias.core.errors import FacebiasError
from facebias.core.label_files import Row, label, lines, read_words
from facebias.core.words import EYE_DISTANCE, EYE_HEIGHT, TIGHT
from facebias.data.archive import Place, pictures
from facebias.data.sources.base import Box, Crop, Sample

ALIGNED_SIZE = (178, 218)
# Official alignment puts the eyes at (69, 111) and (108, 111): 39 px are 0.35 of 111 px
ALIGNED_BOX = Box(34, 76, 111)
# Web crops that show head and shoulders, about 200 x 200: shares of the shorter side. Measured on mean faces of 500
# pictures: eyes come to lie 0.37 of the crop apart at height 0.30, on UTKFace's chips 0.39 and 0.28, on FairFace's
# 0.35 and 0.30. Without the shift they lie at 0.38, five pixels too low at 64 x 64.
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

    Raises:
        FacebiasError: while iterating: a label file that is missing, malformed or inconsistent, with its line;
            or none of the listed pictures is there. Listed pictures that are absent are counted.
    """

    name = "celeba"

    def __init__(self, folder: str | Path, crop: Box | float | Crop | None = None) -> None:
        self.folder, self.crop = Path(folder), crop
        self.counts: Counter[str] = Counter()
        self.framing = TIGHT if crop is None else "custom"
        self.rule = RULE if crop is None else repr(crop)

    def __iter__(self) -> Iterator[Sample]:
        self.counts.clear()
        places = {PurePosixPath(name).name: place for name, place in pictures(self._images()).items()}
        people = _people(self.folder / "identity_CelebA.txt")
        partition = self.folder / "list_eval_partition.txt"
        parts = _column(partition, {"0": "train", "1": "validation", "2": "test"})
        boxes = _numbers(self.folder / "list_bbox_celeba.txt", 4)
        points = _numbers(self.folder / "list_landmarks_celeba.txt", 10)
        seen: set[str] = set()
        for row, attributes in attributes_of(self.folder / "list_attr_celeba.txt"):
            file = row.values["0"]
            if file in seen:
                raise FacebiasError("DUPLICATE", row.where, f"{file} is listed twice", "Remove one of the lines")
            seen.add(file)
            for names, name in ((people, "identity_CelebA.txt"), (parts, partition.name)):
                if file not in names:
                    raise FacebiasError("LABEL", row.where, f"{file} has no line in {name}", "Restore that line")
            if file not in places:
                self.counts["missing pictures"] += 1
                continue
            yield self._sample(file, row, attributes, places[file], people[file], boxes.get(file), points.get(file))
        self._report(len(seen))

    def _sample(
        self,
        file: str,
        row: Row,
        attributes: dict[str, str],
        place: Place,
        person: str,
        face: tuple[float, ...] | None,
        points: tuple[float, ...] | None,
    ) -> Sample:
        gender = label(attributes["Male"], {"1": "Male", "-1": "Female"}, row.where)
        corners = points and (*points[:4], *points[6:])  # the nose is between them
        crop = Framing(corners, face) if self.crop is None else self.crop
        return Sample(file, 1, person, row.where, place.path, place.member, crop, gender=gender)

    def _images(self) -> Path:
        choices = [self.folder / name for name in ("img_align_celeba", "img_align_celeba.zip", "img_celeba")]
        for choice in choices:
            if choice.exists():
                return choice
        raise FacebiasError(
            "MISSING",
            self.folder,
            f"none of {', '.join(c.name for c in choices)} is there",
            "Put CelebA there as data/README.md says, or run: facebias data fetch celeba",
        )

    def _report(self, listed: int) -> None:
        missing = self.counts["missing pictures"]
        if missing == listed:
            raise FacebiasError(
                "MISSING",
                self._images(),
                f"none of the {listed:,} listed pictures is there",
                "Check that pictures and label files belong together",
            )


def attributes_of(path: Path) -> Iterator[tuple[Row, dict[str, str]]]:
    """Each picture's row, whose "0" is its file, and its attributes, "1" or "-1", of list_attr_celeba.txt."""
    numbered = lines(path)
    count = next(numbered, (1, ""))[1].strip()
    names = next(numbered, (2, ""))[1].split()
    if not count.isdigit() or "Male" not in names:
        raise FacebiasError(
            "CSV_COLUMN",
            f"{path}:2",
            "expected a count, then a line of attributes with Male",
            "Use the official list_attr_celeba.txt or lines cut from it",
        )
    rows = 0
    for number, text in numbered:
        cells = text.split()
        if not cells:
            continue
        if len(cells) != len(names) + 1:
            raise FacebiasError(
                "CSV_ROW",
                f"{path}:{number}",
                f"{len(cells)} fields, expected {len(names) + 1}",
                "Mend or remove that line; the file may have been cut off",
            )
        rows += 1
        yield Row(f"{path}:{number}", {"0": cells[0]}), dict(zip(names, cells[1:], strict=True))
    if rows != int(count):
        raise FacebiasError(
            "CSV_ROW",
            f"{path}:1",
            f"announces {count} rows, has {rows}",
            "Get the file again, or set that count if you cut the file yourself",
        )


def _people(path: Path) -> dict[str, str]:
    return {row.values["0"]: row.values["1"] for row in _once(path)}


def _column(path: Path, known: dict[str, str]) -> dict[str, str]:
    return {row.values["0"]: label(row.values["1"], known, row.where) for row in _once(path)}


def _once(path: Path) -> Iterator[Row]:
    """Rows of a picture and a word; a picture that is listed twice would silently take the last one."""
    seen: set[str] = set()
    for row in read_words(path, 2):
        if row.values["0"] in seen:
            raise FacebiasError("DUPLICATE", row.where, f"{row.values['0']} is listed twice", "Remove one of the lines")
        seen.add(row.values["0"])
        yield row


def _numbers(path: Path, count: int) -> dict[str, tuple[float, ...]]:
    if not path.exists():
        return {}
    found = {}
    for number, text in lines(path):
        cells = text.split()
        if number <= 2 or not cells:
            continue  # a count and the names of the columns
        try:
            if len(cells) != count + 1:
                raise ValueError(f"{len(cells)} fields, expected {count + 1}")
            found[cells[0]] = tuple(map(float, cells[1:]))
        except ValueError as error:
            raise FacebiasError("CSV_ROW", f"{path}:{number}", str(error), "Mend or remove that line") from error
    return found
