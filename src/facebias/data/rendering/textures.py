"""Negatives without a person: noise as of natural images, textures, scenery, and objects in the colours of skin."""

from __future__ import annotations

import numpy as np

from facebias.core.words import IMAGE_SIZE
from facebias.data.rendering.canvas import Factors, blob, field, mix, pixel_grid, power_noise, ramp
from facebias.data.rendering.scene import background

_MOST = 5  # shapes or spots in one picture


def _uniform(rng: np.random.Generator, low: float, high: float, n: int) -> np.ndarray:
    return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)


def _own_colour(f: Factors, rng: np.random.Generator, skin: float) -> np.ndarray:
    """(n, 3, 1, 1): the colour of some skin in a share `skin` of the pictures, else any."""
    like_skin = (rng.random(len(f)) < skin).reshape(-1, 1, 1, 1)
    return np.where(like_skin, f.skin_colour, f.back_other)


def noise(f: Factors, rng: np.random.Generator) -> np.ndarray:
    """Noise with the power spectrum of natural images, in brightness more than in colour."""
    n = len(f)
    bright = power_noise(rng, (n, 1), f.values["back_slope"])
    colour = power_noise(rng, (n, 3), f.values["back_slope"] + 0.2)
    strong = _uniform(rng, 0.3, 1.1, n)[:, None]
    return _own_colour(f, rng, 0.5) * np.exp(np.clip(strong * bright + 0.35 * strong * colour - 0.2, -4, 1.4))


def texture(f: Factors, rng: np.random.Generator) -> np.ndarray:
    """Stripes, checks and grains, bent by a smooth field: cloth, wood, brick, fur."""
    n = len(f)
    x, y = pixel_grid()
    turn, pace = _uniform(rng, 0, 3.14, n), np.exp(_uniform(rng, 1.2, 3.9, n))
    bend = _uniform(rng, 0, 1.4, n) * field(rng, (n,), 4, 4)
    along = (x * np.cos(turn) + y * np.sin(turn)) * pace + bend
    across = (y * np.cos(turn) - x * np.sin(turn)) * pace * _uniform(rng, 0.3, 1.5, n) + bend
    crossed = (rng.random((n, 1, 1)) < 0.5) * np.sin(across)
    wave = np.tanh((np.sin(along) + crossed) * _uniform(rng, 0.5, 4.0, n)) * 0.5 + 0.5
    grain = power_noise(rng, (n,), f.values["back_slope"]) * _uniform(rng, 0.05, 0.4, n)
    image = np.repeat(np.repeat(_own_colour(f, rng, 0.5), IMAGE_SIZE, axis=2), IMAGE_SIZE, axis=3)
    mix(image, f.back_colour, wave * _uniform(rng, 0.3, 1.0, n))
    return image * np.exp(grain)[:, None]


def scenery(f: Factors, rng: np.random.Generator) -> np.ndarray:
    """A background with boxes and rounded shapes in front of it, as in rooms and streets."""
    n = len(f)
    image = background(f, rng)
    x, y = pixel_grid()
    for _ in range(_MOST):
        cx, cy = _uniform(rng, 0, 1, n), _uniform(rng, 0.1, 1.1, n)
        rx, ry = _uniform(rng, 0.05, 0.35, n), _uniform(rng, 0.05, 0.5, n)
        power = np.where(rng.random((n, 1, 1)) < 0.6, 12.0, 2.0).astype(np.float32)
        radius = (np.abs((x - cx) / rx) ** power + np.abs((y - cy) / ry) ** power) ** (1 / power)
        colour = (rng.uniform(0.02, 0.7, (n, 1, 1, 1)) * rng.uniform(0.5, 1, (n, 3, 1, 1))).astype(np.float32)
        shade = 1 + 0.5 * (x - cx) / rx * np.sin(np.radians(f.azimuth)) + 0.15 * field(rng, (n,), 12, 12)
        mix(image, colour * np.clip(shade, 0.2, 1.7)[:, None], ramp((1 - radius) * np.minimum(rx, ry) * IMAGE_SIZE))
    return image


def objects(f: Factors, rng: np.random.Generator) -> np.ndarray:
    """One lit, rounded thing the size of a head, mostly in the colour of skin, with humps, spots and slits."""
    n = len(f)
    image = background(f, rng)
    x, y = pixel_grid()
    cx, cy = _uniform(rng, 0.35, 0.65, n), _uniform(rng, 0.4, 0.65, n)
    rx, ry, turn = _uniform(rng, 0.2, 0.48, n), _uniform(rng, 0.2, 0.55, n), _uniform(rng, -1.5, 1.5, n)
    dx, dy = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn), (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
    power = _uniform(rng, 1.7, 5.0, n)
    squared = np.abs(dx / rx) ** power + np.abs(dy / ry) ** power
    height = np.sqrt(np.clip(1 - squared, 0, 1)) * np.minimum(rx, ry)
    colour = np.repeat(np.repeat(_own_colour(f, rng, 0.7), IMAGE_SIZE, axis=2), IMAGE_SIZE, axis=3)
    colour *= (1 + 0.12 * field(rng, (n,), 16, 16))[:, None]
    for index in range(_MOST):
        here = rng.random((n, 1, 1)) < 0.6 - 0.08 * index
        sx, sy = _uniform(rng, -0.8, 0.8, n) * rx, _uniform(rng, -0.8, 0.8, n) * ry
        spot = blob(dx, dy, sx, sy, _uniform(rng, 0.02, 0.14, n), _uniform(rng, 0.02, 0.10, n)) * here
        height = height + spot * _uniform(rng, -0.06, 0.06, n)
        mix(colour, f.hair_colour if index % 2 else f.lip_colour, np.clip(spot * _uniform(rng, 0.2, 1.6, n), 0, 0.95))
    mix(image, colour * _lit(f, height)[:, None], ramp((1 - squared ** (1 / power)) * np.minimum(rx, ry) * IMAGE_SIZE))
    return image


def _lit(f: Factors, height: np.ndarray) -> np.ndarray:
    down, across = (np.gradient(height, axis=axis) * IMAGE_SIZE for axis in (1, 2))
    azimuth, elevation = np.radians(f.azimuth), np.radians(f.elevation)
    level = np.cos(azimuth) - across * np.sin(azimuth)
    facing = level * np.cos(elevation) + down * np.sin(elevation)
    return f.ambient + (1 - f.ambient) * np.clip(facing / np.sqrt(1 + across**2 + down**2), 0, None)
