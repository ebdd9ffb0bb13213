"""Operating points: as shipped, and matched in false alarms; who is found at each, by group, with intervals.

As shipped is what people get: the detector's own threshold, whatever false alarms it costs. Matched is the same share
of face-free pictures with a detection for all. Thresholds are fixed on one half of those pictures and measured on the
other. How many false alarms a half happens to hold is part of the intervals, as for any audit of scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from facebias.audit import fix_thresholds, measures, summarise

SHIPPED = "as shipped"
RATES = (0.01, 0.001, 0.1)  # the first is the headline
_SHIPPED_RULE = "p=0.5"  # scores are less the detector's own threshold
_REACHED = 0.9  # share of a rate asked for, under which it counts as not reached


def points_of(rates: Sequence[float]) -> list[str | float]:
    """The points: as shipped, then the rates."""
    return [SHIPPED, *rates]


def rule_of(point: str | float) -> str:
    """The audit's threshold rule of a point: SHIPPED, or a rate."""
    return _SHIPPED_RULE if point == SHIPPED else f"fpr={point:g}"


def points_table(
    predictions: Mapping[str, pd.DataFrame],
    groupings: Sequence[tuple[str, ...]],
    seconds: Mapping[str, float],
    rates: Sequence[float] = RATES,
) -> pd.DataFrame:
    """Recall of every group at every point by both rules of matching, with the false alarms beside it.

    Args:
        predictions: of all detectors, by rule of matching.
        groupings: what is grouped by.
        seconds: a picture, by detector.
        rates: shares of face-free pictures with a detection.

    Returns:
        One row a rule of matching, detector, point and group: match, point, model, dataset, grouping, group, n, value,
        low, high, small, and of the detector there false_alarms, false_low, false_high (shares of the face-free
        pictures of the second half), threshold (less its own), reached (whether it can be fixed so), seconds.
    """
    parts = []
    for match, table in predictions.items():
        for point in points_of(rates):
            rule = rule_of(point)
            found = summarise(table, rule, (*groupings, ()))
            false = found[found["metric"] == "FPR"].set_index("model")[["value", "low", "high"]]
            false.columns = ["false_alarms", "false_low", "false_high"]
            fixed = fix_thresholds(table, (rule,)).set_index("run_id")
            reached = fixed["enough"]
            if point != SHIPPED:  # of so many pictures, whole ones
                allowed = np.floor(fixed["negatives"] * float(point) + 1e-9) / fixed["negatives"]
                reached &= fixed["rate"] >= _REACHED * allowed
            rows = found[found["metric"] == "TPR"].join(false, on="model").join(fixed["threshold"], on="model")
            rows = rows.assign(reached=rows["model"].map(reached), match=match, point=named(point))
            parts.append(rows)
    whole = pd.concat(parts, ignore_index=True)
    whole["seconds"] = whole["model"].map(seconds)
    names = "match point model dataset grouping group n value low high small false_alarms false_low false_high".split()
    return whole[[*names, "threshold", "reached", "seconds"]]


def gaps_table(
    predictions: Mapping[str, pd.DataFrame], groupings: Sequence[tuple[str, ...]], rates: Sequence[float] = RATES
) -> pd.DataFrame:
    """Worst group, gap and the gap that chance alone would show, at every point by both rules of matching.

    Returns:
        `facebias.audit.measures` with the columns match and point.
    """
    parts = []
    for match, table in predictions.items():
        for point in points_of(rates):
            parts.append(measures(table, rule_of(point), tuple(groupings)).assign(match=match, point=named(point)))
    return pd.concat(parts, ignore_index=True)


def named(point: str | float) -> str:
    """A point in words: "as shipped", "1 % false alarms"."""
    return SHIPPED if point == SHIPPED else f"{100 * float(point):g} % false alarms"
