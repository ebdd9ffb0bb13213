"""What is round a head: the background, neck and clothes."""

from __future__ import annotations

import numpy as np

from facebias.core.words import IMAGE_SIZE
from facebias.data.rendering.canvas import Factors, field, mix, paint, pixel_grid, power_noise, ramp
from facebias.data.rendering.shape import Head


def background(f: Factors, rng: np.random.Generator) -> np.ndarray:
    """Linear light (n, 3, side, side): plain, gradient, blurred lights, texture or blocks, by factor."""
    n = len(f)
    x, y = pixel_grid()
    slope = (x - 0.5) * np.cos(f.back_turn) + (y - 0.5) * np.sin(f.back_turn)
    kind = {name: f.only("background", name) for name in ("gradient", "blurred", "texture", "blocks")}
    soft = field(rng, (n,), 5, 5)
    share = 0.08 * soft + kind["gradient"] * slope * 0.9 + kind["blurred"] * (0.5 + 0.5 * soft)
    steps = np.repeat(np.repeat(rng.random((n, 5, 4), dtype=np.float32), 13, axis=1), 16, axis=2)[
        :, :IMAGE_SIZE, :IMAGE_SIZE
    ]
    share = share + kind["blocks"] * (steps > 0.5)
    image = np.repeat(np.repeat(f.back_colour, IMAGE_SIZE, axis=2), IMAGE_SIZE, axis=3)
    mix(image, f.back_other, np.clip(share, 0, 1))
    colour = field(rng, (n, 3), 4, 4) * (0.04 + 0.08 * kind["blurred"])[:, None]
    strength = 0.08 + 0.45 * kind["texture"] + 0.1 * kind["blocks"]
    grain = power_noise(rng, (n, 1), f.values["back_slope"]) * strength[:, None]
    image *= np.exp(np.clip(colour + grain, -1.5, 1.2))
    return image


def body(f: Factors, head: Head, image: np.ndarray, rng: np.random.Generator) -> None:
    """Neck and clothes, in place; the chin shadows the neck."""
    x = head.x + 0.35 * head.sin_yaw
    side = np.abs(x)
    slope = 1.62 + 0.42 * np.clip(side - f.neck, 0, 2)
    neck = ramp((f.neck + 0.10 * np.clip(head.y - 1.6, 0, 1) - side) * head.scale) * ramp((head.y - 0.8) * head.scale)
    shoulders = ramp((head.y - slope) * head.scale)
    shade = np.clip(0.42 + 0.45 * (head.y - f.chin), 0.32, 0.85) * (0.8 * f.ambient + (1 - f.ambient) * 0.75)
    shade = shade * np.clip(1 + np.sin(np.radians(f.azimuth)) * x * 0.5, 0.35, 1.4)
    mix(image, f.skin_colour * shade[:, None], np.maximum(neck, shoulders))
    # A round or V-shaped neckline
    cut = 1.80 + 0.35 * f.collar - (0.15 + 0.35 * f.collar) * np.clip(side - 0.2, 0, 1.2)
    folds = 0.75 + 0.16 * field(rng, (len(f),), 9, 12)
    cloth = f.clothes_colour * (folds * (0.5 * f.ambient + 0.5))[:, None]
    mix(image, cloth, ramp((head.y - np.maximum(cut, slope - 0.04)) * head.scale))


def ears(f: Factors, head: Head, image: np.ndarray) -> None:
    """Ears at the sides of the head; the one that the head turns to hide goes behind it."""
    x = head.x + 0.10 * head.sin_yaw
    out = f.width * 1.0
    radius = np.sqrt(((np.abs(x) - out) / 0.13) ** 2 + ((head.y - 0.28) / 0.34) ** 2)
    mask = ramp((1 - radius) * 0.13 * head.scale)
    direct = np.clip(0.7 + np.sin(np.radians(f.azimuth)) * np.sign(x) * 0.5, 0.1, 1.2)
    shade = (0.55 + 0.35 * np.clip(radius, 0, 1)) * (f.ambient + (1 - f.ambient) * direct)
    mix(image, f.flushed_colour * shade[:, None], mask)


def earrings(f: Factors, head: Head, image: np.ndarray) -> None:
    """A bright stud or drop under each ear."""
    radius = np.sqrt(((np.abs(head.x + 0.1 * head.sin_yaw) - f.width) / 0.07) ** 2 + ((head.y - 0.72) / 0.11) ** 2)
    mix(image, paint(0.7, 0.6, 0.4), ramp((1 - radius) * 0.07 * head.scale) * f.earring)
