"""What a moved threshold alone would do: the baseline at the false positive rate that another arm has at p = 0.5.

In the one published reproduction of DB-VAE with full tables, the undebiased network's threshold, moved to the debiased
one's false positive rate, is consistent with the whole gain, where recall follows the threshold as that of a normal
distribution does. This is that control for our own arms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from facebias.audit.decisions import Decisions, validated
from facebias.audit.groups import GROUPINGS, SMALL, Groups, groups_of, name_of
from facebias.audit.predictions import runs_of, sets_of
from facebias.audit.thresholds import threshold

MOVED_COLUMNS = (
    "model",
    "baseline",
    "dataset",
    "grouping",
    "group",
    "n",
    "small",
    "seeds",
    "fpr_before",
    "fpr_after",
    "before",
    "after",
    "moved",
    "explained",
)


def moved_threshold(
    predictions: pd.DataFrame | Decisions, baseline: str = "cnn", groupings: tuple[tuple[str, ...], ...] = GROUPINGS
) -> pd.DataFrame:
    """Recall of each group at p = 0.5 in both arms, and of the baseline at the arm's false positive rate.

    All rates are means over the seeds that both arms have; thresholds and false positive rates come from each run's
    validation negatives.

    Returns:
        MOVED_COLUMNS: `before` the baseline at p = 0.5, `after` the arm at p = 0.5, `moved` the baseline with its
        threshold moved to the arm's false positive rate, `explained` = moved - before, to be held against
        after - before. Shares.
    """
    predictions = validated(predictions)
    runs = runs_of(predictions).set_index(["model", "seed"])["run_id"]
    models = set(runs.index.get_level_values("model"))
    if models <= {baseline} or baseline not in models:
        return pd.DataFrame(columns=list(MOVED_COLUMNS))
    negatives = predictions[(predictions["dataset"] == "validation") & (predictions["label"] == 0)]
    held_out = {run: part.to_numpy(dtype=float) for run, part in negatives.groupby("run_id")["score"]}
    faces = predictions[(predictions["label"] == 1) & (predictions["dataset"] != "validation")]
    sets = list(faces.groupby("dataset", sort=False))
    scored = [
        _Scored.of(str(dataset), part, cells)
        for dataset, part in sets
        for by in groupings
        if (cells := groups_of(part, by)) is not None
    ]
    parts = []
    for model in map(str, predictions["model"].unique()):
        seeds = sorted(set(runs[model].index) & set(runs[baseline].index))
        pairs = [(runs[baseline][seed], runs[model][seed]) for seed in seeds]
        if model == baseline or not pairs or any(run not in held_out for pair in pairs for run in pair):
            continue
        moves = [_Move.of(*pair, held_out) for pair in pairs]
        parts += [one.rows(moves).assign(model=model, baseline=baseline, seeds=len(seeds)) for one in scored]
    if not parts:
        return pd.DataFrame(columns=list(MOVED_COLUMNS))
    return pd.concat(parts, ignore_index=True)[list(MOVED_COLUMNS)]


@dataclass(frozen=True)
class _Move:
    """One seed: the baseline's run, the arm's run, their false positive rates at p = 0.5, and the moved threshold."""

    own: str
    other: str
    before: float
    after: float
    limit: float

    @classmethod
    def of(cls, own: str, other: str, held_out: dict[str, np.ndarray]) -> Self:
        """Rates of two runs at p 0.5, and the own run's threshold moved to the other's rate."""
        before, after = (float(np.mean(held_out[run] >= 0)) for run in (own, other))
        limit = threshold(held_out[own], f"fpr={after}", warn=False).value if 0 < after < 1 else 0.0
        return cls(own, other, before, after, limit)


@dataclass(frozen=True)
class _Scored:
    """The faces of one data set in one grouping: cells and scores of every run."""

    dataset: str
    grouping: str
    runs: dict[str, tuple[Groups, np.ndarray]]

    @classmethod
    def of(cls, dataset: str, part: pd.DataFrame, cells: Groups) -> Self:
        """From the faces of all runs and their cells."""
        scores, found = part["score"].to_numpy(dtype=float), {}
        for (run,), rows in sets_of(part, ["run_id"]):
            n = np.bincount(cells.codes[rows], minlength=len(cells.table))
            found[run] = (Groups(cells.by, cells.table.assign(n=n, small=n < SMALL), cells.codes[rows]), scores[rows])
        return cls(dataset, name_of(cells.by), found)

    def rows(self, moves: list[_Move]) -> pd.DataFrame:
        """A row a group, means over the seeds."""
        tables = [
            self.runs[move.own][0]
            .table[["label", "n", "small"]]
            .assign(
                fpr_before=move.before,
                fpr_after=move.after,
                before=self._recall(move.own),
                after=self._recall(move.other),
                moved=self._recall(move.own, move.limit),
            )
            for move in moves
        ]
        means = dict.fromkeys(("fpr_before", "fpr_after", "before", "after", "moved"), "mean")
        table = pd.concat(tables).groupby("label", sort=False).agg({"n": "first", "small": "first", **means})
        return table.assign(
            explained=table["moved"] - table["before"], dataset=self.dataset, grouping=self.grouping
        ).reset_index(names="group")

    def _recall(self, run: str, limit: float = 0.0) -> np.ndarray:
        cells, scores = self.runs[run]
        return cells.rates(scores >= limit)
