"""Misses along the measured skin tone: a smooth over ITA with its band, no classes between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from facebias.analyses.whole_pictures.falling import DRAWS, limits
from facebias.analyses.whole_pictures.points import named
from facebias.audit.groups import SMALL

WIDTH = 8.0  # degrees, of the Gaussian that weighs faces by how near their tone is
_GRID = 40


def misses_by_ita(
    predictions: pd.DataFrame, points: Sequence[str | float], draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """Share of faces that are missed at each skin tone: a mean of all faces, weighed by how near they are in ITA.

    Faces are drawn anew for the band, and so are the face-free pictures that fix a matched threshold. Tones at which
    the weights are worth fewer than 30 faces are left out.

    Args:
        predictions: of all detectors, by one rule of matching; `ita` in degrees, NaN where it could not be measured.
        points: operating points.
        draws: of the bootstrap.
        seed: of it.

    Returns:
        model, dataset, point, ita, n (what the weights are worth, in faces), value, low, high (95 % band); empty where
        no tone was measured.
    """
    parts = []
    for model, mine in predictions.groupby("model", sort=False):
        rng = np.random.default_rng(seed)
        free = mine.query("label == 0 and dataset == 'validation'")["score"].to_numpy(dtype=float)
        faces = mine[(mine["label"] == 1) & mine["ita"].notna()]
        weights, grid = _weights(faces["ita"].to_numpy(dtype=float))
        if not len(grid):
            continue
        again = rng.multinomial(len(faces), np.full(len(faces), 1 / len(faces)), size=draws)
        score, worth = faces["score"].to_numpy(dtype=float), weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
        for point in points:
            fixed = limits(free, point, rng, draws)
            missed = score < fixed[:, None]
            drawn = (again * missed[1:]) @ weights.T / (again @ weights.T)
            low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
            about = {"model": model, "dataset": faces["dataset"].iloc[0], "point": named(point)}
            value = missed[0] @ weights.T / weights.sum(axis=1)
            parts.append(pd.DataFrame({**about, "ita": grid, "n": worth, "value": value, "low": low, "high": high}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _weights(ita: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (tones, faces) of the faces at each tone of a grid, and the grid (tones,) in degrees."""
    if len(ita) < SMALL:
        return np.empty((0, len(ita))), np.empty(0)
    grid = np.linspace(ita.min(), ita.max(), _GRID)
    weights = np.exp(-0.5 * ((grid[:, None] - ita) / WIDTH) ** 2)
    enough = weights.sum(axis=1) ** 2 >= SMALL * (weights**2).sum(axis=1)
    return weights[enough], grid[enough]
