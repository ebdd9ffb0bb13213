"""Rendering by blocks: image i of a seed is the same whatever is asked for and whoever renders it.

Each block of 48 images has a random stream of its own, from the seed, the kind and the block's number alone, so
that a request is a row of blocks cut to length and any process can render any of them. Bit-identical holds for
one machine and one set of library versions, as for every floating-point program.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future

import numpy as np
import pandas as pd

from facebias.core.errors import FacebiasError
from facebias.core.processes import process_pool
from facebias.core.tone_scale import classify_ita
from facebias.core.words import GENDERS, IMAGE_SIZE
from facebias.data.rendering.camera import develop
from facebias.data.rendering.canvas import Factors
from facebias.data.rendering.colour import skin_lab
from facebias.data.rendering.difficulty import Difficulty
from facebias.data.rendering.face_light import face_light
from facebias.data.rendering.factors import draw_factors
from facebias.data.rendering.negatives import draw_negatives, negative_light
from facebias.data.rendering.population import draw_cells
from facebias.data.skin_tone import ita
from facebias.data.sources.base import FACTOR_PREFIX, TABLE_COLUMNS, Block

BLOCK = 48  # images with one random stream: a multiple of the twelve cells of tone x gender
_TOGETHER = 16  # images drawn at a time: their planes stay in the processor's cache
_PER_TASK = 8  # blocks a worker is handed at once
KINDS = ("faces", "negatives")


def render_faces(
    n: int,
    seed: int,
    *,
    dark_share: float | None = None,
    women_share: float = 0.5,
    start: int = 0,
    difficulty: Difficulty | None = None,
) -> Block:
    """Rendered faces `start` to `start + n` of a seed.

    Args:
        n: how many.
        seed: of the whole endless row of faces, 0 or more.
        dark_share: share of brown and dark faces, the others spread over the four lighter classes as in CelebA;
            None for a set balanced over all six.
        women_share: share of women, in every class.
        start: index of the first.
        difficulty: spreads of pose, light, occlusion and camera; the study's where None.

    Returns:
        Block with images (n, 64, 64, 3) uint8 RGB in the "tight" framing, and TABLE_COLUMNS with the true `ita`,
        `l_star`, `hue` and `skin_tone` of the skin under neutral light, then all factors as ``factor_*``.

    Raises:
        FacebiasError: a share outside 0..1, or a negative n, seed or start.
    """
    return _range("faces", n, seed, start, dark_share, women_share, difficulty or Difficulty())


def render_negatives(n: int, seed: int, *, start: int = 0, difficulty: Difficulty | None = None) -> Block:
    """Rendered non-faces `start` to `start + n` of a seed; ``factor_kind`` names what each is.

    Returns and raises as `render_faces` does, with label 0 and no demographics. The factors of a person belong to
    the one that parts, shuffled faces and heads from behind are made of; other kinds take colours from them at most.
    """
    return _range("negatives", n, seed, start, None, 0.5, difficulty or Difficulty())


def blocks(
    kind: str,
    n: int,
    seed: int,
    *,
    dark_share: float | None = None,
    women_share: float = 0.5,
    start: int = 0,
    workers: int = 1,
    difficulty: Difficulty | None = None,
) -> Iterator[Block]:
    """The same images as `render_faces` or `render_negatives` gives, in order, a few hundred at a time.

    Args:
        kind: "faces" or "negatives"; the shares are of faces alone.
        workers: processes; with 1, this one. No influence on the images.

    Raises:
        FacebiasError: as `render_faces`, or an unknown kind.
    """
    if kind not in KINDS:
        raise FacebiasError("RENDER", "kind", f"{kind!r} is not one of {', '.join(KINDS)}", "Choose one of them")
    first_end = (start // BLOCK + _PER_TASK) * BLOCK  # tasks end at the ends of blocks, so none is rendered twice
    ends = [*range(min(first_end, start + n), start + n, _PER_TASK * BLOCK), start + n] if n else []
    begins = [start, *ends[:-1]]
    tasks = [
        (kind, end - begin, seed, begin, dark_share, women_share, difficulty or Difficulty())
        for begin, end in zip(begins, ends, strict=False)
    ]
    if workers == 1 or len(tasks) < 2:
        yield from (_range(*task) for task in tasks)
        return
    with process_pool(min(workers, len(tasks))) as pool:
        waiting: deque[Future[Block]] = deque()
        for task in tasks:
            waiting.append(pool.submit(_range, *task))
            if len(waiting) > 2 * workers:  # what is rendered ahead of the reader stays bounded
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _range(
    kind: str, n: int, seed: int, start: int, dark_share: float | None, women_share: float, difficulty: Difficulty
) -> Block:
    for name, value in (("n", n), ("seed", seed), ("start", start)):
        if value < 0:
            raise FacebiasError("RENDER", name, f"{value} is negative", "Give 0 or more")
    numbers = range(start // BLOCK, -(-(start + n) // BLOCK)) if n else range(1)
    parts = [_block(kind, seed, number, dark_share, women_share, difficulty) for number in numbers]
    cut = slice(start - numbers[0] * BLOCK, start - numbers[0] * BLOCK + n) if n else slice(0, 0)
    values = {name: np.concatenate([f.values[name] for _, f in parts])[cut] for name in parts[0][1].values}
    images = np.concatenate([images for images, _ in parts])[cut]
    return Block(images, _table(kind, seed, start, Factors(values)))


def _block(
    kind: str, seed: int, number: int, dark_share: float | None, women_share: float, difficulty: Difficulty
) -> tuple[np.ndarray, Factors]:
    rng = np.random.default_rng([seed, KINDS.index(kind), number])
    if kind == "faces":
        tone, woman = draw_cells(rng, BLOCK, dark_share, women_share)
        factors = draw_factors(rng, tone, woman, difficulty)
    else:
        factors = draw_negatives(rng, BLOCK, difficulty)
    draw = face_light if kind == "faces" else negative_light
    images = np.empty((BLOCK, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    for begin in range(0, BLOCK, _TOGETHER):
        some = factors.rows(np.arange(begin, begin + _TOGETHER))
        images[begin : begin + _TOGETHER] = develop(draw(some, rng), some, rng)
    return images, factors


def _table(kind: str, seed: int, start: int, f: Factors) -> pd.DataFrame:
    """TABLE_COLUMNS and the factors; colours take three columns each."""
    n, name = len(f), kind.removesuffix("s")
    index = np.arange(start, start + n)
    face = kind == "faces"
    lab = skin_lab(f.values["melanin"], f.values["haemoglobin"]) if face else np.full((n, 3), np.nan)
    angle = ita(lab)
    columns = {
        "image_id": [f"{name}-{i:07d}" for i in index],
        "label": np.full(n, int(face), np.uint8),
        "identity": [f"{name}-{seed}-{i:07d}" for i in index],
        "where": [f"rendered seed={seed} index={i}" for i in index],
        "race": "",
        "gender": np.where(f.values["woman"], *GENDERS) if face else "",
        "age": "",
        "skin_tone": classify_ita(angle),
        "ita": angle,
        "l_star": lab[:, 0],
        "hue": np.degrees(np.arctan2(lab[:, 2], lab[:, 1])),
    }
    table = pd.DataFrame(columns, index=range(n))[list(TABLE_COLUMNS)]
    return pd.concat([table, _factor_columns(kind, f)], axis=1)


def _factor_columns(kind: str, f: Factors) -> pd.DataFrame:
    columns: dict[str, np.ndarray] = {}
    for name, value in f.values.items():
        if name == "woman":
            continue  # `gender` says it
        parts = {name: value} if value.ndim == 1 else {f"{name}_{c}": value[:, i] for i, c in enumerate("rgb")}
        columns |= {
            FACTOR_PREFIX + key: part.astype(np.float32) if part.dtype.kind == "f" else part
            for key, part in parts.items()
        }
    return pd.DataFrame(columns)
