"""Mean saliency maps of groups with bootstrap intervals, and differences between groups with permutation p-values.

As in `facebias.audit.stats.intervals`, trainings (seeds) and faces are crossed: a replicate draws seeds and, within
each group, faces, and all arms see the same draws. Intervals are per cell of a 16 x 16 grid, since neighbouring pixels
tell the same; means are shown in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.analyses.saliency.permutation import SHUFFLES, group_tests
from facebias.analyses.saliency.stack import GRID, MapStack, Stack, pool
from facebias.audit.groups import Groups, groups_of, name_of
from facebias.audit.stats.intervals import LEVEL
from facebias.audit.stats.tests import ALPHA, holm
from facebias.core.errors import FacebiasError

REPLICATES = 1000


def bootstrap_means(values: np.ndarray, *, replicates: int = REPLICATES, seed: int = 0) -> np.ndarray:
    """Bootstrap distribution of the mean over seeds and faces: (B, A, D), arms paired.

    Args:
        values: (A, S, n, D) of one group's n faces.
        replicates: B.
        seed: of the generator.
    """
    rng = np.random.default_rng(seed)
    arms, seeds, n, width = values.shape
    drawn = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=replicates) / seeds
    # a bootstrap of S seeds has (S - 1) / S of their variance: widened to all of it, as for recall
    drawn = 1 / seeds + (drawn - 1 / seeds) * np.sqrt(seeds / max(seeds - 1, 1))
    faces = (rng.multinomial(n, np.full(n, 1 / n), size=replicates) / n).astype(np.float32)
    by_run = faces @ values.transpose(2, 0, 1, 3).reshape(n, -1).astype(np.float32)
    return np.einsum("basd,bs->bad", by_run.reshape(replicates, arms, seeds, width), drawn)


def interval(draws: np.ndarray) -> np.ndarray:
    """Percentile interval over the first axis: (2, ...)."""
    return np.quantile(draws, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0)


def groupings(by: tuple[str, ...]) -> list[tuple[str, ...]]:
    """A grouping of two columns with its margins and all faces: race x gender, race, gender, all faces."""
    return list(dict.fromkeys([by, *((column,) for column in by), ()]))


@dataclass(frozen=True)
class GroupMaps:
    """Maps of groups: a row of the table an arm and group, and a map for each row.

    Attributes:
        table: dataset, kind, model, seeds, grouping, race, skin_tone, gender ("all" where not grouped by), group, n,
            small, and what each function adds.
        maps: (rows, side, side) what is drawn; NaN where it was not computed.
        low: (rows, GRID, GRID) end of the 95 % interval; None for differences.
        high: the same.
        notable: bool (rows, GRID, GRID) cells that differ at the 5 % level, all cells taken together, in groups whose
            adjusted p-value is under 5 % too; None for means.
    """

    table: pd.DataFrame
    maps: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    notable: np.ndarray | None = None

    @property
    def width(self) -> np.ndarray:
        """(rows, GRID, GRID) of the 95 % interval.

        Raises:
            ValueError: differences, which have none.
        """
        if self.low is None or self.high is None:
            raise ValueError("differences have a test and no interval")
        return self.high - self.low

    @property
    def outlined(self) -> np.ndarray:
        """`notable`, of maps that were tested.

        Raises:
            ValueError: means, which were not.
        """
        if self.notable is None:
            raise ValueError("means have an interval and no test")
        return self.notable

    def cells(self) -> pd.DataFrame:
        """The numbers behind the maps: the table's rows that have a map, with the mean of each cell, 3 digits.

        Columns r00c00, r00c01, ... go from the upper left, row by row. `half_width` is the median over cells of half
        the 95 % interval of one cell, where there are intervals.
        """
        drawn = ~np.isnan(self.maps).all(axis=(1, 2))
        about = self.table[drawn].drop(columns=["race", "skin_tone", "gender"]).reset_index(drop=True)
        if self.low is not None:
            about["half_width"] = np.median(self.width[drawn].reshape(drawn.sum(), -1), axis=1) / 2
        names = [f"r{y:02d}c{x:02d}" for y in range(GRID) for x in range(GRID)]
        values = pd.DataFrame(pool(self.maps[drawn]).astype(float), columns=names)
        numbers = pd.concat([about.select_dtypes("floating"), values], axis=1).map(lambda value: float(f"{value:.3g}"))
        kept = [name for name in about if name not in numbers]
        return pd.concat([about[kept], numbers], axis=1)


def group_means(stack: MapStack, by: tuple[str, ...], *, replicates: int = REPLICATES, seed: int = 0) -> GroupMaps:
    """Mean map of each group of a grouping, of its margins and of all faces; groups without faces or unknown left out.

    Returns:
        The table has besides `value`, `low` and `high`, of the whole map with its interval: for raw maps the sum of all
        |contributions| in logits, for rescaled ones the mean. Small groups (under 30 faces) have no map.

    Raises:
        FacebiasError: nothing is known of a grouping column.
    """
    rows, maps, ends = [], [], []
    for grouping, cell, mine in stack_groups(stack, by):
        values = stack.cells[:, :, mine]
        whole = values.sum(axis=-1, keepdims=True) if stack.kind == "raw" else values.mean(axis=-1, keepdims=True)
        values = np.concatenate([values, whole], axis=-1)
        low, high = interval(bootstrap_means(values, replicates=replicates, seed=seed))
        for number, _ in enumerate(stack.models):
            found = {"value": values[number, ..., -1].mean(), "low": low[number, -1], "high": high[number, -1]}
            rows.append(row_of(stack, number, grouping, cell) | found)
            ends.append((low[number, :-1], high[number, :-1]))
            maps.append(
                np.full(stack.average.shape[2:], np.nan) if cell["small"] else stack.average[number, mine].mean(axis=0)
            )
    low, high = (np.stack(side).reshape(-1, GRID, GRID) for side in zip(*ends, strict=True))
    return GroupMaps(pd.DataFrame(rows), np.stack(maps), low, high)


def group_differences(stack: MapStack, by: tuple[str, ...], *, shuffles: int = SHUFFLES, seed: int = 0) -> GroupMaps:
    """Each group against all other faces, by permutation (`permutation`); maps averaged over seeds.

    Small groups are not tested. `p_holm` is adjusted over the groups of one grouping and arm.

    Returns:
        maps (rows, GRID, GRID): differences in standard deviations between faces. The table has besides `others` (faces
        compared with), `peak`, `p`, `p_holm`, `moved` and `moved_by_chance`.

    Raises:
        FacebiasError: nothing is known of a grouping column.
    """
    rows, maps, notable = [], [], []
    for grouping in groupings(by)[:-1]:
        cells = _cells(stack, grouping)
        known = cells.table["known"].to_numpy()[cells.codes]
        codes, tested = cells.codes[known], np.flatnonzero(cells.comparable)
        tested = tested if len(tested) > 1 else tested[:0]
        shown = cells.table[cells.table["known"] & (cells.table["n"] > 0)]
        for number, _ in enumerate(stack.models):
            values = stack.cells[number].mean(axis=0)[known]
            found = group_tests(values, codes, tested, shuffles=shuffles, seed=seed) if len(tested) else None
            adjusted = holm(found.p) if found else np.empty(0)
            for code, cell in shown.iterrows():
                row = row_of(stack, number, grouping, cell) | {"others": len(codes) - cell["n"]}
                effect, cleared = np.full(GRID * GRID, np.nan), np.zeros(GRID * GRID, dtype=bool)
                if found and code in tested:
                    at = int(np.flatnonzero(tested == code)[0])
                    effect = found.effect[at]
                    cleared = (np.abs(effect) > found.critical[at]) & (adjusted[at] < ALPHA)
                    row |= {
                        "peak": found.peak[at],
                        "p": found.p[at],
                        "p_holm": adjusted[at],
                        "moved": found.moved[at],
                        "moved_by_chance": found.moved_by_chance[at],
                    }
                rows.append(row)
                maps.append(effect.reshape(GRID, GRID))
                notable.append(cleared.reshape(GRID, GRID))
    return GroupMaps(pd.DataFrame(rows), np.stack(maps), notable=np.stack(notable))


def stack_groups(stack: Stack, by: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], pd.Series, np.ndarray]]:
    """Grouping, row of its table of cells, and indices of the faces, of each known group that has faces."""
    for grouping in groupings(by):
        cells = _cells(stack, grouping)
        for code, cell in cells.table[cells.table["known"] & (cells.table["n"] > 0)].iterrows():
            yield grouping, cell, np.flatnonzero(cells.codes == code)


def _cells(stack: Stack, grouping: tuple[str, ...]) -> Groups:
    if (cells := groups_of(stack.faces, grouping)) is None:
        raise FacebiasError(
            "GROUPING", stack.dataset, f"{name_of(grouping)}: unknown for every face", "Choose another grouping"
        )
    return cells


def row_of(stack: Stack, number: int, grouping: tuple[str, ...], cell: pd.Series) -> dict[str, object]:
    """What a table says of an arm's group before its numbers."""
    return {
        "dataset": stack.dataset,
        "kind": stack.kind,
        "model": stack.models[number],
        "seeds": len(stack.seeds),
        "grouping": name_of(grouping),
        "race": cell["race"],
        "skin_tone": cell["skin_tone"],
        "gender": cell["gender"],
        "group": cell["label"],
        "n": int(cell["n"]),
        "small": bool(cell["small"]),
    }
