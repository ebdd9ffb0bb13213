"""Exact tests over paired trainings: is a change of sign over the seeds more than luck?

Arms of one seed share their split, initial encoder and negatives. If an arm made no difference, a seed's change would
have either sign alike, so every pattern of signs is as likely as the one that was seen (sign-flip test).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import permutation_test

EXACT = 13  # seeds up to which all 2^n patterns are counted


ALPHA = 0.05


def sign_flip(before: np.ndarray, after: np.ndarray) -> float:
    """Two-sided p-value of the mean paired change; exact up to 13 seeds, from 10,000 drawn patterns beyond.

    The smallest value that n seeds can reach is 2 / 2^n: five cannot reach .05, six reach .03.

    Args:
        before: (seeds,) of the baseline.
        after: (seeds,) of the other arm, same seeds.

    Returns:
        NaN with one seed, or where a value is missing; 1 where nothing changes.
    """
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if len(before) < 2 or np.isnan(before).any() or np.isnan(after).any():
        return np.nan
    if np.allclose(before, after, rtol=0, atol=1e-12):
        return 1.0
    resamples = 2 ** len(before) if len(before) <= EXACT else 9_999
    found = permutation_test(
        (after, before),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        vectorized=True,
        permutation_type="samples",
        n_resamples=resamples,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def holm(p: np.ndarray) -> np.ndarray:
    """p-values adjusted for all of them together (Holm 1979); NaN stays NaN and does not count.

    Written out, since an audit asks hundreds of times and `multipletests` of statsmodels collects garbage every time.
    """
    p = np.asarray(p, dtype=float)
    out, known = np.full(p.shape, np.nan), np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    out[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return out
