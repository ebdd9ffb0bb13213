"""What a moved threshold alone would do: the baseline at the false positive rate that another arm has at p = 0.5.

In the one published reproduction of DB-VAE with full tables, the undebiased network's threshold, moved to the debiased
one's false positive rate, predicts the whole gain. This is that control for our own arms.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.audit.cells import GROUPINGS, cells_of, name_of
from facebias.audit.predictions import validate
from facebias.audit.thresholds import threshold

MOVED_COLUMNS = ("model", "baseline", "dataset", "grouping", "group", "n", "small", "seeds", "fpr_before", "fpr_after",
                 "before", "after", "moved", "explained")


def moved_threshold(predictions: pd.DataFrame, baseline: str = "cnn",
                    groupings: tuple[tuple[str, ...], ...] = GROUPINGS) -> pd.DataFrame:
    """Recall of each group at p = 0.5 in both arms, and of the baseline at the arm's false positive rate.

    All rates are means over the seeds that both arms have; thresholds and false positive rates come from each run's
    validation negatives.

    Returns:
        MOVED_COLUMNS: `before` the baseline at p = 0.5, `after` the arm at p = 0.5, `moved` the baseline with its
        threshold moved to the arm's false positive rate, `explained` = moved - before, to be held against
        after - before. Shares.
    """
    predictions = validate(predictions)
    runs = predictions.drop_duplicates("run_id").set_index(["model", "seed"])["run_id"]
    negatives = predictions[(predictions["dataset"] == "validation") & (predictions["label"] == 0)]
    held_out = {run: part.to_numpy(dtype=float) for run, part in negatives.groupby("run_id")["score"]}
    faces = predictions[(predictions["label"] == 1) & (predictions["dataset"] != "validation")]
    by_set = {name: dict(list(part.groupby("run_id"))) for name, part in faces.groupby("dataset", sort=False)}
    parts = []
    for model in predictions["model"].unique() if baseline in runs.index else ():
        seeds = sorted(set(runs[model].index) & set(runs[baseline].index))
        pairs = [(runs[baseline][seed], runs[model][seed]) for seed in seeds]
        if model == baseline or not pairs or any(run not in held_out for pair in pairs for run in pair):
            continue
        for dataset, scored in by_set.items():
            for by in groupings:
                rows = _rows(scored, pairs, held_out, by)
                parts.append(rows.assign(model=model, baseline=baseline, dataset=dataset, grouping=name_of(by),
                                         seeds=len(seeds)))
    if not parts:
        return pd.DataFrame(columns=list(MOVED_COLUMNS))
    return pd.concat(parts, ignore_index=True)[list(MOVED_COLUMNS)]


def _rows(scored: dict[str, pd.DataFrame], pairs: list[tuple[str, str]], held_out: dict[str, np.ndarray],
          by: tuple[str, ...]) -> pd.DataFrame:
    """The rows of one arm, data set and grouping; none where the data set does not know the groups."""
    tables = []
    for own, other in pairs:
        cells = cells_of(scored[own], by)
        if cells is None:
            return pd.DataFrame(columns=["group"])
        rate = float(np.mean(held_out[other] >= 0))
        limit = threshold(held_out[own], f"fpr={rate}", warn=False).value if 0 < rate < 1 else 0.0
        theirs = cells_of(scored[other], by)
        tables.append(cells.table[["label", "n", "small"]].assign(
            fpr_before=float(np.mean(held_out[own] >= 0)), fpr_after=rate,
            before=_recall(scored[own], cells, 0.0), after=_recall(scored[other], theirs, 0.0),
            moved=_recall(scored[own], cells, limit)))
    means = dict.fromkeys(("fpr_before", "fpr_after", "before", "after", "moved"), "mean")
    table = pd.concat(tables).groupby("label", sort=False).agg({"n": "first", "small": "first", **means})
    return table.assign(explained=table["moved"] - table["before"]).reset_index(names="group")


def _recall(faces: pd.DataFrame, cells: object, limit: float) -> np.ndarray:
    size, hit = len(cells.table), faces["score"].to_numpy(dtype=float) >= limit
    n = np.bincount(cells.codes, minlength=size)
    return np.divide(np.bincount(cells.codes, weights=hit, minlength=size), n, out=np.full(size, np.nan), where=n > 0)
