"""Drawing on float32 images (n, 3, side, side) of linear light with soft masks (n, side, side), in place.

Edges are ramps one pixel wide: that is the anti-aliasing, so that nothing is rendered larger than it is kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy import fft

from facebias.core.words import IMAGE_SIZE


class Factors:
    """Ground truth of n pictures: a mapping from a factor's name to n values, with the views that drawing needs."""

    def __init__(self, values: dict[str, np.ndarray]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def __getattr__(self, name: str) -> Any:
        """A factor as float32 (n, 1, 1), or (n, 3, 1, 1) where it is a colour."""
        try:
            value = self.values[name]
        except KeyError:
            raise AttributeError(name) from None
        return value.astype(np.float32).reshape((*value.shape, 1, 1))

    def only(self, name: str, *kinds: str) -> np.ndarray:
        """(n, 1, 1) 1 where factor `name` is one of `kinds`, else 0."""
        return np.isin(self.values[name], kinds).astype(np.float32).reshape(-1, 1, 1)

    def rows(self, index: np.ndarray) -> Factors:
        """The pictures with these numbers."""
        return Factors({name: value[index] for name, value in self.values.items()})


@lru_cache(maxsize=1)
def pixel_grid() -> tuple[np.ndarray, np.ndarray]:
    """x (1, 1, side) and y (1, side, 1) of the pixel centres, 0 to 1 from the left and from the top."""
    centre = ((np.arange(IMAGE_SIZE) + 0.5) / IMAGE_SIZE).astype(np.float32)
    return centre.reshape(1, 1, IMAGE_SIZE), centre.reshape(1, IMAGE_SIZE, 1)


def ramp(depth: np.ndarray) -> np.ndarray:
    """Coverage of a pixel whose centre lies `depth` pixels inside an edge: 0 outside, 1 inside."""
    return np.clip(depth + np.float32(0.5), 0, 1)


def paint(red: float, green: float, blue: float) -> np.ndarray:
    """One colour in linear light for all pictures, float32 (1, 3, 1, 1)."""
    return np.array([red, green, blue], np.float32).reshape(1, 3, 1, 1)


def blob(x: np.ndarray, y: np.ndarray, cx: Any, cy: Any, sx: Any, sy: Any) -> np.ndarray:
    """A Gaussian hump of height 1 at (cx, cy) with scales (sx, sy)."""
    power = ((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2
    np.negative(power, out=power)
    return np.exp(power, out=power)


def disc(x: np.ndarray, y: np.ndarray, cx: Any, cy: Any, rx: Any, ry: Any, scale: Any) -> np.ndarray:
    """A filled ellipse with soft edges; `scale` is pixels a unit of x and y."""
    radius = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
    return ramp((1 - radius) * (np.minimum(rx, ry) * scale))


def mix(image: np.ndarray, colour: np.ndarray, mask: np.ndarray) -> None:
    """Cover `image` with `colour` ((n, 3, 1, 1) or an image) by `mask` (n, side, side), in place."""
    difference = colour - image
    difference *= mask[:, None]
    image += difference


def scale_by(image: np.ndarray, factor: np.ndarray) -> None:
    """Multiply all channels by `factor` (n, side, side), in place."""
    image *= factor[:, None]


@lru_cache(maxsize=32)
def _spread(cells: int) -> np.ndarray:
    """(side, cells) weights of cubic interpolation from `cells` values to the pixels."""
    at = (np.arange(IMAGE_SIZE) + 0.5) / IMAGE_SIZE * cells - 0.5
    distance = np.abs(at[:, None] - np.arange(cells)[None])
    weight = np.where(
        distance < 1,
        1 - 2.5 * distance**2 + 1.5 * distance**3,
        np.where(distance < 2, 2 - 4 * distance + 2.5 * distance**2 - 0.5 * distance**3, 0),
    )
    return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


def field(rng: np.random.Generator, shape: tuple[int, ...], rows: int, columns: int) -> np.ndarray:
    """Smooth noise (*shape, side, side), about standard normal, with `rows` x `columns` independent values."""
    values = rng.standard_normal((*shape, rows, columns), dtype=np.float32)
    return _spread(rows) @ values @ _spread(columns).T


@lru_cache(maxsize=1)
def _frequency() -> np.ndarray:
    across, down = np.fft.rfftfreq(IMAGE_SIZE), np.fft.fftfreq(IMAGE_SIZE)
    return np.maximum(np.hypot(across[None], down[:, None]), 1 / IMAGE_SIZE).astype(np.float32)


def power_noise(rng: np.random.Generator, shape: tuple[int, ...], slope: np.ndarray) -> np.ndarray:
    """Noise (n, *rest, side, side) with amplitude falling as frequency^-slope, `slope` (n,); unit deviation.

    Natural images have a slope near 1 (Field, JOSA A 4, 1987).
    """
    white = fft.rfft2(rng.standard_normal((*shape, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32))
    slope = slope.astype(np.float32).reshape((-1,) + (1,) * (len(shape) + 1))
    noise = fft.irfft2(white * _frequency() ** -slope, s=(IMAGE_SIZE, IMAGE_SIZE))
    noise -= noise.mean(axis=(-2, -1), keepdims=True)
    noise /= noise.std(axis=(-2, -1), keepdims=True) + np.float32(1e-6)
    return noise.astype(np.float32)
