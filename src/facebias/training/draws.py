"""Whom resampling draws: each group's share of the draws over its share of the faces, over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from facebias.core.errors import FacebiasError
from facebias.core.words import missing_level

_LOGGED = ("epoch", "ess", "grouping", "group", "n", "natural_share", "share")


MIN_SEEDS = 3  # for an interval over seeds: the t quantile of two is 12.7

RATIO_COLUMNS = (
    *("model", "epoch", "grouping", "group", "n", "seeds"),
    *("natural_share", "share", "ratio", "low", "high", "ess_share"),
)


def share_ratios(log: pd.DataFrame) -> pd.DataFrame:
    """Share of the draws over share of the faces, of every group and epoch, with an interval over seeds.

    Args:
        log: `Study.sampling` or `Run.sampling`, one row a run, epoch and group: epoch, ess (images), grouping, group,
            n, natural_share, share; optionally model and seed.

    Returns:
        model ("" if the log has none), epoch, grouping, group, n, seeds, natural_share, share, ratio, low, high,
        ess_share. `ratio` is the geometric mean over seeds (above 1 the group is drawn more often than it occurs),
        `low` and `high` its 95 % t interval on the log scale, NaN under three seeds; `ess_share` is the mean
        effective sample size over the number of faces.

    Raises:
        FacebiasError: a column is missing.
    """
    if missing := [name for name in _LOGGED if name not in log]:
        raise FacebiasError(
            "COLUMNS",
            "sampling log",
            f"missing {', '.join(missing)}; found {', '.join(log)}",
            "Train again with this version",
        )
    log = log.assign(
        model=log.get("model", ""),
        group=[name or missing_level(by) for name, by in zip(log["group"].fillna(""), log["grouping"], strict=True)],
        log_ratio=np.log(log["share"] / log["natural_share"]),
        ess_share=log["ess"] * log["natural_share"] / log["n"],
    )
    rows = []
    for key, mine in log.groupby(["model", "epoch", "grouping", "group"], sort=False):
        ratio = np.exp(mean_interval(mine["log_ratio"].to_numpy()))
        first = mine.iloc[0]
        rows.append(
            (
                *key,
                first["n"],
                len(mine),
                first["natural_share"],
                mine["share"].mean(),
                *ratio,
                mine["ess_share"].mean(),
            )
        )
    return pd.DataFrame(rows, columns=list(RATIO_COLUMNS)).round(6)


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over seeds and its 95 % t interval; NaN bounds under three seeds, of which it would say nothing.

    NaN values are left out and do not count as seeds.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if len(values) < MIN_SEEDS:
        return mean, np.nan, np.nan
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half
