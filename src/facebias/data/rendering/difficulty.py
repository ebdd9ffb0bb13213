"""How hard rendered pictures are, in one place: the spread of light, pose, occlusion and of the camera's faults.

Nothing here depends on skin tone or gender. What makes dark faces harder is that the training set holds few of
them and that they reflect less light, as in photographs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difficulty:
    """Spreads and shares of a rendered picture; the defaults are the study's. Angles in degrees, sides in 0..1."""

    # Pose and framing (normal spreads around the "tight" convention)
    yaw: float = 18.0
    pitch: float = 9.0
    roll: float = 8.0
    scale: float = 0.08
    shift: float = 0.025
    # Light
    exposure: float = 0.70  # stops
    azimuth: float = 42.0
    elevation: float = 22.0
    tint: float = 0.10  # log spread of the light's colour, warm to cool
    ambient: tuple[float, float] = (0.15, 0.65)  # share of the light that comes from everywhere
    contrast: tuple[float, float] = (0.85, 1.35)  # of the camera's tone curve
    grey: float = 0.03  # share of pictures without colour
    # Occlusion
    occluder: float = 0.10  # a hand, a mask, something in front
    covering: float = 0.16
    glasses: float = 0.20
    # Camera
    blur: float = 0.80  # median sigma in pixels
    noise: float = 0.012  # median sigma, of the encoded range
    jpeg: tuple[int, int] = (35, 95)
    # Negatives: shares of the kinds, in the order of negatives.KINDS, and of its last two together beside them
    negatives: tuple[float, ...] = (0.10, 0.09, 0.09, 0.16, 0.10, 0.10, 0.24, 0.12)
    harder: float = 0.0
    negative_dark_share: float = 0.06  # of the people that negatives are made of, as in training: else dark skin
    # itself would be a sign of a non-face
