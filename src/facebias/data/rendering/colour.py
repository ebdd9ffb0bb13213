"""Colour of skin and hair from pigments: how much melanin and haemoglobin there is gives linear sRGB and ITA.

The model is spectral, 400 to 700 nm in steps of 10 nm. Light crosses the epidermis twice, where melanosomes
absorb it, and is scattered back by a half-infinite dermis, where blood absorbs it. w is the wavelength in nm:

    R(w) = r0 + (1 - r0) exp(-2 p f_mel mel(w)) exp(-A / sqrt(3 (1 + s(w) / a(w))))

- a(w) = baseline + f_blood blood(w), the baseline 0.244 + 85.3 exp(-(w - 154) / 66.2) per cm (Jacques, "Skin
  Optics", OMLC 1998), blood of 150 g/l, 75 % saturated, after Prahl's table of molar extinction (OMLC 1999);
- s(w) = 46 (w / 500)^-1.421 per cm, reduced scattering of skin (Jacques, Phys. Med. Biol. 58, 2013, table 1);
- exp(-A / sqrt(...)) is the diffuse reflectance of a half-infinite turbid medium (Jacques 1998);
- mel(w) is Jacques' 6.6e11 w^-3.33 per cm at 500 nm, but falls as w^-2, since with -3.33 and no scattering in
  the epidermis tan skin comes out yellower (b* over 30) than any that is measured;
- r0, p, A and the ranges below are ours: fitted by eye so that melanin alone spans all six ITA classes with
  L* from 25 to 78 and a hue of 51 to 73 degrees. It is a plausible model, not a measured one.

Colours are under D65, seen by the observer of Wyman, Sloan and Shirley (JCGT 2, 2013). Gloss is added in lighting.
"""

from __future__ import annotations

import numpy as np
from skimage.color import rgb2lab

from facebias.data.skin_tone import ita

MELANOSOMES = (0.005, 0.43)  # volume fraction in the epidermis at melanin 0 and 1, interpolated geometrically
BLOOD = (0.003, 0.018)  # volume fraction in the dermis at haemoglobin 0 and 1, linear
_SURFACE = 0.02  # r0, light sent back above the melanin
_EPIDERMIS = 0.008  # p, effective thickness in cm
_TURBID = 5.8  # A

_WAVE = np.arange(400.0, 701.0, 10.0)
# Molar extinction (per cm per mol/l) of oxygenated and deoxygenated haemoglobin, 400 to 700 nm (Prahl)
_OXY = np.array(
    [
        266232,
        466840,
        480360,
        246072,
        102580,
        62816,
        44480,
        33209,
        26629,
        23684,
        20933,
        20035,
        24202,
        39957,
        53236,
        43016,
        32613,
        44496,
        50104,
        14401,
        3200,
        1506,
        942,
        610,
        442,
        368,
        320,
        294,
        278,
        276,
        290.0,
    ]
)
_DEOXY = np.array(
    [
        223296,
        303956,
        407560,
        528600,
        413280,
        103292,
        23389,
        16156,
        14550,
        16684,
        20862,
        25774,
        31590,
        39036,
        46592,
        53412,
        53788,
        45072,
        37020,
        28324,
        14677,
        9444,
        6510,
        5149,
        4345,
        3750,
        3227,
        2795,
        2408,
        2052,
        1794.0,
    ]
)
_D65 = np.array(
    [
        82.75,
        91.49,
        93.43,
        86.68,
        104.87,
        117.01,
        117.81,
        114.86,
        115.92,
        108.81,
        109.35,
        107.80,
        104.79,
        107.69,
        104.41,
        104.05,
        100.0,
        96.33,
        95.79,
        88.69,
        90.01,
        89.60,
        87.70,
        83.29,
        83.70,
        80.03,
        80.21,
        82.28,
        78.28,
        69.72,
        71.61,
    ]
)
_FROM_XYZ = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65


def _lobe(centre: float, below: float, above: float) -> np.ndarray:
    return np.exp(-0.5 * ((_WAVE - centre) * np.where(centre > _WAVE, below, above)) ** 2)


def _to_linear_srgb() -> np.ndarray:
    """(31, 3): weights that turn a reflectance spectrum under D65 into linear sRGB; a white spectrum gives 1, 1, 1."""
    x = 0.362 * _lobe(442.0, 0.0624, 0.0374) + 1.056 * _lobe(599.8, 0.0264, 0.0323)
    x -= 0.065 * _lobe(501.1, 0.0490, 0.0382)
    y = 0.821 * _lobe(568.8, 0.0213, 0.0247) + 0.286 * _lobe(530.9, 0.0613, 0.0322)
    z = 1.217 * _lobe(437.0, 0.0845, 0.0278) + 0.681 * _lobe(459.0, 0.0385, 0.0725)
    seen = np.stack([x, y, z], axis=1) * _D65[:, None]
    return (seen / seen.sum(axis=0) * _WHITE) @ _FROM_XYZ.T


_MELANIN_ABSORBS = 6.6e11 * 500**-3.33 * (_WAVE / 500) ** -2
_BLOOD_ABSORBS = 2.303 * 150 / 64500 * (0.75 * _OXY + 0.25 * _DEOXY)
_BASELINE = 0.244 + 85.3 * np.exp(-(_WAVE - 154) / 66.2)
_SCATTERS = 46 * (_WAVE / 500) ** -1.421
_WEIGHTS = _to_linear_srgb()


def skin_albedo(melanin: np.ndarray, haemoglobin: np.ndarray) -> np.ndarray:
    """Linear sRGB reflectance (..., 3), 0 to 1, of skin with `melanin` and `haemoglobin`, each 0 to 1, shape (...)."""
    melanin, haemoglobin = (np.asarray(v, dtype=np.float64)[..., None] for v in (melanin, haemoglobin))
    low, high = MELANOSOMES
    melanosomes = low * (high / low) ** melanin
    dermis = _BASELINE + (BLOOD[0] + (BLOOD[1] - BLOOD[0]) * haemoglobin) * _BLOOD_ABSORBS
    absorbed = -2 * _EPIDERMIS * melanosomes * _MELANIN_ABSORBS - _TURBID / np.sqrt(3 * (1 + _SCATTERS / dermis))
    return np.clip((_SURFACE + (1 - _SURFACE) * np.exp(absorbed)) @ _WEIGHTS, 0.0, 1.0)


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light 0..1 to sRGB values 0..1 (IEC 61966-2-1), same shape and type."""
    curved = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curved).astype(linear.dtype)


def skin_lab(melanin: np.ndarray, haemoglobin: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (..., 3) of `skin_albedo` under neutral light; `facebias.data.skin_tone.ita` of it is the true ITA."""
    return rgb2lab(encode_srgb(skin_albedo(melanin, haemoglobin)))


def melanin_for(target: np.ndarray, haemoglobin: np.ndarray) -> np.ndarray:
    """Melanin (n,) that gives skin of that haemoglobin the ITA `target` (n,) in degrees; clipped to 0..1."""
    low, high = np.zeros(len(target)), np.ones(len(target))
    for _ in range(24):  # bisection: ITA falls as melanin grows
        middle = (low + high) / 2
        too_light = ita(skin_lab(middle, haemoglobin)) > target
        low, high = np.where(too_light, middle, low), np.where(too_light, high, middle)
    return (low + high) / 2


def hair_albedo(eumelanin: np.ndarray, pheomelanin: np.ndarray) -> np.ndarray:
    """Linear sRGB (n, 3) of hair: absorption by black and by red pigment, each 0 to 1; both 0 is white.

    Three bands and one free strength each, by eye: blond near eumelanin 0.25, brown 0.55, black 1.
    """
    black, red = np.array([3.3, 3.8, 4.5]), np.array([0.25, 1.3, 2.6])
    return 0.75 * np.exp(-eumelanin[:, None] * black - pheomelanin[:, None] * red) + 0.008
