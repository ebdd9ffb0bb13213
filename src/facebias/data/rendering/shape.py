"""The head as a surface: where each pixel lies on it, how high, and how it is turned to the light.

The head is an ellipsoid centred between the eyes, narrowed towards the chin, seen in parallel projection; nose,
brows, cheeks, lips and chin are humps on it. Turning the head turns the ellipsoid, so features move, shorten and
vanish round the side as they should. Lengths are in distances between the eye centres, y down from eye height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facebias.core.words import IMAGE_SIZE
from facebias.data.rendering.canvas import Factors, blob, pixel_grid, ramp

EYE_DISTANCE, EYE_HEIGHT = 0.35, 0.31  # of the side: the "tight" framing that every source is brought to
SKULL = 1.66  # from the eyes to the crown


@dataclass(slots=True)
class Head:
    """Coordinates of n heads, each (n, side, side) float32 unless said.

    Attributes:
        x, y: picture plane, upright and centred on the head.
        fx, fy: on the face, as in a frontal view: the eyes are at (-0.5, 0) and (0.5, 0).
        nx, ny: the same for things that stand out as the nose does.
        inside: coverage of the head's outline; front: 1 where the face side of the head is seen.
        scale: pixels a unit (n, 1, 1); sin_yaw: (n, 1, 1).
        light: diffuse light; gloss: mirror-like light; both on the skin.
    """

    x: np.ndarray
    y: np.ndarray
    fx: np.ndarray
    fy: np.ndarray
    nx: np.ndarray
    ny: np.ndarray
    inside: np.ndarray
    front: np.ndarray
    scale: np.ndarray
    sin_yaw: np.ndarray
    light: np.ndarray
    gloss: np.ndarray


def build_head(f: Factors) -> Head:
    """Place, turn and light the heads of `f`."""
    yaw, pitch, roll = (np.radians(getattr(f, name)) for name in ("yaw", "pitch", "roll"))
    scale = EYE_DISTANCE * IMAGE_SIZE * f.size
    x, y = _upright(f, yaw, pitch, roll, scale)
    chin, depth = f.chin + 0.10 * np.maximum(f.mouth_open, 0), f.width
    v = y / np.where(y > 0, chin, np.float32(SKULL))
    below = np.clip(v, 0, 1)
    # Narrow towards the chin, but keep the ellipse's full width at the cheeks
    width = f.width * (1 - f.jaw * below * below)
    u = x / width
    power = np.where(v > 0, f.square, np.float32(2.0))
    squared = u * u + np.abs(v) ** power
    inside = ramp((1 - np.sqrt(squared)) * (f.width * scale))
    z = np.sqrt(np.maximum(1 - squared, 0))
    turned = z * np.cos(yaw) + u * np.sin(yaw)
    fx = (u * np.cos(yaw) - z * np.sin(yaw)) * width
    fy = y * np.cos(pitch) - turned * np.sin(pitch) * 1.15
    ahead = turned * np.cos(pitch) + v * np.sin(pitch)
    # The tip is ahead of the eyes by its own height and by the hollow in which they lie
    stands_out = (f.nose_height + 0.12) * np.clip(fy / f.nose_length, 0, 1)
    nx = fx - stands_out * np.tan(np.clip(yaw, -0.8, 0.8))
    ny = fy - stands_out * np.tan(pitch)
    height = z * depth + _relief(f, fx, fy, nx, ny)
    light, gloss = _lighting(f, height, scale)
    return Head(x, y, fx, fy, nx, ny, inside, np.clip(ahead * 8, 0, 1), scale, np.sin(yaw), light, gloss)


def _upright(
    f: Factors, yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Picture plane without roll. A turned head is moved so that its eyes stay near their place, as aligners do."""
    across, down = pixel_grid()
    dx = across - (0.5 + f.shift_x)
    dy = down - (EYE_HEIGHT + f.shift_y)
    side = IMAGE_SIZE / scale
    x = (dx * np.cos(roll) + dy * np.sin(roll)) * side + f.width * np.sin(yaw) * 0.8
    y = (dy * np.cos(roll) - dx * np.sin(roll)) * side + np.sin(pitch) * 0.9
    return x, y


def _relief(f: Factors, fx: np.ndarray, fy: np.ndarray, nx: np.ndarray, ny: np.ndarray) -> np.ndarray:
    """What stands out of the ellipsoid or sinks into it."""
    side = np.abs(fx)
    along = np.clip(ny / f.nose_length, 0, 1)
    below_tip = np.clip((ny - f.nose_length) / 0.14, 0, 1)
    ridge = along * along * (1 - below_tip) * f.nose_height * np.exp(-((nx / (0.09 + 0.09 * along)) ** 2))
    wings = blob(np.abs(nx), ny, f.nose_width * 0.62, f.nose_length, 0.10, 0.10) * 0.10
    sockets = blob(side, fy, 0.48, 0.02, 0.27, 0.17) * -0.13
    eyeballs = blob(side, fy, 0.5, 0.01, 0.17, 0.10) * 0.07
    brows = blob(side, fy, 0.42, -f.brow_height, 0.36, 0.10) * (0.04 + 0.25 * (f.nose_height - 0.25))
    cheeks = blob(side, fy, 0.62, 0.55, 0.30, 0.25) * (f.cheek + 0.05 * np.maximum(f.smile, 0))
    lips = blob(fx, fy, 0.0, f.mouth_y + 0.02, f.mouth_width * 0.8, f.lip) * 0.06
    chin = blob(fx, fy, 0.0, f.chin * 0.90, 0.26, 0.16) * 0.08
    return ridge + wings + sockets + eyeballs + brows + cheeks + lips + chin


def _lighting(f: Factors, height: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lambert's law with light from everywhere beside it, and Blinn's highlight."""
    slope_y = np.gradient(height, axis=1) * scale
    slope_x = np.gradient(height, axis=2) * scale
    inverse = 1 / np.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
    azimuth, elevation = np.radians(f.azimuth), np.radians(f.elevation)
    lx, ly, lz = np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), np.cos(azimuth) * np.cos(elevation)
    facing = (lz - slope_x * lx - slope_y * ly) * inverse
    # Skin lets light through: the edge of a shadow is softer than Lambert's
    direct = np.clip(facing * 0.88 + 0.12, 0, None)
    above = 0.75 + 0.25 * (slope_y * inverse) + 0.2 * inverse - 0.1
    light = f.ambient * above + (1 - f.ambient) * direct * 1.3
    hz = lz + 1
    half = (hz - slope_x * lx - slope_y * ly) * inverse / np.sqrt(lx * lx + ly * ly + hz * hz)
    return light, np.clip(half, 0, None) ** 26 * (1 - 0.6 * f.ambient)
