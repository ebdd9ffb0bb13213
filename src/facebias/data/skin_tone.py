"""Skin tone measured on pixels: individual typology angle (ITA), L*, hue and the nearest Monk tone.

Race labels are never mapped to tone: tone is measured. No fixed RGB or hue rule picks the skin, since such
rules lose dark and pale faces. Geometry picks where skin must be (the tight framing: eyes at 0.31 of the
height, 0.35 of the side apart), and agreement with that face's own cheeks and nose picks which of those
pixels are skin.

ITA from photographs depends on lighting. It describes a picture, and a person only under controlled light. A second
measure takes a part of the light out: exposure is scaled, in linear light, towards the same mean luminance for every
crop. Half of the way, on a logarithmic scale, since a crop is dark by its light or by its skin. Target and share were
chosen on rendered faces, whose tone is known, and checked on others (`benchmarks/skin_tone.py`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from skimage.color import deltaE_ciede2000, lab2xyz, rgb2lab, rgb2xyz, xyz2lab

from facebias.core.errors import FacebiasError
from facebias.core.tone_scale import classify_ita

MONK_HEX = ("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")

MIN_SHARE = 0.3  # of the region must be consistent skin, or the face is not measured
MIN_CHROMA = 2.0  # a grey-scale picture has no b*, so its ITA would be an artefact of +-90 degrees
HUES = (0.0, 100.0)  # degrees, red to yellow-green: wider than any skin; outside is a cover or coloured light
LUMINANCE = 0.35  # mean over the crop, of white's, that exposure is scaled towards
TOWARDS = 0.5  # how far, as an exponent: 0 leaves it, 1 gives every crop that mean
NORMALISED = "_normalised"  # ends the names of columns that are of the scaled exposure
_CHUNK = 512
_COLUMNS = ("ita", "l_star", "hue", "skin_tone", "monk", "skin_share")


def ita(lab: np.ndarray) -> np.ndarray:
    """Individual typology angle, atan2(L* - 50, b*) in degrees, -180 to 180.

    The two-argument form is continuous through b* = 0, where the textbook arctan((L* - 50) / b*) jumps by
    180 degrees and calls a pale bluish cheek dark. Its only cut is L* = 50 with b* < 0, which no skin has.

    Args:
        lab: (..., 3) CIE L*a*b*, D65.
    """
    lab = np.asarray(lab, dtype=float)
    return np.degrees(np.arctan2(lab[..., 0] - 50, lab[..., 2]))


@lru_cache(maxsize=1)
def _monk_lab() -> np.ndarray:
    rgb = [[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in MONK_HEX]
    return rgb2lab(np.array(rgb))


def nearest_monk(lab: np.ndarray) -> np.ndarray:
    """Nearest of the ten Monk Skin Tones by CIEDE2000, 1 (lightest) to 10; NaN for NaN.

    Args:
        lab: (n, 3) CIE L*a*b*.
    """
    lab = np.atleast_2d(np.asarray(lab, dtype=float))
    distance = deltaE_ciede2000(lab[:, None, :], _monk_lab()[None])
    known = ~np.isnan(lab).any(axis=1)
    return np.where(known, np.argmin(np.where(np.isnan(distance), np.inf, distance), axis=1) + 1.0, np.nan)


def measure(images: np.ndarray) -> pd.DataFrame:
    """Skin colour of each face, in the tight framing.

    Args:
        images: uint8 (n, side, side, 3) RGB.

    Returns:
        n rows: `ita` (degrees), `l_star` (0 to 100), `hue` (degrees, atan2(b*, a*); Thong et al., ICCV 2023),
        `skin_tone` (one of `CLASSES`), `monk` (1 to 10), of the median colour of the skin pixels, and
        `skin_share`, the share of the region's pixels that were used. Then the first five once more, their names ending
        in `NORMALISED`, of the colour at the scaled exposure. NaN and "" where that share is under `MIN_SHARE`, the
        picture is grey (chroma under `MIN_CHROMA`), or the hue is outside `HUES` (a face mask, blue light);
        `skin_share` is always there.

    Raises:
        FacebiasError: not uint8 RGB squares.
    """
    images = np.asarray(images)
    square = images.ndim == 4 and images.shape[1] == images.shape[2] and images.shape[3] == 3
    if images.dtype != np.uint8 or not square:
        raise FacebiasError(
            "IMAGES",
            "skin_tone.measure",
            f"found {images.dtype} {images.shape}, expected uint8 (n, side, side, 3)",
            "Give square RGB images as packed",
        )
    parts = [_measure_chunk(images[start : start + _CHUNK]) for start in range(0, len(images), _CHUNK)]
    colour = np.concatenate([part[0] for part in parts]) if parts else np.empty((0, 3))
    share = np.concatenate([part[1] for part in parts]) if parts else np.empty(0)
    light = np.concatenate([part[2] for part in parts]) if parts else np.empty(0)
    plain = _described(colour).assign(skin_share=share)[list(_COLUMNS)]
    return plain.join(_described(_scaled(colour, light)).add_suffix(NORMALISED))


def _described(colour: np.ndarray) -> pd.DataFrame:
    """Angle, lightness, hue, class and Monk tone of each colour (n, 3) of Lab."""
    angle = ita(colour)
    hue = np.degrees(np.arctan2(colour[:, 2], colour[:, 1]))
    values = (angle, colour[:, 0], hue, classify_ita(angle), nearest_monk(colour))
    return pd.DataFrame(dict(zip(_COLUMNS[:5], values, strict=True)))


def _scaled(colour: np.ndarray, light: np.ndarray) -> np.ndarray:
    """The colours (n, 3) of Lab as another exposure would show them; `light` (n,) is each crop's mean luminance."""
    if not len(colour):
        return colour
    gain = (LUMINANCE / np.maximum(light, 1e-3)) ** TOWARDS
    known = ~np.isnan(colour[:, 0])
    scaled = np.full_like(colour, np.nan)
    scaled[known] = xyz2lab(lab2xyz(colour[known]) * gain[known, None])
    return scaled


def of_tone(measured: pd.DataFrame, tone: str) -> pd.DataFrame:
    """The columns of `measure` by their plain names: as pictured, or at the scaled exposure for "normalised"."""
    plain = measured[list(_COLUMNS)]
    if tone == "plain":
        return plain
    return plain.assign(**{name: measured[name + NORMALISED] for name in _COLUMNS[:5]})


@lru_cache(maxsize=8)
def region(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Where skin is expected in a tight face of `side` pixels: two boolean (side, side) masks.

    The first is the core (cheeks and nose, which beards, hair and glasses cover least), the second the whole
    region (core, forehead, chin), both without eyes, brows and mouth.
    """
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    face = ((x - 0.5) / 0.30) ** 2 + ((y - 0.48) / 0.38) ** 2 < 1
    mouth = ((x - 0.5) / 0.17) ** 2 + ((y - 0.71) / 0.085) ** 2 < 1
    eyes = (y > 0.22) & (y < 0.385)
    whole = face & ~mouth & ~eyes
    core = whole & (y >= 0.385) & (y < 0.64)
    return core, whole


def _measure_chunk(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    core, whole = region(images.shape[1])
    lab = rgb2lab(images[:, whole].astype(np.float32) / 255)
    in_core = core[whole]
    centre = np.median(lab[:, in_core], axis=1)
    skin = _consistent(lab, in_core[None], centre)
    skin = _consistent(lab, skin, _masked_median(lab, skin))
    colour, share = _masked_median(lab, skin), skin.mean(axis=1)
    grey = np.hypot(colour[:, 1], colour[:, 2]) < MIN_CHROMA
    hue = np.degrees(np.arctan2(colour[:, 2], colour[:, 1]))
    colour[(share < MIN_SHARE) | grey | (hue < HUES[0]) | (hue > HUES[1])] = np.nan
    light = rgb2xyz(images.astype(np.float32) / 255)[..., 1].mean(axis=(1, 2))
    return colour.astype(float), share, light


def _consistent(lab: np.ndarray, among: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Pixels near `centre` in lightness and in chroma, against the spread of the pixels `among` them."""
    lightness = np.abs(lab[..., 0] - centre[:, None, 0])
    chroma = np.hypot(lab[..., 1] - centre[:, None, 1], lab[..., 2] - centre[:, None, 2])
    keep = np.ones(lab.shape[:2], dtype=bool)
    # 2.5 robust standard deviations; the floors keep flat, evenly lit cheeks from rejecting their own noise,
    # the ceilings keep a half-shadowed face from taking in hair
    for distance, low, high in ((lightness, 5.0, 18.0), (chroma, 4.0, 12.0)):
        spread = _masked_median(distance[..., None], np.broadcast_to(among, keep.shape))[:, 0]
        keep &= distance <= np.clip(2.5 * 1.4826 * spread, low, high)[:, None]
    return keep


def _masked_median(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Lower median along axis 1 of (n, pixels, channels) where (n, pixels) `mask`; NaN where nothing is."""
    ordered = np.sort(np.where(mask[..., None], values, np.inf), axis=1)
    count = mask.sum(axis=1)
    middle = np.maximum(count - 1, 0) // 2
    median = np.take_along_axis(ordered, middle[:, None, None], axis=1)[:, 0]
    return np.where(count[:, None] > 0, median, np.nan)
