"""The six classes of skin tone, by individual typology angle (ITA). Measuring it is `facebias.data.skin_tone`."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

# Chardon et al. 1991, Del Bino and Bernerd 2013
CLASSES = ("very light", "light", "intermediate", "tan", "brown", "dark")
CLASS_BOUNDS = (55.0, 41.0, 28.0, 10.0, -30.0)  # degrees of ITA between them


def classify_ita(ita: np.ndarray) -> np.ndarray:
    """Class of each angle in degrees, one of `CLASSES`; "" where the angle is NaN."""
    angle = np.asarray(ita, dtype=float)
    # A bound belongs to the class below it ("very light" is > 55), but for the last ("dark" is < -30)
    bounds = -np.array([*CLASS_BOUNDS[:-1], np.nextafter(CLASS_BOUNDS[-1], -np.inf)])
    index = np.searchsorted(bounds, -np.nan_to_num(angle), side="right")
    names = np.array(CLASSES, dtype=object)[index]
    return np.where(np.isnan(angle), "", names).astype(str)


def class_range(name: str) -> tuple[float, float]:
    """ITA bounds in degrees of a class, darker and lighter end."""
    edges = dict(zip(CLASSES, pairwise((180.0, *CLASS_BOUNDS, -180.0)), strict=True))
    upper, lower = edges[name]
    return lower, upper
