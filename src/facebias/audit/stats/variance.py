"""Variance of accuracy between groups, as the paper reports it and without the part that chance adds."""

from __future__ import annotations

import numpy as np


def group_variance(rates: np.ndarray) -> float:
    """Variance over groups in percent squared, ddof = 1 (the paper's Var[A], Amini et al. 2019, Table 1).

    Args:
        rates: (groups,) shares in [0, 1]; NaN for fewer than two groups.
    """
    rates = np.asarray(rates, dtype=float)
    return float(np.var(100 * rates, ddof=1)) if len(rates) > 1 else np.nan


def corrected_variance(rates: np.ndarray, n: np.ndarray) -> float:
    """`group_variance` minus the mean within-group p (1 - p) / n, in percent squared.

    What is left is variance between groups beyond that of finite groups that do not differ; it may be negative.

    Args:
        rates: (groups,) shares in [0, 1].
        n: (groups,) images in each.
    """
    rates, n = np.asarray(rates, dtype=float), np.asarray(n, dtype=float)
    return group_variance(rates) - float(np.mean(1e4 * rates * (1 - rates) / n)) if len(rates) > 1 else np.nan
