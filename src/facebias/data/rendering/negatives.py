"""Hard negatives: what a careless face detector takes for a face, photographed like the faces are.

Parts, shuffled and inside-out faces are made of rendered people before the camera sees them, so that neither
compression nor noise gives them away.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from facebias.core.words import IMAGE_SIZE
from facebias.data.rendering.canvas import Factors
from facebias.data.rendering.difficulty import Difficulty
from facebias.data.rendering.face_light import face_light
from facebias.data.rendering.factors import draw_factors
from facebias.data.rendering.population import draw_cells
from facebias.data.rendering.textures import noise, objects, scenery, texture

KINDS = (
    *("noise", "texture", "scenery", "object", "shuffled", "inside_out", "part", "head_from_behind"),
    *("upside_down", "skin_colour"),  # where `Difficulty.harder` asks for them
)


def draw_kinds(rng: np.random.Generator, n: int, hard: Difficulty) -> np.ndarray:
    """Kind (n,) of each negative, stratified by the shares of `hard`, in random order."""
    usual, harder = np.divide(hard.negatives, np.sum(hard.negatives)), [hard.harder / 2] * 2
    shares = np.concatenate([usual * (1 - hard.harder), harder if hard.harder else []])
    even = (rng.permutation(n) + rng.random(n)) / n
    return np.array(KINDS)[np.minimum(np.searchsorted(np.cumsum(shares), even, side="right"), len(shares) - 1)]


def draw_negatives(rng: np.random.Generator, n: int, hard: Difficulty) -> Factors:
    """Factors of n negatives: their kind, and the person, light and background that some are made from."""
    kind = draw_kinds(rng, n, hard)
    tone, woman = draw_cells(rng, n, hard.negative_dark_share, 0.5)
    f = draw_factors(rng, tone, woman, hard)
    f.values["kind"] = kind
    _frame_parts(rng, f)
    return f


def _frame_parts(rng: np.random.Generator, f: Factors) -> None:
    """Bring the part's camera so near that no whole face fits, or turn it so far away that most is cut off."""
    n = len(f)
    part, near = f.values["kind"] == "part", rng.random(n) < 0.55
    size = np.where(near, rng.uniform(2.3, 4.2, n), rng.uniform(0.85, 1.5, n))
    # Near: a point of the face, in distances between the eyes, comes to the centre
    px, py = rng.uniform(-0.9, 0.9, n), rng.uniform(-0.5, 1.5, n)
    # Far: the face leaves the picture at one of four sides
    out, along, side = rng.uniform(0.52, 0.80, n), rng.uniform(-0.25, 0.25, n), rng.integers(0, 4, n)
    far_x = np.select([side == 0, side == 1], [out, -out], along)
    far_y = np.select([side == 2, side == 3], [out, -out - 0.12], along)
    shift_x, shift_y = np.where(near, -px * 0.35 * size, far_x), np.where(near, 0.19 - py * 0.35 * size, far_y)
    for name, value in (("size", size), ("shift_x", shift_x), ("shift_y", shift_y)):
        f.values[name] = np.where(part, value, f.values[name])


def negative_light(f: Factors, rng: np.random.Generator) -> np.ndarray:
    """Linear light (n, 3, side, side) of the negatives of `f`."""
    image = np.empty((len(f), 3, IMAGE_SIZE, IMAGE_SIZE), np.float32)
    for kind in KINDS:
        rows = np.flatnonzero(f.values["kind"] == kind)
        if len(rows):
            image[rows] = _DRAWN_BY[kind](f.rows(rows), rng)
    # Things fill the whole picture where faces do not: without this, some would be a blank white
    image *= np.minimum(1, 0.35 / image.mean(axis=(1, 2, 3), keepdims=True))
    return image


def _shuffled(f: Factors, rng: np.random.Generator) -> np.ndarray:
    """Faces cut into 2 x 2 or 4 x 4 tiles of which none stays in its place."""
    image = face_light(f, rng)
    for picture in image:
        cells = 2 if rng.random() < 0.4 else 4
        tile = IMAGE_SIZE // cells
        tiles = picture.reshape(3, cells, tile, cells, tile).transpose(1, 3, 0, 2, 4).reshape(-1, 3, tile, tile)
        order = rng.permutation(cells * cells)
        moved = np.empty_like(tiles)
        moved[order] = tiles[np.roll(order, 1)]  # one cycle through all tiles: no fixed point
        picture[:] = (
            moved.reshape(cells, cells, 3, tile, tile).transpose(2, 0, 3, 1, 4).reshape(3, IMAGE_SIZE, IMAGE_SIZE)
        )
    return image


def _inside_out(f: Factors, rng: np.random.Generator) -> np.ndarray:
    """Faces whose middle is turned to the rim: by radius, or by swapping opposite quarters."""
    image = face_light(f, rng)
    swapped = rng.random(len(f)) < 0.5
    image[swapped] = np.roll(image[swapped], (IMAGE_SIZE // 2, IMAGE_SIZE // 2), axis=(2, 3))
    at = (np.arange(IMAGE_SIZE) + 0.5) / IMAGE_SIZE - 0.5
    radius = np.hypot(at[None], at[:, None])
    reach = np.clip(0.5 - radius, -0.2, 0.5) / np.maximum(radius, 0.02)
    row = np.clip((at[:, None] * reach + 0.5) * IMAGE_SIZE, 0, IMAGE_SIZE - 1).astype(int)
    column = np.clip((at[None] * reach + 0.5) * IMAGE_SIZE, 0, IMAGE_SIZE - 1).astype(int)
    image[~swapped] = image[~swapped][:, :, row, column]
    return image


def _upside_down(f: Factors, rng: np.random.Generator) -> np.ndarray:
    return face_light(f, rng)[:, :, ::-1, ::-1]


def _skin_colour(f: Factors, rng: np.random.Generator) -> np.ndarray:
    """Noise, textures and scenes whose light is kept and whose colour is that of some skin."""
    image = np.concatenate([draw(f.rows(rows), rng) for draw, rows in _thirds(len(f)) if len(rows)])
    light = np.tensordot(np.array([0.2126, 0.7152, 0.0722], np.float32), image, axes=(0, 1))  # Y of linear sRGB
    shade = light / np.maximum(light.mean(axis=(1, 2), keepdims=True), np.float32(1e-3))
    tinted: np.ndarray = f.skin_colour * shade[:, None]
    return tinted


def _thirds(n: int) -> list[tuple[Callable[[Factors, np.random.Generator], np.ndarray], np.ndarray]]:
    return list(zip((noise, texture, scenery), np.array_split(np.arange(n), 3), strict=True))


def _behind(f: Factors, rng: np.random.Generator) -> np.ndarray:
    return face_light(f, rng, plain=True)


_DRAWN_BY: dict[str, Callable[[Factors, np.random.Generator], np.ndarray]] = {
    "noise": noise,
    "texture": texture,
    "scenery": scenery,
    "object": objects,
    "shuffled": _shuffled,
    "inside_out": _inside_out,
    "part": face_light,
    "head_from_behind": _behind,
    "upside_down": _upside_down,
    "skin_colour": _skin_colour,
}
