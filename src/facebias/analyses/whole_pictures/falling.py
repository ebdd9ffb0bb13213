"""The level of a condition at which a group's recall falls under 90 %, with its interval over faces and threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from facebias.analyses.whole_pictures.conditions import OTHER_SIDE
from facebias.analyses.whole_pictures.points import SHIPPED, named, rule_of
from facebias.audit.groups import groups_of, name_of
from facebias.audit.thresholds import threshold

LEAST = 0.9  # recall under which a group counts as lost
DRAWS = 400
_COLUMNS = "condition point model dataset grouping group n small value low high".split()


def falls_table(
    clean: pd.DataFrame,
    changed: Mapping[tuple[str, float], pd.DataFrame],
    groupings: Sequence[tuple[str, ...]],
    points: Sequence[str | float],
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Where each group's recall first falls under LEAST as a condition gets harder, between levels by a straight line.

    Faces are drawn anew, the same at all levels, and so are the face-free pictures that fix a matched threshold.

    Args:
        clean: predictions of one detector on pictures as they are: they fix the threshold.
        changed: by condition and level, from the mildest on.
        groupings: what is grouped by.
        points: operating points.
        draws: of the bootstrap.
        seed: of it.

    Returns:
        condition, point, model, dataset, grouping, group, n, small, value, low, high, in the unit of the condition.
        Plus or minus infinity, on the hard side, is beyond the last level that was tried; the mildest level stands
        for "under it from the start". `low` is the level at the milder end of the 95 % interval.
    """
    rng, rows = np.random.default_rng(seed), []
    free = clean[(clean["label"] == 0) & (clean["dataset"] == "validation")]["score"].to_numpy(dtype=float)
    for name in dict.fromkeys(condition for condition, _ in changed):
        apart = OTHER_SIDE.get(name, ())
        levels = [level for condition, level in changed if condition == name and level not in apart]
        tables = [changed[name, level].query("label == 1").set_index("image_id") for level in levels]
        order = tables[0].index
        scores = np.array([table.loc[order, "score"].to_numpy(dtype=float) for table in tables])
        for point in points:
            fixed = limits(free, point, rng, draws)
            for by in groupings:
                if (cells := groups_of(tables[0], by)) is None:
                    continue
                for code, row in cells.table.iterrows():
                    mine = scores[:, cells.codes == code]
                    if not mine.shape[1]:
                        continue
                    found = _drawn(mine, np.array(levels), fixed, rng)
                    key = (name, named(point), clean["model"].iloc[0], tables[0]["dataset"].iloc[0], name_of(by))
                    rows.append((*key, row["label"], row["n"], row["small"], *found))
    return pd.DataFrame(rows, columns=_COLUMNS)


def limits(free: np.ndarray, point: str | float, rng: np.random.Generator, draws: int) -> np.ndarray:
    """(1 + draws,) the threshold of a point, and one of each draw of the face-free pictures that fix it.

    Args:
        free: best scores of these pictures.
        point: operating point.
        rng: draws.
        draws: how many.
    """
    if point == SHIPPED:
        return np.zeros(1 + draws)
    samples = [free, *(rng.choice(free, len(free)) for _ in range(draws))]
    return np.array([threshold(sample, rule_of(point), warn=False).value for sample in samples])


def _drawn(
    scores: np.ndarray, levels: np.ndarray, fixed: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float]:
    n = scores.shape[1]
    value = crossing((scores >= fixed[0]).mean(axis=1), levels)
    drawn = []
    for limit in fixed[1:]:
        kept = scores[:, rng.integers(0, n, n)]
        drawn.append(crossing((kept >= limit).mean(axis=1), levels))
    # in the order of hardness, so that infinity is at its end whichever way the levels run
    sign = 1.0 if levels[-1] > levels[0] else -1.0
    low, high = np.quantile(sign * np.array(drawn), (0.025, 0.975), method="nearest")
    return value, float(sign * low), float(sign * high)


def crossing(recall: np.ndarray, levels: np.ndarray, least: float = LEAST) -> float:
    """The level at which recall first falls under `least`.

    Args:
        recall: (levels,) shares.
        levels: (levels,) from the mildest to the hardest, rising or falling.
        least: a share.

    Returns:
        The first level if recall is under it there; infinity in the direction of the levels if it never is.
    """
    under = np.flatnonzero(recall < least)
    if not len(under):
        return float(np.inf if levels[-1] > levels[0] else -np.inf)
    first = under[0]
    if first == 0:
        return float(levels[0])
    share = (recall[first - 1] - least) / (recall[first - 1] - recall[first])
    return float(levels[first - 1] + share * (levels[first] - levels[first - 1]))
