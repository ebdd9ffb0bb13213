"""Recall as a function: of the false positive rate allowed, and of the measured skin tone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.audit.decisions import Decisions, decided, validated
from facebias.audit.groups import groups_of, name_of
from facebias.audit.predictions import UNGROUPED, runs_of, sets_of
from facebias.audit.thresholds import HEADLINE
from facebias.core.errors import FacebiasError

FPRS = tuple(np.round(np.geomspace(0.001, 0.5, 28), 6).tolist())
# 0.1 to 10 %, 12 steps each tenfold: what a reader may want to allow, and few enough to ride in the report
LOW_FPRS = tuple(np.round(np.geomspace(0.001, 0.1, 25), 6).tolist())

CURVE_COLUMNS = ("model", "dataset", "grouping", "group", "n", "small", "fpr", "value")


def recall_by_fpr(
    predictions: pd.DataFrame | Decisions, dataset: str, by: tuple[str, ...] = ("race",), fprs: tuple[float, ...] = FPRS
) -> pd.DataFrame:
    """Recall of each group at every false positive rate allowed, mean over seeds: each model's error trade-off.

    Thresholds follow `facebias.audit.thresholds.threshold` on the validation negatives of each run; rates that
    they are too few to fix are left out.

    Returns:
        Columns CURVE_COLUMNS; rates and recall are shares.

    Raises:
        FacebiasError: the data set has no faces or says nothing of a column of `by`, or negatives are too few.
    """
    predictions = validated(predictions)
    faces = predictions.drop(columns=UNGROUPED)[(predictions["dataset"] == dataset) & (predictions["label"] == 1)]
    cells = groups_of(faces, by) if len(faces) else None
    if cells is None:
        raise FacebiasError("DATASET", dataset, f"no faces with {name_of(by)}", "Name another data set or grouping")
    held_out = predictions[(predictions["dataset"] == "validation") & (predictions["label"] == 0)]
    negatives = {run: np.sort(part.to_numpy(dtype=float))[::-1] for run, part in held_out.groupby("run_id")["score"]}
    fprs = tuple(f for f in fprs if min((len(part) for part in negatives.values()), default=0) * f >= 1)
    if not fprs:
        raise FacebiasError(
            "NEGATIVES", dataset, "too few validation negatives for any of the rates", "Score more validation negatives"
        )
    parts, models = [], runs_of(predictions).set_index("run_id")["model"]
    for (run,), rows in sets_of(faces, ["run_id"]):
        found = _run_curve(
            faces["score"].to_numpy(dtype=float)[rows], cells.codes[rows], len(cells.table), negatives[run], fprs
        )
        index = pd.MultiIndex.from_product([cells.table["label"], fprs], names=["group", "fpr"])
        parts.append(pd.DataFrame({"value": found.ravel(), "model": models[run]}, index=index).reset_index())
    table = pd.concat(parts).groupby(["model", "group", "fpr"], sort=False)["value"].mean().reset_index()
    runs = faces["run_id"].nunique()
    size = cells.table.assign(n=cells.table["n"] // runs).assign(small=lambda t: t["n"] < 30)
    table = table.merge(size[["label", "n", "small"]].rename(columns={"label": "group"}), on="group")
    return table.assign(dataset=dataset, grouping=name_of(by))[list(CURVE_COLUMNS)]


def _run_curve(
    scores: np.ndarray, codes: np.ndarray, count: int, negatives: np.ndarray, fprs: tuple[float, ...]
) -> np.ndarray:
    """(groups, rates) recall of one run; a threshold is just above the negative ranked floor(n f) + 1."""
    allowed = np.floor(len(negatives) * np.array(fprs) + 1e-9).astype(int)
    found = np.full((count, len(fprs)), np.nan)
    for group in range(count):
        mine = np.sort(scores[codes == group])
        if len(mine):
            found[group] = 1 - np.searchsorted(mine, negatives[allowed], side="right") / len(mine)
    return found


def recall_by_ita(
    predictions: pd.DataFrame | Decisions, dataset: str, rule: str = HEADLINE, bins: int = 10
) -> pd.DataFrame:
    """Recall against measured skin tone, in bins of equally many faces: classes of tone can hide unfairness.

    Returns:
        model, dataset, rule, ita (median of the bin), ita_low, ita_high (its edges), n, seeds, value (mean over
        seeds), low, high (over seeds, images and thresholds).

    Raises:
        FacebiasError: no face of the data set has a measured tone.
    """
    decisions = decided(predictions, rule)
    parts = []
    for model in decisions.models:
        hits = decisions.hits((model,), dataset)
        angle = decisions.faces(model, dataset)["ita"].to_numpy(dtype=float) if hits else np.empty(0)
        known = ~np.isnan(angle)
        if hits is None or not known.any():
            raise FacebiasError("DATASET", dataset, "no face has a measured ITA", "Name another data set")
        edges = np.unique(np.quantile(angle[known], np.linspace(0, 1, bins + 1)))
        number = np.clip(np.searchsorted(edges, angle, side="right") - 1, 0, max(len(edges) - 2, 0))
        place = np.where(known, [f"{one:04d}" for one in number], "")
        cells = groups_of(pd.DataFrame({"bin": place}), ("bin",))
        assert cells is not None  # some tone is known
        noise = hits.grouped(cells).noise
        table = pd.DataFrame({"bin": place, "angle": angle})[known].groupby("bin")["angle"]
        part = table.agg(ita="median", ita_low="min", ita_high="max", n="size").reset_index(drop=True)
        value, low, high = (row[0, : len(part)] for row in (noise.rates, *noise.interval))
        parts.append(part.assign(model=model, value=value, low=low, high=high, seeds=len(hits.seeds)))
    table = pd.concat(parts, ignore_index=True).assign(dataset=dataset, rule=rule)
    return table[["model", "dataset", "rule", "ita", "ita_low", "ita_high", "n", "seeds", "value", "low", "high"]]
