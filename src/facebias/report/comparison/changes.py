"""The change of every group from the baseline to each other model, paired on images and, where shared, on seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.audit.changes import paired_changes
from facebias.audit.decisions import Decisions, Hits
from facebias.audit.groups import GROUPINGS, name_of
from facebias.audit.sentences import NOBODY
from facebias.audit.stats.intervals import middle_interval
from facebias.audit.stats.noise import ALONE, APART, SHARED, Noise, of_units
from facebias.audit.worst_and_gap import worst_group

CHANGE_COLUMNS = (
    "model",
    "baseline",
    "dataset",
    "rule",
    "grouping",
    "metric",
    "group",
    "n",
    "small",
    "seeds",
    "drawn",
    "before",
    "after",
    "change",
    "low",
    "high",
    "flagged",
)


@dataclass(frozen=True)
class Pair:
    """Decisions of two models on the same images.

    Attributes:
        hits: of the baseline, for its cells; what both arrays share.
        before: bool (seeds, images) of the baseline.
        after: bool (seeds, images) of the other model; seed by seed the baseline's where `drawn` is SHARED.
        drawn: what the interval speaks for: SHARED, APART or ALONE.
        moved: of each model (seeds, draws, groups) rates at the thresholds that other non-faces would have fixed; None
            where thresholds are given.
    """

    hits: Hits
    before: np.ndarray
    after: np.ndarray
    drawn: str
    moved: list[np.ndarray] | None = None

    @property
    def seeds(self) -> int:
        """Trainings of the model that has fewer."""
        return min(len(self.before), len(self.after))

    def rates(self) -> np.ndarray:
        """(2, groups) mean rate over seeds, baseline first; NaN for an empty group."""
        return self.hits.cells.rates(np.stack([self.before.mean(axis=0), self.after.mean(axis=0)]))


def pair_of(
    decisions: Decisions, baseline: str, model: str, dataset: str, by: tuple[str, ...], label: int = 1
) -> Pair | None:
    """Two models' decisions over the seeds they share; over all seeds of each where they share fewer than two.

    None where the data set says nothing of a column of `by`, or has no such images.
    """
    shared = set(decisions.seeds[baseline]) & set(decisions.seeds[model])
    fewest = min(len(decisions.seeds[name]) for name in (baseline, model))
    if len(shared) > 1 or (shared and fewest == 1):
        both = decisions.hits((baseline, model), dataset, by, label)
        drawn = SHARED if len(shared) > 1 else ALONE
        return None if both is None else Pair(both, both.array[0], both.array[1], drawn, both.moved)
    one, two = (decisions.hits((name,), dataset, by, label) for name in (baseline, model))
    if one is None or two is None:
        return None
    moved = [*(one.moved or []), *(two.moved or [])] or None
    return Pair(one, one.array[0], two.array[0], APART if fewest > 1 else ALONE, moved)


def group_intervals(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of each group's change, (groups,) low and high.

    Two imagined images join each group, one that only the baseline finds and one that only the other model does
    (Bonett and Price 2012): without them a handful of images that all change one way would count as certain.
    """
    codes, count, units = pair.hits.cells.codes, len(pair.hits.cells.table), pair.hits.units
    before, after = pair.before, pair.after
    if units is not None:  # crops of one picture go together
        before, after, codes = of_units(before, units), of_units(after, units), np.zeros(units.max() + 1, dtype=int)
    present = np.unique(codes)
    ours = np.repeat([[True, False]], len(present), axis=0).ravel()
    wider = np.concatenate([codes, np.repeat(present, 2)])
    sides = [
        np.concatenate([side, np.broadcast_to(extra, (len(side), len(extra)))], axis=1)
        for side, extra in ((before, ours), (after, ~ours))
    ]
    noise = Noise.of(sides, wider, count, pair.drawn, pair.moved, pair.hits.above)
    draws = np.diff(noise.rates, axis=0)[0] + np.diff(noise.draws(), axis=1)[:, 0]
    _, low, high = middle_interval(draws)
    return np.clip(low, -1, 1), np.clip(high, -1, 1)


def changes_table(
    decisions: Decisions,
    baseline: str,
    *,
    same_negatives: bool,
    may_flag: bool,
    groupings: tuple[tuple[str, ...], ...] = GROUPINGS,
) -> pd.DataFrame:
    """Every group's change in recall, and that of the worst group and of the gap, from `baseline` to each model.

    Worst group and gap are as in `facebias.audit.changes`: each model's own worst.

    Returns:
        Columns CHANGE_COLUMNS, shares. `metric` is "TPR", "worst", "gap", or "FPR" (on the test non-faces, where all
        runs have the same). `flagged`: the interval excludes 0, there are two trainings or more on both sides, and the
        group is known and not small.
    """
    wanted: list[tuple[str, tuple[str, ...], int]] = [("test", (), 0)] if same_negatives else []
    wanted += [(dataset, by, 1) for dataset in decisions.datasets for by in groupings]
    parts = []
    for model in decisions.models:
        for dataset, by, label in wanted if model != baseline else ():
            if (pair := pair_of(decisions, baseline, model, dataset, by, label)) is not None:
                rows = _rows(pair, label).assign(dataset=dataset, grouping=name_of(by), model=model)
                parts.append(rows.assign(seeds=pair.seeds, drawn=pair.drawn))
    table = pd.concat(parts, ignore_index=True).assign(baseline=baseline, rule=decisions.rule)
    table["change"] = table["after"] - table["before"]
    clear = (table["low"] > 0) | (table["high"] < 0)
    table["flagged"] = clear & table["may"] & (table["drawn"] != ALONE) & may_flag
    return table[list(CHANGE_COLUMNS)]


def _extremes(pair: Pair) -> dict[str, tuple[float, float, float, float]]:
    cells = pair.hits.cells
    sides = pair.before, pair.after
    noise = Noise.of(sides, cells.codes, len(cells.table), pair.drawn, pair.moved, pair.hits.above)
    return paired_changes(noise.rates, noise.draws(), pair.hits, ("worst", "gap"))


def _rows(pair: Pair, label: int) -> pd.DataFrame:
    cells, rates = pair.hits.cells, pair.rates()
    low, high = group_intervals(pair)
    groups = cells.table[["n", "small"]].assign(
        group=cells.table["label"] if label else "non-faces",
        metric="TPR" if label else "FPR",
        before=rates[0],
        after=rates[1],
        low=low,
        high=high,
        may=cells.comparable,
    )
    if not cells.by or cells.comparable.sum() < 2:
        return groups
    worst = " \N{RIGHTWARDS ARROW} ".join(dict.fromkeys(worst_group(side, pair.hits) or NOBODY for side in rates))
    extremes = [
        {
            "n": len(cells.codes),
            "small": False,
            "group": worst if metric == "worst" else "",
            "metric": metric,
            "before": before,
            "after": after,
            "low": low,
            "high": high,
            "may": True,
        }
        for metric, (before, after, low, high) in _extremes(pair).items()
    ]
    return pd.concat([groups, pd.DataFrame(extremes)], ignore_index=True)
