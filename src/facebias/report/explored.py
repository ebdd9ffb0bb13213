"""The groups' dots at the threshold and the arm that a reader picks, counted anew from the stored scores."""

from __future__ import annotations

import pandas as pd

from facebias import plots
from facebias.audit import Audit, fix_thresholds, summarise
from facebias.audit.groups import name_of
from facebias.core.arms import arm_name, debiased
from facebias.core.words import HELD_OUT, dataset_name
from facebias.plots import FigureFolder, Shown
from facebias.plots.sliders import Adjustable, Choice

_RATES = (0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2)  # that may be picked


def explored_groups(audit: Audit, files: FigureFolder) -> list[Adjustable]:
    """Recall of every group of the baseline and of another arm, at a false positive rate of the reader's choice.

    Args:
        audit: of two arms or more; with one, nothing is returned.
        files: of the study, for what the figure says of itself.

    It begins with the audit's own rate and the arm that resamples most.
    """
    places = {
        f"{dataset_name(dataset)}, by {grouping}": (dataset, grouping)
        for dataset, grouping in dict.fromkeys(zip(audit.summary["dataset"], audit.summary["grouping"], strict=True))
        if dataset in audit.audit_sets and grouping != name_of(())
    }
    arms, rates = {arm_name(arm): arm for arm in _others(audit)}, _rates(audit)
    if not arms or not places or audit.fpr not in rates.values():
        return []
    choices = {
        "rate": Choice("false positive rate", rates, _percent(audit.fpr)),
        "arm": Choice("beside the baseline", arms, list(arms)[-1]),
        "place": Choice("faces", places, next(iter(places)), ordered=False),
    }

    def draw(rate: float, arm: str, place: tuple[str, str]) -> Shown:
        """The groups' dots at one rate, with one arm beside the baseline."""
        table = _recall(audit, rate, arm, place)
        return files.show(plots.group_recall(table, *place, (audit.baseline, arm)), table)

    return [Adjustable(draw, choices)]


def _others(audit: Audit) -> list[str]:
    """The arms other than the baseline, those of DB-VAE last, from the most even draws to the least."""
    others = [arm for arm in audit.arms if arm != audit.baseline]
    resampled = debiased(others)[::-1]
    return [arm for arm in others if arm not in resampled] + resampled


def _rates(audit: Audit) -> dict[str, float]:
    """The rates that the held-out non-faces of every run are enough to fix."""
    rates = {f"fpr={rate:g}": rate for rate in sorted({*_RATES, audit.fpr})}
    fixed = fix_thresholds(audit.predictions, tuple(rates)).groupby("rule")["enough"].all()
    return {_percent(rate): rate for rule, rate in rates.items() if fixed[rule]}


def _percent(rate: float) -> str:
    return f"{100 * rate:g} %"


def _recall(audit: Audit, rate: float, arm: str, place: tuple[str, str]) -> pd.DataFrame:
    """Recall of the groups of one audit set and grouping, of the baseline and one arm, at one rate."""
    dataset, grouping = place
    scores = audit.predictions
    scores = scores[scores["model"].isin([audit.baseline, arm]) & scores["dataset"].isin([dataset, *HELD_OUT])]
    by = [columns for columns in audit.groupings if name_of(columns) == grouping]
    table = summarise(scores, f"fpr={rate:g}", (*by, ()))
    return table[(table["dataset"] == dataset) & (table["metric"] == "TPR")]
