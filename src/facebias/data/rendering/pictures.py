"""Whole pictures, a rendered face in each, as a folder with its labels: to try what takes pictures of one's own.

The face stands somewhere on a rendered background, as a square whose place the CSV tells. Its edges are seen: this is
something to try a detector on, and no benchmark of one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from facebias.core.csv import write_csv
from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write, sweep_stale
from facebias.core.folder_sets import BOX, LABELS
from facebias.data.rendering.stream import render_faces, render_negatives

WIDTH, HEIGHT = 240, 180  # pixels
_SIDES = (0.4, 0.75)  # of the face, as shares of the height
_EMPTY = ("scenery", "texture", "object", "noise")  # kinds of non-faces with nothing of a person in them
_PACKED = 1  # of 9: a file takes a quarter more, and a tenth of the time
_SPARE = 3  # rendered non-faces a picture, of which one is taken: about half are of these kinds


def render_pictures(folder: Path, count: int, seed: int = 0) -> Path:
    """Write `count` pictures as 000.png, 001.png, ... and beside them labels.csv.

    Args:
        folder: made where it is not there.
        count: pictures, 1 to 10,000; faces are balanced over skin tone and gender.
        seed: the same seed gives the same pictures.

    Returns:
        The CSV: file, left, top, side (pixels), gender, glasses. Skin tone is left to be measured.

    Raises:
        FacebiasError: a count out of range, or a folder that holds other files.
    """
    if not 0 < count <= 10_000:
        raise FacebiasError("CONFIG", "count", f"{count} is outside 1 .. 10000", "Choose a number inside")
    names = [f"{number:0{max(3, len(str(count - 1)))}d}.png" for number in range(count)]
    sweep_stale(folder)
    if folder.is_dir() and (others := {file.name for file in folder.iterdir()} - {*names, LABELS}):
        raise FacebiasError("FOLDER", folder, f"holds other files, such as {min(others)}", "Name another folder")
    rng, faces = np.random.default_rng(seed), render_faces(count, seed)
    places = [_place(rng) for _ in names]
    for name, face, ground, place in zip(names, faces.images, _grounds(count, seed), places, strict=True):
        with atomic_write(folder / name) as temporary:
            _picture(face, ground, *place).save(temporary, "PNG", compress_level=_PACKED)
    table = pd.DataFrame(places, columns=list(BOX)).assign(file=names, gender=faces.table["gender"])
    table = table.assign(glasses=faces.table["factor_glasses"].astype(str))
    write_csv(table[["file", *BOX, "gender", "glasses"]], folder / LABELS)
    return folder / LABELS


def render_scenes(folder: Path, count: int, seed: int = 0) -> Path:
    """Write `count` pictures with nobody in them, 000.png, 001.png, ..., of the size of those with faces.

    Args:
        folder: made where it is not there.
        count: pictures, 1 or more.
        seed: the same seed gives the same pictures, others than the grounds of `render_pictures`.

    Returns:
        The folder.
    """
    sweep_stale(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number, ground in enumerate(_grounds(count, seed + 1)):
        with atomic_write(folder / f"{number:03d}.png") as temporary:
            Image.fromarray(ground).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(
                temporary, "PNG", compress_level=_PACKED
            )
    return folder


def _place(rng: np.random.Generator) -> tuple[int, int, int]:
    side = int(rng.uniform(*_SIDES) * HEIGHT)
    return int(rng.integers(0, WIDTH - side + 1)), int(rng.integers(0, HEIGHT - side + 1)), side


def _grounds(count: int, seed: int) -> np.ndarray:
    made = render_negatives(_SPARE * count, seed)
    empty = np.flatnonzero(made.table["factor_kind"].isin(_EMPTY))
    # few of few may be left; then one serves twice
    images: np.ndarray = made.images[np.resize(empty, count)]
    return images


def _picture(face: np.ndarray, ground: np.ndarray, left: int, top: int, side: int) -> Image.Image:
    whole = Image.fromarray(ground).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    whole.paste(Image.fromarray(face).resize((side, side), Image.Resampling.LANCZOS), (left, top))
    return whole
