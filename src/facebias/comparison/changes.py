"""The change of every group from the baseline to each other model, paired on images and, where shared, on seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from facebias.audit.cells import GROUPINGS, name_of
from facebias.audit.hits import Decisions, Hits
from facebias.audit.intervals import LEVEL, REPLICATES, Z, bootstrap_rates, corrected_interval
from facebias.audit.measures import statistics, worst_group

CHANGE_COLUMNS = ("model", "baseline", "dataset", "rule", "grouping", "metric", "group", "n", "small", "seeds", "drawn",
                  "before", "after", "change", "low", "high", "flagged")
SHARED, APART, ALONE = "shared seeds and images", "seeds of each model and shared images", "images alone"


@dataclass(frozen=True)
class Pair:
    """Decisions of two models on the same images.

    Attributes:
        hits: of the baseline, for its cells; what both arrays share.
        before: bool (seeds, images) of the baseline.
        after: bool (seeds, images) of the other model; seed by seed the baseline's where `drawn` is SHARED.
        drawn: what the interval speaks for: SHARED, APART or ALONE.
    """

    hits: Hits
    before: np.ndarray
    after: np.ndarray
    drawn: str

    @property
    def seeds(self) -> int:
        """Trainings of the model that has fewer."""
        return min(len(self.before), len(self.after))

    def rates(self) -> np.ndarray:
        """(2, groups) mean rate over seeds, baseline first; NaN for an empty group."""
        return self.hits.cells.rates(np.stack([self.before.mean(axis=0), self.after.mean(axis=0)]))


def pair_of(decisions: Decisions, baseline: str, model: str, dataset: str, by: tuple[str, ...],
            label: int = 1) -> Pair | None:
    """Two models' decisions over the seeds they share; over all seeds of each where they share fewer than two.

    None where the data set says nothing of a column of `by`, or has no such images.
    """
    shared = set(decisions.seeds[baseline]) & set(decisions.seeds[model])
    fewest = min(len(decisions.seeds[name]) for name in (baseline, model))
    if len(shared) > 1 or (shared and fewest == 1):
        both = decisions.hits((baseline, model), dataset, by, label)
        return both and Pair(both, *both.array, SHARED if len(shared) > 1 else ALONE)
    one, two = (decisions.hits((name,), dataset, by, label) for name in (baseline, model))
    return one and two and Pair(one, one.array[0], two.array[0], APART if fewest > 1 else ALONE)


def draw(before: np.ndarray, after: np.ndarray, codes: np.ndarray, count: int, drawn: str) -> np.ndarray:
    """(REPLICATES, 2, groups) bootstrap rates: the same images for both, and the same seeds where they are shared.

    As `facebias.audit.intervals.bootstrap_rates`, which draws where seeds are shared. Seeds that are not are drawn
    for each model by itself, and a model's only training is all there is to draw.
    """
    if drawn == SHARED:
        return bootstrap_rates(np.stack([before, after]), codes, count)
    rng, sides = np.random.default_rng(0), (len(before), len(after))
    weights = np.zeros((REPLICATES, 2, sum(sides)))
    for side, (start, seeds) in enumerate(zip((0, sides[0]), sides, strict=True)):
        even = np.full(seeds, 1 / seeds)
        own = rng.multinomial(seeds, even, size=REPLICATES) / seeds if drawn == APART else even
        weights[:, side, start:start + seeds] = 1 / seeds + (own - 1 / seeds) * np.sqrt(seeds / max(seeds - 1, 1))
    rates = np.full((REPLICATES, 2, count), np.nan)
    for group in np.unique(codes):
        columns = np.concatenate([before, after])[:, codes == group]
        patterns, size = np.unique(columns, axis=1, return_counts=True)
        images = rng.multinomial(size.sum(), size / size.sum(), size=REPLICATES) / size.sum()
        rates[:, :, group] = np.einsum("br,bsr->bs", images @ patterns.T.astype(float), weights)
    return rates


def group_intervals(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of each group's change, (groups,) low and high.

    Two imagined images join each group, one that only the baseline finds and one that only the other model does
    (Bonett and Price 2012): without them a handful of images that all change one way would count as certain. The
    interval is the t interval of the bootstrap's variance, with the degrees of freedom of Satterthwaite (1946), since
    two or three seeds tell little of the variance between seeds: with 1.96, equal models with 3 seeds and 360 images
    a group were told apart in up to 15 % of simulations; so it is 6 %, and below 5 % where images dominate.
    """
    codes, count = pair.hits.cells.codes, len(pair.hits.cells.table)
    present = np.unique(codes)
    ours = np.repeat([[True, False]], len(present), axis=0).ravel()
    wider = np.concatenate([codes, np.repeat(present, 2)])
    before, after = (np.concatenate([side, np.broadcast_to(extra, (len(side), len(extra)))], axis=1)
                     for side, extra in ((pair.before, ours), (pair.after, ~ours)))
    drawn = np.diff(draw(before, after, wider, count, pair.drawn), axis=1)[:, 0]
    n = np.bincount(wider, minlength=count)
    by_run = [_rates(side, wider, count) for side in (before, after)]
    centre, variance = by_run[1].mean(axis=0) - by_run[0].mean(axis=0), drawn.var(axis=0, ddof=1)
    half = _quantile(by_run, variance, n, pair.drawn) * np.sqrt(variance)
    known = n > 0
    return (np.where(known, np.clip(centre - half, -1, 1), np.nan),
            np.where(known, np.clip(centre + half, -1, 1), np.nan))


def extreme_intervals(pair: Pair) -> dict[str, tuple[float, float, float, float]]:
    """Before, after, and the 95 % interval of the change, of the worst group ("worst") and of the gap ("gap").

    The interval is that of `facebias.audit.compare`, corrected for the bias of extremes, with the t quantile of
    `group_intervals` in place of 1.96.
    """
    cells = pair.hits.cells
    observed = statistics(pair.rates(), pair.hits)
    drawn = statistics(draw(pair.before, pair.after, cells.codes, len(cells.table), pair.drawn), pair.hits)
    by_run = [statistics(_rates(side, cells.codes, len(cells.table)), pair.hits) for side in (pair.before, pair.after)]
    found, fewest = {}, cells.table.loc[cells.comparable, "n"].min()
    for metric in ("worst", "gap"):
        before, after = observed[metric]
        value, low, _ = corrected_interval(drawn[metric][:, 1] - drawn[metric][:, 0], after - before)
        deviation = np.array([(value - low) / Z])
        sides = [side[metric][:, None] for side in by_run]
        half = (_quantile(sides, deviation**2, np.array([fewest]), pair.drawn) * deviation)[0]
        found[metric] = (before, after, value - half, value + half)
    return found


def _rates(side: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """(seeds, groups) rate of each training in each group; 0 in an empty group."""
    hits = np.stack([np.bincount(codes, weights=row, minlength=count) for row in side])
    return hits / np.maximum(np.bincount(codes, minlength=count), 1)


def _quantile(by_run: list[np.ndarray], variance: np.ndarray, n: np.ndarray, drawn: str) -> np.ndarray:
    """Student's t with Satterthwaite's degrees of freedom, of a variance that has a part of seeds and one of images."""
    if drawn == ALONE:
        seeds, parts = np.zeros_like(variance), np.zeros_like(variance)
    else:
        sides = [by_run[1] - by_run[0]] if drawn == SHARED else by_run
        each = [side.var(axis=0, ddof=1) / len(side) for side in sides]
        seeds = np.minimum(sum(each), variance)
        parts = sum(part**2 / (len(side) - 1) for part, side in zip(each, sides, strict=True))
    parts = parts + (variance - seeds)**2 / np.maximum(n - 1, 1)
    freedom = np.divide(variance**2, parts, out=np.full(len(n), np.inf), where=parts > 0)
    return stats.t.ppf((1 + LEVEL) / 2, np.maximum(freedom, 1))


def changes_table(decisions: Decisions, baseline: str, *, same_negatives: bool, may_flag: bool,
                  groupings: tuple[tuple[str, ...], ...] = GROUPINGS) -> pd.DataFrame:
    """Every group's change in recall, and that of the worst group and of the gap, from `baseline` to each model.

    Worst group and gap are as in `facebias.audit.compare`: each model's own worst. Intervals are never narrower than
    there, and much wider with two or three seeds (see `group_intervals`).

    Returns:
        Columns CHANGE_COLUMNS, shares. `metric` is "TPR", "worst", "gap", or "FPR" (on the test non-faces, where all
        runs have the same). `flagged`: the interval excludes 0, there are two trainings or more on both sides, and the
        group is known and not small.
    """
    wanted = [("test", (), 0)] if same_negatives else []
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


def _rows(pair: Pair, label: int) -> pd.DataFrame:
    cells, rates = pair.hits.cells, pair.rates()
    low, high = group_intervals(pair)
    groups = cells.table[["n", "small"]].assign(
        group=cells.table["label"] if label else "non-faces", metric="TPR" if label else "FPR", before=rates[0],
        after=rates[1], low=low, high=high, may=cells.comparable)
    if not cells.by or cells.comparable.sum() < 2:
        return groups
    worst = " \N{RIGHTWARDS ARROW} ".join(dict.fromkeys(worst_group(side, pair.hits) for side in rates))
    extremes = [{"n": len(cells.codes), "small": False, "group": worst if metric == "worst" else "", "metric": metric,
                 "before": before, "after": after, "low": low, "high": high, "may": True}
                for metric, (before, after, low, high) in extreme_intervals(pair).items()]
    return pd.concat([groups, pd.DataFrame(extremes)], ignore_index=True)
