"""What is searched: pictures, the faces in them with their groups, and pictures without faces."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.core.progress import bar
from facebias.data.archive import Place, pictures, read_bytes
from facebias.data.user_pictures import spell

EDGES = ("x1", "y1", "x2", "y2")
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height


@dataclass(frozen=True)
class Picture:
    """One picture file.

    Attributes:
        place: where it lies.
        sha256: of its bytes.
        width, height: pixels, once upright; 0 where its header cannot be read.
    """

    place: Place
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class PictureSet:
    """Pictures and the faces in them.

    Attributes:
        name: of the data set.
        pictures: each once.
        faces: one row a face: `image_id`, `picture` (its row of `pictures`), EDGES in pixels (NaN where no box is
            known: then a face is anywhere in the middle), and the columns that it may be grouped by. Empty for
            pictures without faces.
        truth: in words, how it is known where a face is.
    """

    name: str
    pictures: tuple[Picture, ...]
    faces: pd.DataFrame
    truth: str = ""


def read_pictures(places: Sequence[Place], what: str) -> tuple[Picture, ...]:
    """Hash each picture and read its size.

    Raises:
        FacebiasError: one cannot be read.
    """
    return tuple(_picture(place) for place in bar(places, desc=f"read {what}", unit="picture"))


def _picture(place: Place) -> Picture:
    data = read_bytes(place)
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if image.getexif().get(0x0112, 1) in _TURNED:
                width, height = height, width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        width = height = 0  # asking will say what is wrong with it
    return Picture(place, hashlib.sha256(data).hexdigest(), width, height)


def face_free(root: str | Path, size: int = 0, seed: int = 0) -> PictureSet:
    """Pictures without faces: all of a folder or zip, or `size` of them by a seeded draw.

    Raises:
        FacebiasError: none is there.
    """
    places = pictures(root)
    if not places:
        raise FacebiasError("MISSING", root, "no picture is there", "Name a folder of pictures without faces")
    names = sorted(places)
    if 0 < size < len(names):
        names = sorted(np.random.default_rng(seed).choice(names, size, replace=False).tolist())
    return PictureSet(
        "negatives",
        read_pictures([places[name] for name in names], "face-free pictures"),
        pd.DataFrame({"image_id": names, "picture": range(len(names))}),
    )


def refuse_outside(faces: pd.DataFrame, found: Sequence[Picture], where: Sequence[str]) -> None:
    """Refuse a box of which a part lies outside its picture, or that is none.

    Args:
        faces: as in `PictureSet`.
        found: the pictures.
        where: file:row of each face, for the message.

    Raises:
        FacebiasError: the first such box is named.
    """
    edges = faces[list(EDGES)].to_numpy(dtype=float)
    sizes = np.array([(found[row].width, found[row].height) for row in faces["picture"]], dtype=float).reshape(-1, 2)
    known = sizes.min(axis=1) > 0
    bad = ~(edges[:, 2:] > edges[:, :2]).all(axis=1)
    bad |= known & ((edges[:, :2] < 0) | (edges[:, 2:] > sizes)).any(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        box = ", ".join(f"{edge:g}" for edge in edges[row])
        size = f"{sizes[row][0]:g} x {sizes[row][1]:g}"
        raise FacebiasError(
            "BOX",
            where[row],
            f"box {box} of {spell(found[faces['picture'].iloc[row]].place)} ({size} pixels) is empty or leaves it "
            f"({bad.sum()} such)",
            "Give x1, y1, x2, y2 in pixels of the upright picture, x2 > x1 and y2 > y1",
        )
