"""What is on a face: skin, brows, eyes, nose, mouth and beard, painted as reflectance before light falls on it."""

from __future__ import annotations

import numpy as np

from facebias.core.words import IMAGE_SIZE
from facebias.data.rendering.canvas import Factors, blob, disc, field, mix, paint, ramp, scale_by
from facebias.data.rendering.shape import Head

_IRIS = np.array([[0.025, 0.012, 0.008], [0.07, 0.035, 0.015], [0.10, 0.09, 0.04], [0.10, 0.17, 0.26]], np.float32)


def skin(f: Factors, head: Head, rng: np.random.Generator) -> np.ndarray:
    """Reflectance (n, 3, side, side) of bare skin: pigment with mottling, flushed cheeks and nose, creases."""
    n = len(f)
    image = np.repeat(np.repeat(f.skin_colour, IMAGE_SIZE, axis=2), IMAGE_SIZE, axis=3)
    flush = blob(np.abs(head.fx), head.fy, 0.6, 0.58, 0.28, 0.28) + blob(head.nx, head.ny, 0, f.nose_length, 0.18, 0.15)
    mix(image, f.flushed_colour, np.minimum(flush, 1) * (0.25 + 0.35 * (f.lipstick > 0)))
    scale_by(image, 1 + f.mottle * field(rng, (n,), 22, 22))
    scale_by(image, 1 - _creases(f, head))
    return image


def _creases(f: Factors, head: Head) -> np.ndarray:
    """Hollows where little light comes: eye corners, folds beside nose and mouth, below lip, nose and brow."""
    side, fy = np.abs(head.fx), head.fy
    old = f.wrinkles
    hollow = 0.34 * blob(side, fy, 0.26, -0.02, 0.10, 0.15)
    hollow += (0.12 + 0.25 * old) * blob(side, fy, 0.48, 0.17, 0.20, 0.055)
    # The fold runs from the wing of the nose to beside the corner of the mouth, deeper in a smile
    fold = side - (f.nose_width + 0.06 + 0.45 * np.clip(fy - f.nose_length, 0, 1))
    along = ramp((fy - f.nose_length + 0.08) * 12) * ramp((f.mouth_y + 0.05 - fy) * 12)
    hollow += (0.10 + 0.22 * old + 0.25 * np.clip(f.smile, 0, 1)) * np.exp(-((fold / 0.055) ** 2)) * along
    hollow += 0.30 * blob(side, head.ny, f.nose_width + 0.02, f.nose_length + 0.02, 0.05, 0.10)
    hollow += 0.22 * blob(head.fx, fy, 0, f.mouth_y + f.lip + 0.10, f.mouth_width * 0.6, 0.045)
    hollow += 0.15 * blob(head.fx, fy, 0, f.nose_length + 0.20, 0.06, 0.09)
    lines = np.cos(fy * 42) * blob(head.fx, fy, 0, -0.62, 0.5, 0.16)
    return hollow + 0.12 * old * lines


def brows(f: Factors, head: Head, image: np.ndarray) -> None:
    """Two arches of hair; grey hair leaves them darker than the head's."""
    side = np.abs(head.fx)
    lift = f.brow_raise * 0.09
    inner = np.clip((0.42 - side) / 0.3, 0, 1)
    # Frowning pulls the inner ends down, surprise lifts the whole brow
    line = -f.brow_height - lift + 0.12 * np.clip(-f.brow_raise, 0, 1) * inner + f.asymmetry * np.sign(head.fx)
    line = line - f.brow_arch * (1 - ((side - 0.58) / 0.32) ** 2) * 0.7
    thick = f.brow_thick * (0.55 + 0.45 * np.clip((0.85 - side) / 0.5, 0, 1))
    mask = ramp((thick - np.abs(head.fy - line)) * head.scale) * ramp((0.31 - np.abs(side - 0.49)) * head.scale)
    mix(image, f.hair_colour * (0.75 - 0.3 * f.hair_grey)[:, None], mask * f.brow_strength * head.front)


def eyes(f: Factors, head: Head, image: np.ndarray) -> None:
    """White, iris, pupil, lids and lashes of both eyes."""
    side = np.abs(head.fx)
    # Light irises go with little pigment in the skin
    lightest = np.clip(1.9 - 2.4 * f.values["melanin"], 0.3, 1) * 4
    iris = _IRIS[np.minimum((f.values["iris"] * lightest).astype(int), 3)].reshape(-1, 3, 1, 1)
    open_ = np.maximum(f.eye_open * (1 + 0.35 * f.brow_raise - 0.45 * f.squint) * (1 - f.eyes_shut), 0.006)
    dx, dy = side - 0.5, head.fy + f.eye_tilt * (side - 0.5) - 0.01
    across = np.clip(1 - (dx / f.eye_width) ** 2, 0, 1)
    upper, lower = -open_ * 1.1 * across, open_ * 0.75 * across
    inside = ramp((dy - upper) * head.scale) * ramp((lower - dy) * head.scale) * (across > 0) * head.front
    lash = np.exp(-(((dy - upper) / 0.040) ** 2)) * np.sqrt(across) * head.front
    fold = np.exp(-(((dy - upper * 1.25 + 0.075) / 0.032) ** 2)) * np.sqrt(across)
    scale_by(image, 1 - 0.4 * f.lid_fold * fold)
    mix(image, paint(0.56, 0.53, 0.50), inside)
    looks = np.sign(head.fx) * f.gaze * 0.09
    down = f.gaze_down * 0.03 - 0.012
    mix(image, iris, disc(dx, dy, looks, down, np.float32(0.098), np.float32(0.098), head.scale) * inside)
    scale_by(image, 1 - 0.95 * inside * blob(dx, dy, looks, down, 0.045, 0.045))
    scale_by(image, 1 - (0.45 + 0.45 * f.lashes) * lash)
    for at in (-0.47, 0.53):  # both eyes show the same lamp, on the same side
        image += (0.5 * blob(head.fx, head.fy, at, -0.035, 0.026, 0.026) * inside)[:, None]


def nose(f: Factors, head: Head, image: np.ndarray) -> None:
    """Nostrils and the shadow below the tip; the rest of the nose is relief."""
    side = np.abs(head.nx)
    nostrils = blob(side, head.ny, f.nose_width * 0.5, f.nose_length + 0.085, 0.062, 0.036)
    scale_by(image, 1 - 0.72 * nostrils * head.front)
    scale_by(image, 1 - 0.28 * blob(head.nx, head.ny, 0, f.nose_length + 0.12, f.nose_width * 0.9, 0.05))
    # The nose shadows the cheek on the side away from the light
    away = -np.sign(f.azimuth) * (0.20 + 0.05 * np.abs(f.azimuth) / 45)
    strength = np.clip(np.abs(f.azimuth) / 50, 0, 1) * (1 - f.ambient) * 0.6
    scale_by(image, 1 - strength * blob(head.nx, head.ny, away, f.nose_length * 0.72, 0.12, 0.26))


def mouth(f: Factors, head: Head, image: np.ndarray) -> None:
    """Lips, and teeth and the dark between them where the mouth is open."""
    width = f.mouth_width * (1 + 0.18 * np.clip(f.smile, -0.3, 1) - 0.15 * (f.mouth_open > 0.6))
    x = head.fx + f.asymmetry
    bend = f.smile * 0.13 * (np.clip(x / width, -1.2, 1.2) ** 2 - 0.35)
    y = head.fy - f.mouth_y + bend
    across = np.clip(1 - (x / width) ** 2, 0, 1)
    gap = np.clip(f.mouth_open, 0, 1.2) * 0.21 * across
    arc = np.sqrt(across)
    upper, lower = -f.lip * 0.8 * arc * np.sqrt(arc) - gap * 0.35, f.lip * 1.12 * arc + gap
    here = (across > 0) * head.front
    lips = ramp((y - upper) * head.scale) * ramp((lower - y) * head.scale) * here
    painted = f.lip_colour * (1 - f.lipstick[:, None]) + f.lipstick_colour * f.lipstick[:, None]
    mix(image, painted * (1 - 0.14 * (f.lipstick <= 0)[:, None]), lips * 0.9)
    scale_by(image, 1 - 0.22 * lips * (y < 0))
    inner = ramp((y + gap * 0.35) * head.scale) * ramp((gap - y) * head.scale) * here
    mix(image, paint(0.035, 0.012, 0.012), inner)
    teeth = inner * ramp((gap * 0.62 + 0.012 - y) * head.scale) * np.clip(f.smile * 1.6 + 0.25, 0, 1)
    mix(image, paint(0.68, 0.64, 0.57), teeth)
    scale_by(image, 1 - 0.62 * np.exp(-((y / 0.026) ** 2)) * here * (gap < 0.03))
    corners = blob(np.abs(x), y, width, 0.0, 0.05, 0.04)
    scale_by(image, 1 - 0.35 * corners)


def beard(f: Factors, head: Head, image: np.ndarray, rng: np.random.Generator) -> None:
    """Stubble, moustache, goatee or full beard, as hair with gaps over the skin."""
    x, y, side = head.fx, head.fy, np.abs(head.fx)
    texture = np.clip(0.85 + 0.17 * field(rng, (len(f),), 32, 26), 0, 1.15)
    lips = ramp((1 - np.sqrt((x / (f.mouth_width * 1.02)) ** 2 + ((y - f.mouth_y - 0.02) / (f.lip * 1.5)) ** 2)) * 4)
    # The beard's upper edge falls from the sideburns to the corners of the mouth
    edge = f.mouth_y - 0.02 - 0.75 * np.clip((side - f.mouth_width - 0.02) / 0.55, 0, 1) ** 1.4
    edge = np.where(side < f.mouth_width, f.mouth_y + f.lip * 1.2, edge)
    cheeks = ramp((y - edge) * 9)
    below_nose = ramp((y - f.nose_length - 0.17) * 9)
    lip = ramp((f.mouth_width + 0.10 - side) * 9) * below_nose * ramp((f.mouth_y + 0.02 - y) * 9)
    beside = ramp((0.09 - np.abs(side - f.mouth_width - 0.05)) * 9) * below_nose
    chin = ramp((0.40 - side) * 9) * ramp((y - f.mouth_y - 0.05) * 9) + beside
    mask = lip * f.only("beard", "moustache", "goatee", "full", "stubble")
    mask = np.maximum(mask, np.minimum(chin, 1) * f.only("beard", "goatee", "full", "stubble"))
    mask = np.maximum(mask, cheeks * f.only("beard", "full", "stubble"))
    dense = (0.95 - 0.53 * f.only("beard", "stubble")) * f.beard_dense
    mix(image, f.hair_colour * 0.9, np.clip(mask * texture * (1 - lips) * dense, 0, 1) * head.inside)
