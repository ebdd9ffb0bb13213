"""What is worn or held: glasses, hats and scarves, and things in front of the face."""

from __future__ import annotations

import numpy as np

from facebias.data.rendering.canvas import Factors, blob, field, mix, paint, ramp, scale_by
from facebias.data.rendering.shape import SKULL, Head


def glasses(f: Factors, head: Head, image: np.ndarray) -> None:
    """Rims, bridge and temples, a darker lens in sunglasses, and a glare on some."""
    worn = f.only("glasses", "thin", "thick", "sun") * head.front
    sun = f.only("glasses", "sun")
    thick = 0.022 + 0.028 * f.only("glasses", "thick") + 0.013 * sun
    side = np.abs(head.nx)
    # Round to boxy lenses: a superellipse
    wide, high = 0.37 + 0.05 * f.frame_shade, 0.24 + 0.06 * sun + 0.10 * f.frame_shade
    radius = (np.abs((side - 0.50) / wide) ** 2.8 + np.abs((head.ny - 0.06) / high) ** 2.8) ** (1 / 2.8)
    rim = ramp((thick - np.abs(radius - 1) * high) * head.scale)
    bridge = ramp((0.15 - side) * head.scale) * ramp((thick - np.abs(head.ny + 0.02)) * head.scale)
    temple = ramp((thick * 1.2 - np.abs(head.ny + 0.06)) * head.scale) * ramp((side - 0.86) * head.scale) * head.inside
    lens = ramp((1 - radius) * high * head.scale)
    dark = paint(0.02, 0.018, 0.016) * (1 + 2 * f.frame_shade[:, None])
    mix(image, dark, lens * sun * worn * 0.93)
    shine = blob(head.nx, head.ny, -0.42, -0.02, 0.16, 0.06) + blob(head.nx, head.ny, 0.58, -0.02, 0.16, 0.06)
    image += (shine * lens * worn * f.glare * 0.35)[:, None]
    frame = (0.01 + f.frame_shade)[:, None] * paint(1.0, 0.85, 0.7)
    mix(image, frame, np.maximum(np.maximum(rim, bridge), temple) * worn)


def covering(f: Factors, head: Head, image: np.ndarray, rng: np.random.Generator) -> None:
    """Cap, beanie, brimmed hat, turban or headscarf, with folds and the shadow it casts on the forehead."""
    if not np.any(f.values["covering"] != "none"):
        return
    folds = field(rng, (len(f),), 14, 9) * 0.12 + field(rng, (len(f),), 30, 30) * 0.04
    away = np.clip(1 + np.sin(np.radians(f.azimuth)) * head.x * 0.35, 0.3, 1.6)
    cloth = f.cloth_colour * ((f.ambient + (1 - f.ambient) * away) * (0.75 + folds))[:, None]
    _hat(f, head, image, cloth)
    scarf = f.only("covering", "scarf")
    # An oval is left open for the face; the rest of head, neck and shoulders is cloth
    low = 0.80 + 0.15 * f.covering_low
    tall = f.chin * 0.52 + 0.35 + 0.12 * f.covering_low
    oval = np.sqrt((head.fx / (low * f.width)) ** 2 + ((head.fy - 0.50) / tall) ** 2)
    open_ = ramp((1 - oval) * head.scale) * head.inside
    x = head.x + 0.30 * head.sin_yaw
    wide = f.width + 0.22 + 0.45 * np.clip(head.y - 0.8, 0, 1.5)
    outline = 1 - np.sqrt((x / wide) ** 2 + (np.minimum(head.y, 0) / (SKULL + 0.15)) ** 2)
    mask = ramp(outline * head.scale) * (1 - open_) * scarf
    scale_by(image, 1 - 0.45 * scarf * np.clip(1 - np.abs(oval - 0.92) / 0.16, 0, 1))
    mix(image, cloth, mask)


def _hat(f: Factors, head: Head, image: np.ndarray, cloth: np.ndarray) -> None:
    """Anything that ends at the forehead; a cap has a visor in front, a brimmed hat one all round."""
    hat, visor = f.only("covering", "cap", "beanie", "brim", "turban"), f.only("covering", "cap", "brim")
    turban, brimmed = f.only("covering", "turban"), f.only("covering", "brim")
    # Worn low or high; caps dip in the middle, turbans rise there
    edge = -0.66 + 0.26 * f.covering_low - 0.08 * head.fx**2 * visor + turban * (0.35 * np.abs(head.fx) - 0.14)
    x = head.x + 0.25 * head.sin_yaw
    bulk = 0.10 + 0.24 * turban + 0.05 * f.only("covering", "beanie")
    dome = 1 - np.sqrt((x / (f.width + bulk)) ** 2 + (np.minimum(head.y, 0) / (SKULL + 0.1 + bulk)) ** 2)
    crown = ramp(dome * head.scale) * ramp((edge - head.fy) * head.scale)
    shade = np.clip(1 - (head.fy - edge) / 0.45, 0, 1) * (head.fy > edge) * head.inside
    scale_by(image, 1 - shade * hat * (0.15 + 0.35 * visor))
    seams = 1 - 0.16 * np.abs(np.sin((head.fy + 0.5 * head.fx) * 9)) * turban
    mix(image, cloth * seams[:, None], crown * hat)
    half = 0.07 + 0.05 * f.covering_low
    reach = 0.92 + 0.88 * brimmed
    front = ramp((half - np.abs(head.fy - edge + half * 0.5)) * head.scale) * ramp((reach - np.abs(x)) * head.scale)
    mix(image, cloth * 0.62, front * visor)


def occluder(f: Factors, head: Head, image: np.ndarray, rng: np.random.Generator) -> None:
    """A hand at the face, a mask over nose and mouth, or some object in front."""
    if not np.any(f.values["occluder"] != "none"):
        return
    turn = f.occluder_turn
    x, y = head.fx - f.occluder_x, head.fy - f.occluder_y
    along, across = x * np.sin(turn) + y * np.cos(turn), x * np.cos(turn) - y * np.sin(turn)
    light = (f.ambient + (1 - f.ambient) * 0.8)[:, None]
    # Fingers: four ridges across a palm that comes from the edge of the picture
    fingers = 0.72 + 0.30 * np.abs(np.cos(across * 11)) - 0.12 * np.clip(-along, 0, 1)
    hand = ramp((0.50 - np.abs(across)) * head.scale) * ramp((along + 0.35 + 0.10 * np.cos(across * 6)) * head.scale)
    mix(image, f.skin_colour * light * fingers[:, None], hand * f.only("occluder", "hand"))
    top = 0.42 + 0.16 * np.abs(head.fx)
    mask = ramp((head.fy - top) * head.scale) * ramp((f.chin * 0.98 - head.fy) * head.scale) * head.inside
    cloth = (0.85 + 0.10 * np.cos(head.fy * 16) + 0.1 * (head.light - 0.7))[:, None] * light
    mix(image, f.occluder_colour**0.5 * cloth, mask * f.only("occluder", "mask"))
    thing = ramp((0.22 + 0.2 * f.covering_low - np.abs(across)) * head.scale) * ramp((along + 0.2) * head.scale)
    texture = 1 + 0.25 * field(rng, (len(f),), 12, 12)
    mix(image, f.occluder_colour * light * texture[:, None], thing * f.only("occluder", "object"))
