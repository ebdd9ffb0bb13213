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
_LEAST = 50  # faces: the mean of fewer shows their hair and background too
_ENOUGH = 100  # of fewer it is a warning
_PARTS = 4  # means of every fourth face, which must agree
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
        """Where they are; None of too few faces, and where four parts of them do not agree, as without faces."""
        if self.count < _LEAST:
            return None
        whole = _darkest_pair(self._sums.sum(axis=0) / self.count)
        parts = np.array([_darkest_pair(total / (self.count / _PARTS)) for total in self._sums])
        return whole if (np.abs(parts - whole) * IMAGE_SIZE <= TOLERANCE).all() else None


def _darkest_pair(image: np.ndarray) -> Eyes:
    """The two spots, alike on both sides of the middle, that are darker than what surrounds them by most."""
    light = image @ _LUMINANCE
    detail = gaussian_filter(light, 1.5) - gaussian_filter(light, 6)
    detail = (detail + detail[:, ::-1]) / 2
    middle = (IMAGE_SIZE - 1) / 2
    columns = np.arange(IMAGE_SIZE)
    depths = np.array([np.interp(middle + _HALVES, columns, detail[row]) for row in _HEIGHTS])
    row, half = np.unravel_index(np.argmin(depths), depths.shape)
    return Eyes(float((_HEIGHTS[row] + 0.5) / IMAGE_SIZE), float(2 * _HALVES[half] / IMAGE_SIZE))


def refuse_other_framing(found: Eyes, expected: Eyes, where: str, count: int) -> None:
    """Raise where the eyes lie more than `TOLERANCE` pixels from where a source's own lie; of few faces, warn.

    Args:
        found: of the faces that are being packed.
        expected: of that source as published.
        where: the source, for the message.
        count: faces.

    Raises:
        FacebiasError: they do, with both, and what likely was done to the pictures.
    """
    off = IMAGE_SIZE * max(abs(found.height - expected.height), abs(found.distance - expected.distance))
    if off <= TOLERANCE:
        return
    wider, cause = expected.distance / found.distance, "moved or squeezed"
    if not 0.9 < wider < 1.1:
        cause = f"cut {'wider' if wider > 1 else 'tighter'}, {wider:.1f} times the side"
    what = f"the mean of {count:,} faces has {found}; as published {expected}: {off:.0f} pixels of {IMAGE_SIZE} off. "
    mend = "Use them as published (data/README.md), or as a folder of your own: folder:NAME=PATH"
    fault = FacebiasError("FRAMING", where, f"{what}These pictures were likely {cause}", mend)
    if count >= _ENOUGH:
        raise fault
    warnings.warn(str(fault), stacklevel=2)
