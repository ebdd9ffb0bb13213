"""Pictures with known faces, and detectors of whole pictures as their users would write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from facebias.analyses.whole_pictures.own_set import own_set
from facebias.analyses.whole_pictures.sets import face_free

SIDE = 48
FACE = (12, 12, 36, 36)


def bright(picture):
    """A face is a bright square: its box, and how bright it is."""
    rows, columns = np.nonzero(picture[:, :, 0] > 100)
    if not len(rows):
        return np.empty((0, 4)), np.empty(0)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    return np.array([box], float), np.array([picture[:, :, 0].max() / 255])


def many(pictures):
    return [bright(picture) for picture in pictures]


def not_a_number(picture):
    return np.array([[0, 0, 5, 5]]), np.array([np.nan])


def upside_down(picture):
    return np.array([[5, 5, 0, 0]]), np.array([1.0])


def wrong_shape(picture):
    return np.zeros((2, 4)), np.zeros(3)


def nothing(picture):
    return [], []


def crashes(picture):
    raise ValueError("no\nmemory of it")


def crashes_on_one(picture):
    if picture[0, 0, 1] == 7:
        raise ValueError("not this one")
    return bright(picture)


def dies_on_one(picture):
    if picture[0, 0, 1] == 7:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)
    return bright(picture)


def dies(picture):
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


def picture(level: int, mark: int) -> Image.Image:
    """A dark picture, told apart by `mark`, with a square of `level` in its middle; none at 0."""
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[0, 0] = 0, 7 if mark == 3 else 0, mark % 256
    pixels[0, 1, 2] = mark // 256
    if level:
        pixels[FACE[1] : FACE[3], FACE[0] : FACE[2]] = level
    return Image.fromarray(pixels)


def folder(root: Path, levels: list[int], table: dict[str, list[str]] | None = None, boxes: bool = True) -> Path:
    """Pictures 0.png, 1.png, ... and labels.csv beside the folder."""
    (root / "pictures").mkdir(parents=True, exist_ok=True)
    names = [f"{number}.png" for number in range(len(levels))]
    for number, (name, level) in enumerate(zip(names, levels, strict=True)):
        picture(level, number).save(root / "pictures" / name)
    labels = pd.DataFrame({"file": names, **(table or {})})
    if boxes:
        labels[["x1", "y1", "x2", "y2"]] = FACE
    labels.to_csv(root / "labels.csv", index=False)
    return root / "pictures"


def scenes(root: Path, count: int, level: int = 0) -> Path:
    """Pictures without faces; every tenth has a square of `level`, a false alarm."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture(level if number % 10 == 0 else 0, 1000 + number).save(root / f"{number}.png")
    return root


def sets(root: Path, levels: list[int], groups: list[str], negatives: int = 60, level: int = 110):
    """A set of faces in two groups, and one of face-free pictures."""
    pictures = folder(root, levels, {"ethnicity": groups})
    return own_set(pictures, root / "labels.csv", name="made"), face_free(scenes(root / "scenes", negatives, level))
