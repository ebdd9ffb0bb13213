"""Where two arms look, group by group: mean maps side by side, and how far apart they are.

Rescaled maps have no magnitude, and raw ones that of the arm's logits, so each face's map is taken over its own mean:
a map of ones looks nowhere in particular. What a training changes varies from seed to seed, so the two arms' distance
stands beside that of two seeds of one arm, and the test flips the signs of the seeds' changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, product

import numpy as np
import pandas as pd

from facebias.analyses.saliency.maps import GroupMaps, row_of, stack_groups
from facebias.analyses.saliency.stack import GRID, MapStack
from facebias.audit.stats.tests import ALPHA

CHANGE = "change"
FLIPS = 4096  # sign patterns at most: all of them up to 12 seeds


def group_changes(stack: MapStack, by: tuple[str, ...], *, seed: int = 0) -> GroupMaps:
    """First and last arm's mean map, and the change between them, of each group of a grouping and of all faces.

    The test is exact given the faces: were the arms alike, each seed's change might as well have the other sign. Its
    statistic is the largest |change| over all cells and groups, so one p-value holds for the whole table and notable
    cells count for all groups at once. With fewer than 6 seeds no p-value can be below 5 %.

    Returns:
        Three rows a group; `model` is an arm's name, or "change". The table has besides, in rows of a change, `moved`
        (half the summed |change| of the shares of saliency, mean over paired seeds), `moved_by_seed` (the same between
        two seeds of one arm; NaN for a single seed), and `p`. maps: (rows, GRID, GRID), over the map's mean. Small
        groups have no map and are not tested.

    Raises:
        FacebiasError: nothing is known of a grouping column.
    """
    rows: list[dict[str, object]] = []
    maps: list[np.ndarray] = []
    changes: dict[int, np.ndarray] = {}
    for grouping, cell, mine in stack_groups(stack, by):
        if grouping not in (by, ()):
            continue
        values = stack.cells[[0, -1]][:, :, mine]
        means = (values / np.maximum(values.mean(axis=-1, keepdims=True), 1e-12)).mean(axis=2)  # (2, S, cells)
        if not cell["small"]:
            changes[len(rows) + 2] = means[1] - means[0]
        distances = {
            "moved": _distance(zip(*means, strict=True)),
            "moved_by_seed": _distance(pair for arm in means for pair in combinations(arm, 2)),
        }
        first, last = means.mean(axis=1)
        for name, map_, more in (
            (stack.models[0], first, {}),
            (stack.models[-1], last, {}),
            (CHANGE, last - first, distances),
        ):
            rows.append(row_of(stack, 0, grouping, cell) | {"model": name} | more)
            maps.append(np.full(GRID**2, np.nan) if cell["small"] else map_)
    notable = np.zeros((len(rows), GRID**2), dtype=bool)
    table = pd.DataFrame(rows).assign(p=np.nan)
    if changes:
        p, cells = sign_flips(np.stack(list(changes.values()), axis=1), seed=seed)
        notable[list(changes)], table.loc[list(changes), "p"] = cells, p
    shape = (-1, GRID, GRID)
    return GroupMaps(table, np.stack(maps).reshape(shape), notable=notable.reshape(shape))


def sign_flips(changes: np.ndarray, *, seed: int = 0) -> tuple[float, np.ndarray]:
    """p-value of the largest |mean change|, and which means are beyond what 5 % of the sign patterns reach anywhere.

    Args:
        changes: (S, ...) one a paired seed.
        seed: of the draw of sign patterns where there are more than FLIPS.
    """
    seeds, flat = len(changes), changes.reshape(len(changes), -1).astype(np.float64)
    if 2**seeds <= FLIPS:
        signs = np.array(list(product((1.0, -1.0), repeat=seeds)))  # the first pattern is what was observed
    else:
        signs = np.random.default_rng(seed).choice((1.0, -1.0), size=(FLIPS, seeds))
        signs[0] = 1
    largest = np.array([np.abs(pattern @ flat).max() for pattern in signs]) / seeds
    mean = np.abs(flat.mean(axis=0))
    p = float((largest >= mean.max() * (1 - 1e-9)).mean())
    beyond = [(largest >= size * (1 - 1e-9)).mean() < ALPHA for size in mean] if p < ALPHA else np.zeros(len(mean))
    return p, np.array(beyond, dtype=bool).reshape(changes.shape[1:])


def _distance(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    parts = [np.abs(one - other).mean() / 2 for one, other in pairs]
    return float(np.mean(parts)) if parts else np.nan
