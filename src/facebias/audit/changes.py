"""Paired changes from a baseline arm to the others: same seeds, same images, same rule."""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.audit.decisions import Decisions, Hits, decided
from facebias.audit.groups import GROUPINGS, name_of
from facebias.audit.stats.intervals import corrected_interval
from facebias.audit.stats.tests import holm, interval_p
from facebias.audit.thresholds import HEADLINE
from facebias.audit.worst_and_gap import METRICS, statistics, worst_group
from facebias.core.errors import FacebiasError

COMPARE_COLUMNS = (
    "model",
    "baseline",
    "dataset",
    "rule",
    "grouping",
    "metric",
    "group",
    "groups",
    "n",
    "seeds",
    "before",
    "after",
    "change",
    "low",
    "high",
    "distinguishable",
    "p",
    "p_holm",
)


def compare(
    predictions: pd.DataFrame | Decisions,
    baseline: str = "cnn",
    rule: str = HEADLINE,
    groupings: tuple[tuple[str, ...], ...] = GROUPINGS,
) -> pd.DataFrame:
    """Change in overall recall, mean over groups, worst group and gap, of each arm against `baseline`.

    Each replicate draws the same seeds and images for both arms, and the worst group is chosen anew in each arm.
    `grouping` "all faces" has the change in recall alone, and, with `dataset` "test" and `metric` "FPR", what
    the change costs in false positives.

    Returns:
        Columns COMPARE_COLUMNS, shares: `change` = `after` - `before`, `low` and `high` its 95 % interval
        (bias-corrected), `group` the baseline's worst group, `distinguishable` whether the interval excludes 0
        (never with one seed, whose training variance is unknown). `p` belongs to the interval
        (`facebias.audit.stats.tests.interval_p`), `p_holm` is the same adjusted for the number of arms.

    Raises:
        FacebiasError: the baseline is not among the models.
    """
    decisions = decided(predictions, rule)
    if baseline not in decisions.models:
        raise FacebiasError(
            "BASELINE",
            baseline,
            f"no such model; found {', '.join(decisions.models)}",
            "Name one of them as the baseline",
        )
    wanted = [("test", (), 0), *((name, by, 1) for name in decisions.datasets for by in groupings)]
    parts = []
    for model in decisions.models:
        for dataset, by, label in wanted if model != baseline else ():
            if (hits := decisions.hits((baseline, model), dataset, by, label)) is not None:
                metrics = METRICS if by else ("overall",)
                rows = _change_rows(hits, metrics).assign(dataset=dataset, rule=rule)
                parts.append(rows.replace({"metric": {"overall": "FPR"}}) if label == 0 else rows)
    columns = list(COMPARE_COLUMNS)
    if not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True)
    over_arms = table.groupby(["dataset", "grouping", "metric"], sort=False)["p"]
    return table.assign(p_holm=over_arms.transform(holm))[columns]


def _change_rows(hits: Hits, metrics: tuple[str, ...]) -> pd.DataFrame:
    rows, seeds = [], len(hits.seeds)
    for metric, (before, after, low, high) in paired_changes(hits.rates, hits.errors, hits, metrics).items():
        clear = bool((low > 0 or high < 0) and seeds > 1)
        rows.append((metric, before, after, after - before, low, high, clear, interval_p(low, high, seeds)))
    table = pd.DataFrame(rows, columns=["metric", "before", "after", "change", "low", "high", "distinguishable", "p"])
    worst = worst_group(hits.rates[0], hits)
    return table.assign(
        baseline=hits.models[0],
        model=hits.models[1],
        grouping=name_of(hits.cells.by),
        seeds=seeds,
        groups=int(hits.cells.comparable.sum()),
        n=len(hits.cells.codes),
        group=np.where(table["metric"] == "worst", worst, ""),
    )


def paired_changes(
    rates: np.ndarray, errors: np.ndarray, hits: Hits, metrics: tuple[str, ...]
) -> dict[str, tuple[float, float, float, float]]:
    """Before, after, and the 95 % interval of the change in each metric, corrected for the bias of extremes.

    Args:
        rates: (2, groups) of the baseline and the other arm.
        errors: (B, 2, groups) draws of their noise.
        hits: whose cells the groups are.
        metrics: names of `facebias.audit.worst_and_gap.METRICS`.
    """
    observed, drawn = statistics(rates, hits), statistics(rates + errors, hits)
    found = {}
    for metric in metrics:
        before, after = observed[metric]
        _, low, high = corrected_interval(drawn[metric][:, 1] - drawn[metric][:, 0], after - before)
        found[metric] = (float(before), float(after), float(low), float(high))
    return found
