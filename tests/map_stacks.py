"""Stacks of made saliency maps, two arms with seeds, of two races and genders."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from facebias.analyses.saliency.stack import MapStack

BY = ("race", "gender")


def faces(n=200, few=10):
    """Two races, two genders, and few White women."""
    race = np.where(np.arange(n) % 2 == 0, "Black", "White")
    gender = np.where(np.arange(n) // 2 % 2 == 0, "Female", "Male")
    table = pd.DataFrame({"race": race, "gender": gender, "skin_tone": "brown"})
    rare = (table["race"] == "White") & (table["gender"] == "Female")
    return table[~rare | (rare.cumsum() <= few)].reset_index(drop=True)


def fields(n, seed=0, side=64):
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((n, side, side)), (0, side / 8, side / 8))
    return np.exp(noise / noise.std()).astype(np.float32)


def stack(kind="raw", planted=None, seeds=(0, 1), table=None):
    table = faces() if table is None else table
    maps = []
    for number, arm in enumerate(("cnn", "dbvae-0.001")):
        for seed in seeds:
            array = fields(len(table), 10 * number + seed)
            if planted is not None:
                array[planted(table), :16, 16:32] += 3
            maps.append((arm, seed, array))
    return MapStack.of("fairface", kind, table, maps)
