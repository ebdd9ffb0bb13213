"""The factors of rendered faces: everything about a picture that is drawn by chance, before a pixel is.

Shape, hair and worn things are correlated with gender and overlap; hair colour follows skin pigment. Pose, light
and camera are drawn after the person, from spreads that know neither gender nor skin tone.

Units: angles in degrees, colours linear sRGB, lengths of the face in distances between the eyes, `exposure` in
stops, `blur` (sigma) in pixels, `noise` (sigma) in 0..1 of the encoded range, `jpeg` the quality, `shift_x` and
`shift_y` in sides of the picture, the rest strengths or shares around 0..1.
"""

from __future__ import annotations

import numpy as np

from facebias.core.tone_scale import CLASSES, class_range
from facebias.data.rendering.canvas import Factors
from facebias.data.rendering.colour import hair_albedo, melanin_for, skin_albedo, skin_lab
from facebias.data.rendering.difficulty import Difficulty
from facebias.data.skin_tone import ita

HAIR = ("bald", "receding", "buzz", "short", "parted", "curly", "afro", "bob", "long", "wavy", "updo")
_HAIR_WOMEN = (0.01, 0.01, 0.03, 0.07, 0.06, 0.10, 0.06, 0.13, 0.27, 0.14, 0.12)
_HAIR_MEN = (0.09, 0.10, 0.16, 0.33, 0.15, 0.07, 0.03, 0.02, 0.03, 0.02, 0.0)
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
_BEARDS_MEN = (0.50, 0.18, 0.08, 0.08, 0.16)
EXPRESSIONS = ("neutral", "smile", "laugh", "frown", "surprise", "talk")
_EXPRESSIONS = (0.30, 0.27, 0.22, 0.08, 0.05, 0.08)
GLASSES = ("thin", "thick", "sun")
_GLASSES = (0.42, 0.33, 0.25)
COVERINGS = ("cap", "beanie", "brim", "turban", "scarf")
_COVERINGS_WOMEN = (0.15, 0.14, 0.15, 0.08, 0.48)
_COVERINGS_MEN = (0.40, 0.22, 0.17, 0.21, 0.0)
OCCLUDERS = ("hand", "mask", "object")
_OCCLUDERS = (0.45, 0.25, 0.30)
BACKGROUNDS = ("plain", "gradient", "blurred", "texture", "blocks")
_BACKGROUNDS = (0.16, 0.20, 0.30, 0.20, 0.14)


def draw_factors(rng: np.random.Generator, tone: np.ndarray, woman: np.ndarray, hard: Difficulty) -> Factors:
    """All factors of len(tone) faces; `tone` indexes facebias.data.skin_tone.CLASSES, `woman` is boolean."""
    values = {"woman": woman} | _skin(rng, tone)
    values |= _shape(rng, woman)
    values |= _hair(rng, woman, values["melanin"])
    values |= _worn(rng, woman, hard)
    values |= _expression(rng, len(tone))
    values |= draw_pose(rng, len(tone), hard)
    values |= draw_photo(rng, len(tone), hard)
    values |= draw_background(rng, len(tone))
    return Factors(values)


def _pick(rng: np.random.Generator, kinds: tuple[str, ...], shares: tuple[float, ...] | None, n: int) -> np.ndarray:
    return rng.choice(np.array(kinds), size=n, p=None if shares is None else np.divide(shares, sum(shares)))


def _by_gender(woman: np.ndarray, women: np.ndarray, men: np.ndarray) -> np.ndarray:
    return np.where(woman, women, men)


def _skin(rng: np.random.Generator, tone: np.ndarray) -> dict[str, np.ndarray]:
    n = len(tone)
    haemoglobin = rng.uniform(0.2, 0.75, n)
    low, high = np.array([class_range(name) for name in CLASSES]).T[:, tone]
    # The palest skin that this haemoglobin allows, and the darkest that people have
    high = np.minimum(high, ita(skin_lab(np.zeros(n), haemoglobin))) - 0.3
    low = np.maximum(low, -62.0) + 0.3
    melanin = melanin_for(rng.uniform(low, high), haemoglobin)
    colour = skin_albedo(melanin, haemoglobin)
    return {
        "melanin": melanin,
        "haemoglobin": haemoglobin,
        "skin_colour": colour,
        "flushed_colour": skin_albedo(melanin, haemoglobin + 0.8),
        "lip_colour": skin_albedo(melanin * 0.95, haemoglobin + 2.6),
        "gloss": rng.uniform(0.01, 0.09, n),
        "mottle": rng.uniform(0.0, 0.06, n),
        "wrinkles": rng.random(n) ** 2,
    }


def _shape(rng: np.random.Generator, woman: np.ndarray) -> dict[str, np.ndarray]:
    n, man = len(woman), (~woman).astype(float)

    def about(mean: float, more_in_men: float, spread: float) -> np.ndarray:
        """Normal numbers, cut at 2.2 deviations, whose mean is another for men."""
        return mean + more_in_men * man + np.clip(rng.standard_normal(n), -2.2, 2.2) * spread

    # Lengths in distances between the eyes; the last number of `about` is the spread within a gender
    return {
        "width": about(1.06, 0.04, 0.05),
        "chin": about(1.62, 0.10, 0.07),
        "jaw": about(0.30, -0.13, 0.06),
        "square": about(2.05, 0.30, 0.12),
        "eye_width": about(0.235, -0.005, 0.014),
        "eye_open": about(0.098, -0.016, 0.014),
        "eye_tilt": about(0.0, 0.0, 0.07),
        "lid_fold": rng.random(n),
        "brow_height": about(0.31, -0.045, 0.03),
        "brow_thick": about(0.036, 0.020, 0.009),
        "brow_arch": about(0.10, -0.05, 0.05),
        "brow_strength": np.clip(about(0.60, 0.18, 0.15), 0.2, 1.0),
        "nose_width": about(0.225, 0.03, 0.035),
        "nose_length": about(0.68, 0.04, 0.05),
        "nose_height": about(0.32, 0.05, 0.05),
        "mouth_y": about(1.07, 0.03, 0.045),
        "mouth_width": about(0.36, 0.02, 0.035),
        "lip": about(0.092, -0.018, 0.018),
        "cheek": about(0.05, -0.01, 0.02),
        "iris": rng.random(n),
        "lipstick": np.where(woman & (rng.random(n) < 0.5), rng.uniform(0.2, 1.0, n), 0.0),
        "lipstick_colour": rng.uniform((0.25, 0.01, 0.02), (0.65, 0.10, 0.14), (n, 3)),
        "lashes": np.where(woman, rng.uniform(0.3, 1.0, n), rng.uniform(0.1, 0.5, n)),
        "asymmetry": rng.standard_normal(n) * 0.02,
        "neck": about(0.62, 0.12, 0.05),
    }


def _hair(rng: np.random.Generator, woman: np.ndarray, melanin: np.ndarray) -> dict[str, np.ndarray]:
    n = len(woman)
    kind = _by_gender(woman, _pick(rng, HAIR, _HAIR_WOMEN, n), _pick(rng, HAIR, _HAIR_MEN, n))
    # Fair hair is a trait of fair skin; brown and dark skin go with black hair
    fair = np.clip((0.62 - melanin) / 0.25, 0, 1) * rng.random(n)
    eumelanin = np.clip(1.05 - 0.85 * fair + 0.06 * rng.standard_normal(n), 0.15, 1.2)
    pheomelanin = np.where(rng.random(n) < 0.15, rng.uniform(0.3, 0.8, n), rng.uniform(0.0, 0.3, n))
    grey = np.where(rng.random(n) < 0.11, rng.uniform(0.3, 1.0, n), 0.0)
    colour = hair_albedo(eumelanin, pheomelanin)
    colour += grey[:, None] * (np.array([0.42, 0.41, 0.40]) - colour)
    dyed = (rng.random(n) < np.where(woman, 0.05, 0.01))[:, None]
    colour = np.where(dyed, rng.uniform(0.02, 0.5, (n, 3)), colour)
    beard = np.where(woman, "none", _pick(rng, BEARDS, _BEARDS_MEN, n))
    return {
        "hair": kind,
        "hair_colour": colour,
        "hair_grey": grey,
        "fringe": rng.random(n),
        "part": rng.normal(0, 0.5, n),
        "hair_volume": rng.random(n),
        "hair_length": rng.random(n),
        "beard": beard,
        "beard_dense": rng.uniform(0.55, 1.0, n),
    }


def _worn(rng: np.random.Generator, woman: np.ndarray, hard: Difficulty) -> dict[str, np.ndarray]:
    n = len(woman)

    def some(share: float, kinds: np.ndarray) -> np.ndarray:
        """The kinds for a share of people, "none" for the others."""
        return np.where(rng.random(n) < share, kinds, "none")

    covering = _by_gender(woman, _pick(rng, COVERINGS, _COVERINGS_WOMEN, n), _pick(rng, COVERINGS, _COVERINGS_MEN, n))
    return {
        "glasses": some(hard.glasses, _pick(rng, GLASSES, _GLASSES, n)),
        "frame_shade": rng.random(n) ** 2 * 0.4,
        "glare": rng.random(n) ** 3,
        "covering": some(hard.covering, covering),
        "cloth_colour": _matter(rng, n),
        "covering_low": rng.random(n),
        "clothes_colour": _matter(rng, n),
        "collar": rng.random(n),
        "occluder": some(hard.occluder, _pick(rng, OCCLUDERS, _OCCLUDERS, n)),
        "occluder_x": rng.normal(0, 0.6, n),
        "occluder_y": rng.uniform(0.7, 1.6, n),
        "occluder_turn": rng.uniform(-1.2, 1.2, n),
        "occluder_colour": _matter(rng, n),
        "earring": (rng.random(n) < np.where(woman, 0.3, 0.03)) * 1.0,
    }


def _expression(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    kind = _pick(rng, EXPRESSIONS, _EXPRESSIONS, n)
    which = np.array([EXPRESSIONS.index(name) for name in kind])
    strength = rng.uniform(0.5, 1.2, n)
    noise = rng.normal(0, 0.08, n)
    shut = rng.random(n) < 0.05
    table = {
        "smile": (0, 0.7, 1.0, -0.5, 0.0, 0.05),
        "mouth_open": (0, 0.10, 0.55, 0, 0.8, 0.4),
        "brow_raise": (0, 0.1, 0.15, -0.6, 1.0, 0.2),
        "squint": (0, 0.12, 0.4, 0.15, -0.4, 0),
    }
    moves = {name: np.array(row)[which] * strength + noise for name, row in table.items()}
    return {
        "expression": kind,
        **moves,
        "eyes_shut": shut * rng.uniform(0.8, 1.0, n),
        "gaze": rng.normal(0, 0.3, n),
        "gaze_down": rng.normal(0, 0.2, n),
    }


def draw_pose(rng: np.random.Generator, n: int, hard: Difficulty) -> dict[str, np.ndarray]:
    """Pose (degrees) and framing (shares of the side) of n heads."""
    spread = np.clip(rng.standard_normal((6, n)), -2.5, 2.5)
    # A few people look well away: heavier tails than the normal
    wide = np.where(rng.random(n) < 0.12, 1.7, 1.0)
    return {
        "yaw": np.clip(spread[0] * hard.yaw * wide, -58, 58),
        "pitch": np.clip(spread[1] * hard.pitch, -24, 24),
        "roll": spread[2] * hard.roll,
        "size": np.exp(spread[3] * hard.scale),
        "shift_x": spread[4] * hard.shift,
        "shift_y": spread[5] * hard.shift,
    }


def draw_photo(rng: np.random.Generator, n: int, hard: Difficulty) -> dict[str, np.ndarray]:
    """Light and camera of n pictures. The light comes from `azimuth` (right positive) and `elevation` (up), degrees."""
    tint = rng.normal(0, hard.tint, n)
    light = np.exp(np.stack([tint, rng.normal(0, 0.02, n), -1.3 * tint], axis=1))
    return {
        "exposure": np.clip(rng.normal(0.25, hard.exposure, n), -2.0, 1.7),
        "azimuth": np.clip(rng.normal(0, hard.azimuth, n), -85, 85),
        "elevation": np.clip(rng.normal(24, hard.elevation, n), -30, 75),
        "light_colour": light,
        "ambient": rng.uniform(*hard.ambient, n),
        "contrast": rng.uniform(*hard.contrast, n),
        "haze": rng.random(n) ** 5 * 0.06,
        "grey": (rng.random(n) < hard.grey) * 1.0,
        "saturation": rng.uniform(0.85, 1.35, n),
        "blur": np.clip(hard.blur * np.exp(rng.normal(0, 0.45, n)), 0.3, 2.6),
        "stretch": np.exp(rng.normal(0, 0.25, n)),
        "noise": hard.noise * np.exp(rng.normal(0, 0.6, n)),
        "jpeg": rng.integers(hard.jpeg[0], hard.jpeg[1] + 1, n),
    }


def draw_background(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """What lies behind: kind, two colours and how strong its texture is."""
    return {
        "background": _pick(rng, BACKGROUNDS, _BACKGROUNDS, n),
        "back_colour": _matter(rng, n),
        "back_other": _matter(rng, n),
        "back_slope": rng.uniform(0.8, 1.6, n),
        "back_turn": rng.uniform(-np.pi, np.pi, n),
    }


def _matter(rng: np.random.Generator, n: int) -> np.ndarray:
    """Linear sRGB (n, 3) of things as they are: any lightness, mostly dull, sometimes vivid."""
    level = rng.uniform(0.1, 0.95, (n, 1)) ** 2.2
    vivid = rng.random((n, 1)) ** 2
    colour = level * (1 + vivid * rng.uniform(-1, 1, (n, 3)) + 0.12 * np.array([1, 0, -1]) * rng.normal(0, 1, (n, 1)))
    return np.clip(colour, 0.01, 0.95)
