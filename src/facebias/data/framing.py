"""How faces are framed, measured: where the eyes of the mean face lie.

In the mean of many faces cut alike only what is at the same place in all of them is left, and the eyes are its two
darkest spots. Cut otherwise than their source says, faces have them elsewhere, whatever the pictures are called.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from facebias.core.errors import FacebiasError
from facebias.core.words import IMAGE_SIZE

TOLERANCE = 2.0  # pixels of 64 by which the eyes may lie elsewhere: a published set with few faces moves by one
_LEAST = 10  # faces: fewer show their hair and background too
_ENOUGH = 100  # of fewer it is a warning: one good copy in a hundred would be refused
_PARTS = 32  # every 32nd face, drawn together
_DRAWS = 100  # of parts with replacement: where the eyes would lie in as many other faces of the same kind
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_HEIGHTS = np.arange(10, 44)  # rows in which eyes are looked for, and half distances in steps of half a pixel
_HALVES = np.arange(5.0, 20.0, 0.5)


class Eyes(NamedTuple):
    """Eyes of a face: their height below the top and their distance, as shares of the side."""

    height: float
    distance: float

    def __str__(self) -> str:
        return f"eyes at height {self.height:.2f}, {self.distance:.2f} apart"


@dataclass
class MeanFace:
    """The sum of faces, part by part, and what it says of their framing."""

    count: int = 0
    _sums: np.ndarray = field(default_factory=lambda: np.zeros((_PARTS, IMAGE_SIZE, IMAGE_SIZE, 3)))

    def add(self, images: np.ndarray) -> None:
        """Add faces, uint8 (n, 64, 64, 3)."""
        for part in range(_PARTS):
            mine = images[(part - self.count) % _PARTS :: _PARTS]
            self._sums[part] += mine.sum(axis=0, dtype=np.int64)
        self.count += len(images)

    def eyes(self) -> Eyes | None:
        """Where they are; None of too few faces, and where draws of the faces do not agree, as without faces."""
        if self.count < _LEAST or (IMAGE_SIZE * self.drawn()[:, 0]).std() > TOLERANCE:
            return None
        height, distance = _darkest_pairs(self._sums.sum(axis=0, keepdims=True) @ _LUMINANCE)[0]
        return Eyes(float(height), float(distance))

    def drawn(self) -> np.ndarray:
        """Heights and distances (draws, 2) in as many draws of parts, the same at each call."""
        sums = self._sums[: self.count]  # with fewer faces than parts a part is one face
        draws = np.random.default_rng(0).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), _DRAWS)
        return _darkest_pairs(np.tensordot(draws, sums @ _LUMINANCE, 1))


def _darkest_pairs(light: np.ndarray) -> np.ndarray:
    """Height and distance, as shares of the side, of the two spots, alike on both sides of the middle, that are darker
    than what surrounds them by most; of each image of (n, 64, 64)."""
    detail = gaussian_filter(light, (0, 1.5, 1.5)) - gaussian_filter(light, (0, 6, 6))
    detail = (detail + detail[:, :, ::-1])[:, _HEIGHTS]
    columns, rest = np.divmod((IMAGE_SIZE - 1) / 2 + _HALVES, 1)
    left = columns.astype(int)
    depths = detail[:, :, left] * (1 - rest) + detail[:, :, left + 1] * rest
    row, half = np.unravel_index(depths.reshape(len(light), -1).argmin(axis=1), depths.shape[1:])
    return np.column_stack([_HEIGHTS[row] + 0.5, 2 * _HALVES[half]]) / IMAGE_SIZE


def refuse_other_framing(faces: MeanFace, expected: Eyes, where: str) -> None:
    """Raise where eyes lie more than `TOLERANCE` pixels from where a source's own lie, whichever faces are drawn.

    So of few faces gross faults alone are told, and of many any. Of fewer than 100 faces it is a warning.

    Args:
        faces: what is being packed.
        expected: the eyes of that source as published.
        where: the source, for the message.

    Raises:
        FacebiasError: they do, with both, and what likely was done to the pictures.
    """
    found = faces.eyes()
    if found is None or (IMAGE_SIZE * np.abs(faces.drawn() - expected).max(axis=1) <= TOLERANCE).any():
        return
    off = IMAGE_SIZE * np.abs(np.subtract(found, expected)).max()
    wider, cause = expected.distance / found.distance, "moved or squeezed"
    if not 0.9 < wider < 1.1:
        cause = f"cut {'wider' if wider > 1 else 'tighter'}, {wider:.1f} times the side"
    what = (
        f"the mean of {faces.count:,} faces has {found}; as published {expected}: {off:.0f} pixels of {IMAGE_SIZE} off"
    )
    mend = "Use them as published (data/README.md), or as a folder of your own: folder:NAME=PATH"
    fault = FacebiasError("FRAMING", where, f"{what}. These pictures were likely {cause}", mend)
    if faces.count >= _ENOUGH:
        raise fault
    warnings.warn(str(fault), stacklevel=2)
