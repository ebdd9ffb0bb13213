"""Signal detection: sensitivity d' and criterion c, which tell a better detector from a moved threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from facebias.audit.stats.intervals import Z


def detection_rows(recall: pd.DataFrame, false_positives: pd.DataFrame) -> pd.DataFrame:
    """d' and c of each run, rule and group, from the group's recall and the run's common false positive rate.

    d' = z(H) - z(F), c = -(z(H) + z(F)) / 2, both rates log-linear corrected, (count + 1/2) / (n + 1), so that a group
    without a miss stays finite (Hautus 1995). Intervals by the delta method (Gourevitch and Galanter 1967).

    Args:
        recall: rows of `recall_rows`.
        false_positives: rows of `false_positive_rows`.

    Returns:
        Rows like those of `recall`, `metric` "d_prime" and "criterion"; NaN where a class is empty.
    """
    common = false_positives.set_index(["run_id", "rule"])[["value", "n"]]
    common = common.reindex(pd.MultiIndex.from_frame(recall[["run_id", "rule"]]))
    hit, hit_variance = _z(recall["value"].to_numpy(), recall["n"].to_numpy())
    alarm, alarm_variance = _z(common["value"].to_numpy(), common["n"].to_numpy())
    half = Z * np.sqrt(hit_variance + alarm_variance)
    found = {"d_prime": (hit - alarm, half), "criterion": (-(hit + alarm) / 2, half / 2)}
    return pd.concat(
        [
            recall.assign(metric=metric, value=value, low=value - width, high=value + width)
            for metric, (value, width) in found.items()
        ],
        ignore_index=True,
    )


def _z(rate: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normal quantile of corrected rates, and its variance."""
    n = n.astype(float)
    share = np.where(n > 0, (rate * n + 0.5) / (n + 1), np.nan)
    z = norm.ppf(share)
    with np.errstate(divide="ignore", invalid="ignore"):
        return z, share * (1 - share) / (n * norm.pdf(z) ** 2)
