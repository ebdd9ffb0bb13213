"""Rates of every run and cell: recall (TPR), false positive rate and AUC, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import norm

from facebias.audit.groups import ALL, SMALL, Groups
from facebias.audit.predictions import GROUP_COLUMNS, sets_of
from facebias.audit.stats.intervals import Z, auc_interval, wilson


def recall_rows(faces: pd.DataFrame, cells: Groups, thresholds: pd.DataFrame) -> pd.DataFrame:
    """TPR of each run, rule and cell: share of its faces with score >= the run's threshold.

    Args:
        faces: predictions of one data set with label 1.
        cells: their cells.
        thresholds: run_id, rule, threshold.
    """
    runs, size, parts = _by_run(faces, cells), len(cells.table), []
    n = np.concatenate([np.bincount(codes, minlength=size) for codes, _ in runs.values()])
    for rule, fixed in thresholds.groupby("rule", sort=False):
        value = fixed.set_index("run_id")["threshold"].reindex(list(runs))
        sides = zip(value, runs.values(), strict=True)
        count = np.concatenate([np.bincount(codes[scores >= at], minlength=size) for at, (codes, scores) in sides])
        low, high = wilson(count, n)
        parts.append(
            _rows(runs, cells, n).assign(
                rule=rule,
                threshold=np.repeat(value.to_numpy(), size),
                metric="TPR",
                value=_divide(count, n),
                low=low,
                high=high,
            )
        )
    return pd.concat(parts, ignore_index=True)


def auc_rows(faces: pd.DataFrame, cells: Groups, negatives: pd.DataFrame) -> pd.DataFrame:
    """AUC of each run and cell: the cell's faces against the run's common test negatives, ties counted half.

    Undefined (NaN, with n) where the cell has no face or the run no test negative.
    """
    runs, size, parts = _by_run(faces, cells), len(cells.table), []
    common = {run: np.sort(group.to_numpy(dtype=float)) for run, group in negatives.groupby("run_id")["score"]}
    for run, (codes, scores) in runs.items():
        against = common.get(run, np.empty(0))
        twice = np.searchsorted(against, scores, "left") + np.searchsorted(against, scores, "right")
        parts.append(
            (
                np.bincount(codes, minlength=size),
                np.bincount(codes, weights=twice / 2, minlength=size),
                np.full(size, float(len(against))),
            )
        )
    n, below, m = (np.concatenate(part) for part in zip(*parts, strict=True))
    auc = _divide(below, n * m)
    low, high = auc_interval(auc, n, m)
    return _rows(runs, cells, n).assign(rule="any", threshold=np.nan, metric="AUC", value=auc, low=low, high=high)


def false_positive_rows(negatives: pd.DataFrame, thresholds: pd.DataFrame) -> pd.DataFrame:
    """FPR of each run and rule on the test negatives, never per group: non-faces have no demographics."""
    scores = {run: group.to_numpy(dtype=float) for run, group in negatives.groupby("run_id")["score"]}
    fixed = thresholds[["run_id", "rule", "threshold"]].reset_index(drop=True)
    n = np.array([len(scores.get(run, ())) for run in fixed["run_id"]])
    count = np.array(
        [
            np.sum(scores.get(run, np.empty(0)) >= value)
            for run, value in zip(fixed["run_id"], fixed["threshold"], strict=True)
        ]
    )
    low, high = wilson(count, n)
    return fixed.assign(
        **dict.fromkeys(GROUP_COLUMNS, ALL),
        n=n,
        small=n < SMALL,
        metric="FPR",
        value=_divide(count, n),
        low=low,
        high=high,
    )


def _by_run(faces: pd.DataFrame, cells: Groups) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of each run, in order of its name: the cells of its faces, and their scores."""
    score = faces["score"].to_numpy(dtype=float)
    found = {run: (cells.codes[rows], score[rows]) for (run,), rows in sets_of(faces, ["run_id"])}
    return dict(sorted(found.items(), key=lambda item: item[0]))


def _rows(runs: Iterable[str], cells: Groups, n: np.ndarray) -> pd.DataFrame:
    groups, runs = cells.table[cells.columns], list(runs)
    table = pd.concat([groups] * len(runs), ignore_index=True)
    return table.assign(run_id=np.repeat(runs, len(groups)), n=n, small=n < SMALL)


def _divide(count: np.ndarray, n: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.divide(count, n, out=np.full(len(n), np.nan), where=n > 0)
    return found


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
