"""The Pilot Parliaments Benchmark (Buolamwini and Gebru, FAT* 2018): portraits, cropped to the face first.

    PPB-2017-metadata.csv    filename, gender, bi.fitz (Darker, Lighter) and, not needed, skin type and country
    imgs/<filename>
    boxes.csv                where you have it: filename,x1,y1,x2,y2 of each face in pixels

`skin_tone` holds PPB's own grouping by Fitzpatrick skin type, "Darker" (IV to VI) or "Lighter" (I to III), in place of
the measured class; the measured angle stands beside it. PPB names no races.

Framing: a given box becomes the square of its longer side (times `margin`), centred on it. Without boxes
scikit-image's frontal-face LBP cascade finds the face, and its square is moved and scaled to the tight framing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.core.label_files import Row, label, read_csv
from facebias.core.lbp_cascade import load_lbp_cascade
from facebias.core.words import TIGHT
from facebias.data.archive import Place, pictures, read_bytes
from facebias.data.pixels import read_rgb
from facebias.data.sources.base import Box, Sample

TABLE = "PPB-2017-metadata.csv"
COLUMNS = ("filename", "gender", "bi.fitz")
_GENDERS = {"female": "Female", "male": "Male"}
_SKINS = {"darker": "Darker", "lighter": "Lighter"}
# Of the cascade's square, measured against the tight square on 100 FairFace faces (medians): 0.95 of its side,
# centred 0.078 of the side above its centre
_CASCADE_SIDE = 0.95
_CASCADE_RISE = 0.078
_SEARCH_SIDE = 300  # pixels of the longer side while searching; portraits fill a good part of the picture


class PPB:
    """Faces with gender and binary skin type.

    Args:
        folder: the layout above.
        margin: side of the square in longer sides of a given box.

    Raises:
        FacebiasError: while iterating: metadata or boxes missing or malformed (with line), a listed picture that
            is absent, or no face at all. Faces that the cascade does not find are counted by group in `counts`,
            and kept with their reason in `left_out`.
    """

    name = "ppb"
    framing = TIGHT

    def __init__(self, folder: str | Path, margin: float = 1.0) -> None:
        self.folder, self.margin = Path(folder), margin
        self.given = (self.folder / "boxes.csv").exists()
        self.rule = (
            f"square of {margin:g} longer sides of the given box"
            if self.given
            else "LBP cascade, moved and scaled to the tight framing"
        )
        self.counts: Counter[str] = Counter()
        self.left_out: list[tuple[str, str]] = []
        self._found: dict[str, Box | None] = {}  # packing passes twice, the search is slow

    def __iter__(self) -> Iterator[Sample]:
        self.counts.clear()
        self.left_out.clear()
        places = pictures(self.folder / "imgs")
        boxes = self._boxes() if self.given else None
        found = 0
        for row in read_csv(self.folder / TABLE, COLUMNS):
            gender = label(row.values["gender"].strip().lower(), _GENDERS, row.where)
            skin = label(row.values["bi.fitz"].strip().lower(), _SKINS, row.where)
            file = row.values["filename"].strip()
            if file not in places:
                raise FacebiasError(
                    "MISSING", row.where, f"no picture {self.folder / 'imgs' / file}", "Restore it, or remove that line"
                )
            box = self._box(file, places[file], boxes, row)
            if box is None:
                self.counts[f"{skin} {gender} faces not found"] += 1
                self.left_out.append((row.where, f"no face found in {file}"))
                continue
            found += 1
            yield Sample(file, 1, file, row.where, places[file].path, "", box, skin_tone=skin, gender=gender)
        if not found:
            raise FacebiasError("MISSING", self.folder, "no face in any picture", "Give boxes.csv, see data/README.md")

    def _box(self, file: str, place: Place, boxes: dict[str, Box] | None, row: Row) -> Box | None:
        if boxes is not None:
            return boxes.get(file)
        if file not in self._found:
            self._found[file] = find_face(read_rgb(read_bytes(place), row.where))
        return self._found[file]

    def _boxes(self) -> dict[str, Box]:
        found = {}
        for row in read_csv(self.folder / "boxes.csv", ("filename", "x1", "y1", "x2", "y2")):
            try:
                x1, y1, x2, y2 = (float(row.values[name]) for name in ("x1", "y1", "x2", "y2"))
                if not (x2 > x1 and y2 > y1):
                    raise ValueError("x2, y2 must lie right of and below x1, y1")
            except ValueError as error:
                raise FacebiasError("CSV_ROW", row.where, f"no box ({error})", "Mend or remove that line") from error
            side = self.margin * max(x2 - x1, y2 - y1)
            found[row.values["filename"].strip()] = Box((x1 + x2 - side) / 2, (y1 + y2 - side) / 2, side)
        return found


def find_face(image: Image.Image) -> Box | None:
    """The tight square round the largest frontal face in a portrait, or None where the cascade finds none."""
    scale = max(image.size) / _SEARCH_SIDE
    size = (max(1, round(image.width / scale)), max(1, round(image.height / scale)))
    small = image.resize(size, Image.Resampling.BOX)
    shorter = min(small.size)
    low = max(24, shorter // 6)  # 24: the cascade's own window
    if low >= shorter:
        return None
    faces = _cascade().detect_multi_scale(
        np.asarray(small), scale_factor=1.15, step_ratio=1.0, min_size=(low, low), max_size=(shorter, shorter)
    )
    if not faces:
        return None
    face = max(faces, key=lambda f: f["width"])
    side = face["width"] / _CASCADE_SIDE
    x, y = face["c"] + face["width"] / 2, face["r"] + face["height"] / 2 + _CASCADE_RISE * side
    return Box((x - side / 2) * scale, (y - side / 2) * scale, side * scale)


_cascade = cache(load_lbp_cascade)
