"""Hair behind and in front of the head: outline, hairline, length and texture for each kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facebias.data.rendering.canvas import Factors, field, ramp
from facebias.data.rendering.shape import SKULL, Head

# For each kind: how far hair stands out at the sides and on top, how far down it hangs, height of the hairline, how
# rough its edge is, how curly it is, how much of it there is on the skull, and how far it comes over the cheeks
_KINDS = {
    "bald": (0.00, 0.00, -0.30, -1.50, 0.00, 0.2, 0.00, 0.00),
    "receding": (0.03, 0.00, 0.15, -1.20, 0.02, 0.3, 0.75, 0.00),
    "buzz": (0.02, 0.03, 0.10, -0.72, 0.01, 0.8, 0.80, 0.00),
    "short": (0.05, 0.16, 0.10, -0.70, 0.03, 0.4, 1.0, 0.00),
    "parted": (0.09, 0.24, 0.25, -0.66, 0.03, 0.1, 1.0, 0.02),
    "curly": (0.28, 0.30, 0.95, -0.66, 0.08, 1.0, 1.0, 0.08),
    "afro": (0.42, 0.40, 0.65, -0.70, 0.06, 1.2, 1.0, 0.02),
    "bob": (0.22, 0.22, 1.30, -0.62, 0.02, 0.1, 1.0, 0.14),
    "long": (0.20, 0.18, 3.00, -0.68, 0.03, 0.0, 1.0, 0.12),
    "wavy": (0.30, 0.24, 3.00, -0.66, 0.06, 0.6, 1.0, 0.12),
    "updo": (0.03, 0.20, 0.05, -0.76, 0.02, 0.1, 1.0, 0.00),
}
_NAMES = ("wide", "tall", "hangs", "hairline", "rough", "curl", "cover", "cheek")


@dataclass(slots=True)
class Hair:
    """Masks and colour of the hair of n heads: `behind` everything else, `over` the face; `colour` is an image."""

    behind: np.ndarray
    over: np.ndarray
    colour: np.ndarray


def build_hair(f: Factors, head: Head, rng: np.random.Generator) -> Hair:
    """The hair of the heads of `f`, lit by the same light."""
    table = np.array([_KINDS[kind] for kind in f.values["hair"]], np.float32)
    kind = dict(zip(_NAMES, table.T.reshape(len(_NAMES), -1, 1, 1), strict=True))
    n = len(f)
    rough = field(rng, (n,), 20, 20)
    behind = _outline(f, head, kind, rough)
    over = _front(f, head, kind, rough, behind)
    return Hair(behind, over, _shaded(f, head, kind, rough, rng))


def _outline(f: Factors, head: Head, kind: dict[str, np.ndarray], rough: np.ndarray) -> np.ndarray:
    # The back of the head comes into view on the side that the face turns from
    x = head.x + 0.30 * head.sin_yaw
    more = 0.7 + 0.6 * f.hair_volume
    wide = f.width * (1.01 + 0.10 * np.abs(head.sin_yaw)) + kind["wide"] * more
    tall = SKULL + kind["tall"] * more - 0.02
    up = np.minimum(head.y, 0) / tall
    hangs = kind["hangs"] * (0.75 + 0.5 * f.hair_length)
    # Hanging hair swings out a little and then in
    down = np.clip(head.y, 0, None)
    drift = 1 + 0.06 * np.sin(down * 1.5) * (kind["hangs"] > 1)
    inside = 1 - np.sqrt((x / (wide * drift)) ** 2 + up * up)
    edge = kind["rough"] * rough
    tip = hangs + 0.10 * rough - head.y - 0.25 * (np.abs(x) / wide) ** 2 * (kind["hangs"] < 1)
    return ramp((inside * wide + edge) * head.scale) * ramp(tip * head.scale) * (kind["cover"] > 0)


def _front(f: Factors, head: Head, kind: dict[str, np.ndarray], rough: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Hair over the forehead and along the cheeks."""
    side = np.abs(head.fx)
    fringe = np.clip((f.fringe - 0.72) / 0.28, 0, 1) * (kind["hairline"] > -0.69) * 0.42
    parting = 0.10 * np.abs(head.fx - f.part * 0.5) * (kind["wide"] > 0.05)
    # Temples: the hairline comes down at the sides, with a corner in men's short hair
    temples = np.clip((side - 0.62) / 0.35, 0, 1) ** 1.5 * (0.55 + 0.45 * kind["cover"])
    line = kind["hairline"] - 0.14 * f.wrinkles + fringe + parting * 1.2 + temples + 0.7 * kind["rough"] * rough
    top = ramp((line - head.fy) * head.scale)
    burns = ramp((side - f.width * 0.90 + kind["cheek"] * (0.5 + f.hair_volume)) * head.scale)
    burns = burns * ramp((kind["hangs"] * (0.75 + 0.5 * f.hair_length) - head.fy) * head.scale)
    # Behind the ear, and back from the face, everything on the skull is hair
    back = ramp((0.10 - head.front) * 6) * ramp((0.9 - head.fy) * head.scale)
    on_skull = np.maximum(np.maximum(top, burns * (head.fy > -0.5)), back)
    within = np.maximum(behind, head.inside)
    return on_skull * within * kind["cover"]


def _shaded(
    f: Factors, head: Head, kind: dict[str, np.ndarray], rough: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    n = len(f)
    strands = field(rng, (n,), 5, 40)
    locks = field(rng, (n,), 28, 28)
    curl = np.clip(kind["curl"], 0, 1)
    texture = strands * (1 - curl) + locks * curl
    # Hair shines in a band round the head
    band = np.exp(-(((np.sqrt(head.x**2 + head.y**2) - 1.25) / 0.16) ** 2)) * np.clip(-head.y, 0, 1) * (1 - curl)
    away = np.clip(1 - np.sin(np.radians(f.azimuth)) * -head.x * 0.35, 0.3, 1.6)
    light = (0.62 + 0.20 * texture + 0.12 * rough) * (f.ambient * 0.85 + (1 - f.ambient) * away * 0.9)
    light = np.clip(light, 0.05, None)
    shine = 0.10 * band * (1 - f.ambient) * np.clip(1 + 0.6 * strands, 0, None)
    return f.hair_colour * light[:, None] + shine[:, None]
