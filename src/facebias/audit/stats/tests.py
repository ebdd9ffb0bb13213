"""p-values of a change, and their correction for how many were looked at."""

from __future__ import annotations

import numpy as np
from scipy import stats

from facebias.audit.stats.intervals import LEVEL

ALPHA = 0.05


def interval_p(low: float, high: float, seeds: int) -> float:
    """Two-sided p-value of no change that belongs to a symmetric 95 % interval; under .05 where that excludes 0.

    Altman and Bland (2011), "How to obtain the P value from a confidence interval", with quantiles of Student's t
    instead of the normal's. It holds the doubts that the interval holds. Degrees of freedom are the seeds less one, as
    if all doubt were theirs: cautious where images add to it.

    Args:
        low: lower end.
        high: upper end.
        seeds: paired trainings behind it.

    Returns:
        NaN with one seed, whose training variance is unknown, or where an end is missing; 1 where nothing changes.
    """
    if seeds < 2 or np.isnan(low) or np.isnan(high):
        return np.nan
    middle, half, freedom = abs(high + low) / 2, (high - low) / 2, seeds - 1
    if half == 0:
        return float(middle == 0)
    return float(2 * stats.t.sf(stats.t.ppf((1 + LEVEL) / 2, freedom) * middle / half, freedom))


def holm(p: np.ndarray) -> np.ndarray:
    """p-values adjusted for all of them together (Holm 1979); NaN stays NaN and does not count.

    Written out, since an audit asks hundreds of times and `multipletests` of statsmodels collects garbage every time.
    """
    p = np.asarray(p, dtype=float)
    out, known = np.full(p.shape, np.nan), np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    out[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return out
