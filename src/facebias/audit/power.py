"""Which change a study would have seen, from its own numbers of faces, rates, spread of seeds and doubt of thresholds.

A change is seen where its 95 % interval excludes 0. Of a named group: how far would its recall have to rise for that to
happen in 80 % of such studies? Of the worst group and the gap the question is another: once the worst group has risen,
another is the worst. So studies are drawn in which the baseline's worst group alone rises, and the worst is chosen
anew in each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from facebias.audit.decisions import Decisions, Hits, decided
from facebias.audit.groups import GROUPINGS, name_of
from facebias.audit.stats.intervals import corrected_interval, middle_interval
from facebias.audit.thresholds import HEADLINE
from facebias.core.numbers import percent

WANTED = 0.8
RISES = (0.02, 0.05, 0.1)  # told of every comparison
_GRID = np.array([0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3])
POWER_COLUMNS = (
    "model",
    "baseline",
    "dataset",
    "rule",
    "grouping",
    "metric",
    "group",
    "n",
    "seeds",
    "before",
    "after",
    "change",
    "low",
    "high",
    *(f"seen_{100 * rise:g}" for rise in RISES),
    "smallest",
)


def power(
    predictions: pd.DataFrame | Decisions,
    baseline: str = "cnn",
    rule: str = HEADLINE,
    groupings: tuple[tuple[str, ...], ...] = GROUPINGS,
) -> pd.DataFrame:
    """The paired change of every named group, and which rises would have been seen.

    Returns:
        Columns POWER_COLUMNS, shares. `metric` "TPR": `group` is a named group, with its paired change and interval.
        "worst" and "gap": what a rise of the baseline's worst group, `group`, does to them; no change is given, which
        `facebias.audit.compare` has. `seen_2` and so on: the share of studies in which a rise by so many points would
        be seen. `smallest`: the rise that 80 % would see; NaN where no rise would, or where it would exceed 100 %.

    Raises:
        FacebiasError: see `facebias.audit.compare`.
    """
    decisions, parts = decided(predictions, rule), []
    for model in decisions.models:
        for dataset in decisions.datasets if model != baseline else ():
            for by in groupings:
                hits = decisions.hits((baseline, model), dataset, by) if by else None
                if hits is not None and hits.cells.comparable.sum() >= 2:
                    rows = pd.DataFrame(_rows(hits)).assign(dataset=dataset, grouping=name_of(by), model=model)
                    parts.append(rows.assign(baseline=baseline, rule=rule, seeds=len(hits.seeds)))
    return pd.concat(parts, ignore_index=True)[list(POWER_COLUMNS)] if parts else pd.DataFrame(columns=POWER_COLUMNS)


def _rows(hits: Hits) -> list[dict[str, object]]:
    use = np.flatnonzero(hits.cells.comparable)
    rates, errors = hits.rates[:, use], hits.errors[:, :, use]
    labels, n = (hits.cells.table[name].to_numpy()[use] for name in ("label", "n"))
    rows = []
    apart = errors[:, 1] - errors[:, 0]
    _, low, high = middle_interval(apart)
    for group, label in enumerate(labels):
        before, after = rates[:, group]
        change = {"before": before, "after": after, "change": after - before}
        ends = {"low": change["change"] + low[group], "high": change["change"] + high[group]}
        seen = told(partial(named_power, apart[:, group]), 1 - before)
        rows.append({"metric": "TPR", "group": label, "n": n[group], **change, **ends, **seen})
    worst = int(np.argmin(rates[0]))
    for metric, statistic in (("worst", np.min), ("gap", np.ptp)):
        seen = told(partial(extreme_power, rates[0], errors, worst, statistic), 1 - rates[0, worst])
        rows.append({"metric": metric, "group": labels[worst], "n": n.sum(), **seen})
    blank = dict.fromkeys(("before", "after", "change", "low", "high"), np.nan)
    return [blank | row for row in rows]


def named_power(apart: np.ndarray, rise: float) -> float:
    """Share of studies that would see a rise of one group.

    Args:
        apart: (B,) draws of the noise of its change.
        rise: true change, a share.
    """
    _, low, high = middle_interval(apart)
    half = (high - low) / 2
    return float(np.mean(np.abs(rise + apart) > half)) if half > 0 else float(rise > 0)


def extreme_power(
    rates: np.ndarray, errors: np.ndarray, group: int, statistic: Callable[..., np.ndarray], rise: float
) -> float:
    """Share of studies that would see what a rise of one group does to an extreme.

    Args:
        rates: (groups,) of the baseline, taken for the true ones of both arms but for the rise.
        errors: (B, 2, groups) draws of the noise of both arms.
        group: which one rises.
        statistic: np.min or np.ptp.
        rise: true change of its rate, a share.
    """
    after = rates.copy()
    after[group] = min(after[group] + rise, 1)
    drawn = statistic(after + errors[:, 1], axis=1) - statistic(rates + errors[:, 0], axis=1)
    true = statistic(after) - statistic(rates)
    value, low, high = corrected_interval(drawn, true)
    # every study has an interval of this width round its own value, which is corrected for the same bias
    return float(np.mean(np.abs(drawn + value - true) > (high - low) / 2)) if high > low else float(true != 0)


def told(seen: Callable[[float], float], most: float) -> dict[str, float]:
    """`seen_2` and so on, and `smallest`, of a function from a rise to the share of studies that see it.

    `smallest` is between the points of a grid, by straight lines; NaN where none up to `most` reaches WANTED.
    """
    shares = np.array([seen(rise) for rise in _GRID])
    found = {f"seen_{100 * rise:g}": float(shares[list(_GRID).index(rise)]) for rise in RISES}
    reached = np.flatnonzero(shares >= WANTED)
    smallest = np.nan
    if len(reached):
        first = int(reached[0])
        near = slice(max(first - 1, 0), first + 1)
        smallest = float(np.interp(WANTED, shares[near], _GRID[near]))
    return found | {"smallest": smallest if smallest <= most else np.nan}


def power_text(rows: pd.DataFrame) -> str:
    """In words, which rises of the baseline's worst group would have been seen: by itself, and as the worst group.

    Args:
        rows: of `power`, of one arm, data set and grouping.
    """
    if rows.empty:
        return ""
    worst = rows[rows["metric"] == "worst"].iloc[0]
    named = rows[(rows["metric"] == "TPR") & (rows["group"] == worst["group"])].iloc[0]
    alone = (
        f"a rise of {worst['group']} faces by {percent(named['smallest'])} points would have been seen in 80 %"
        if np.isfinite(named["smallest"])
        else f"no rise of {worst['group']} faces would have been seen in 80 %"
    )
    extreme = (
        f"as a change of the worst group one by {percent(worst['smallest'])}"
        if np.isfinite(worst["smallest"])
        else "as a change of the worst group none, since another becomes the worst"
    )
    return f"{alone}, {extreme}"
