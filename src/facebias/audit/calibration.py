"""Scores of each group: how they are spread, and whether a probability means the same for all.

Non-faces have no demographics, so every group's faces are set against the same test non-faces, and the two classes are
weighted alike. Calibrated for a group is then: of what gets probability 0.8, 80 % are faces, at even odds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import expit

from facebias.audit.decisions import Decisions, validated
from facebias.audit.groups import GROUPINGS, SMALL, groups_of, name_of
from facebias.audit.predictions import UNGROUPED, sets_of

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 10
NON_FACES = "non-faces"
SCORE_COLUMNS = ("model", "dataset", "grouping", "group", "n", "small", *(f"q{100 * q:g}" for q in QUANTILES))
CALIBRATION_COLUMNS = ("model", "dataset", "grouping", "group", "n", "small", "bin", "probability", "faces", "weight")


def score_spread(
    predictions: pd.DataFrame | Decisions, groupings: tuple[tuple[str, ...], ...] = GROUPINGS
) -> pd.DataFrame:
    """Quantiles of the scores (logits) of each group, and of the test non-faces; means over the trainings.

    Returns:
        Columns SCORE_COLUMNS: `q5` is the score under which 5 % of the group's faces lie.
    """
    parts = []
    for about, scores in _scored(validated(predictions), groupings):
        found = np.mean([np.quantile(run, QUANTILES) for run in scores], axis=0)
        parts.append(about | dict(zip(SCORE_COLUMNS[6:], found, strict=True)))
    return pd.DataFrame(parts, columns=list(SCORE_COLUMNS))


def calibration(
    predictions: pd.DataFrame | Decisions, groupings: tuple[tuple[str, ...], ...] = GROUPINGS
) -> pd.DataFrame:
    """Share of faces among what gets a probability, in bins of it, of each group; sums over the trainings.

    Returns:
        Columns CALIBRATION_COLUMNS: in each of BINS equal bins the mean probability, the share of faces, and the weight
        of the bin (they sum to 1 in a group); empty bins are left out. `expected_error` sums them up. No row where
        there are no test non-faces.
    """
    rows = [(about, _sums(np.concatenate(scores))) for about, scores in _scored(validated(predictions), groupings)]
    others = {about["model"]: sums for about, sums in rows if about["group"] == NON_FACES}
    parts = []
    for about, sums in rows:
        if about["group"] != NON_FACES and about["model"] in others:
            parts += [about | found for found in _bins(sums, others[about["model"]])]
    return pd.DataFrame(parts, columns=list(CALIBRATION_COLUMNS))


def expected_error(table: pd.DataFrame) -> pd.DataFrame:
    """The expected calibration error of each group: mean distance of probability and share of faces, by weight.

    Args:
        table: of `calibration`.

    Returns:
        model, dataset, grouping, group, n, small, value (a share).
    """
    keys = ["model", "dataset", "grouping", "group", "n", "small"]
    apart = (table["probability"] - table["faces"]).abs() * table["weight"]
    return table[keys].assign(value=apart).groupby(keys, sort=False, as_index=False)["value"].sum()


def _sums(scores: np.ndarray) -> np.ndarray:
    """(2, BINS): of each bin the scores that lie in it, and the sum of their probabilities; all together weigh half."""
    probability = expit(scores.astype(float))
    number = np.minimum((probability * BINS).astype(int), BINS - 1)
    found: np.ndarray = np.stack([np.bincount(number, weights, BINS) for weights in (None, probability)])
    return found / (2 * len(scores))


def _bins(faces: np.ndarray, others: np.ndarray) -> Iterator[dict[str, float]]:
    both = faces + others
    for one in np.flatnonzero(both[0]):
        weight, probability = both[:, one]
        yield {
            "bin": int(one),
            "probability": float(probability / weight),
            "faces": float(faces[0, one] / weight),
            "weight": float(weight),
        }


def _scored(
    predictions: pd.DataFrame, groupings: tuple[tuple[str, ...], ...]
) -> Iterator[tuple[dict[str, object], list[np.ndarray]]]:
    """What a set of scores is of, and the scores of each training."""
    for (model, dataset, label), used in sets_of(predictions, ["model", "dataset", "label"]):
        if dataset == "validation" or (label == 0 and dataset != "test"):
            continue
        part = predictions.drop(columns=UNGROUPED).iloc[used]
        runs = [rows for _, rows in sets_of(part, ["run_id"])]
        scores = part["score"].to_numpy(dtype=float)
        for by in groupings if label == 1 else ((),):
            cells = groups_of(part, by)
            if cells is None:
                continue
            for code, cell in enumerate(cells.table.itertuples()):
                mine = [scores[rows[cells.codes[rows] == code]] for rows in runs]
                if min(map(len, mine)):
                    about = {"model": model, "dataset": dataset, "grouping": name_of(by), "n": len(mine[0])}
                    group = cell.label if label == 1 else NON_FACES
                    yield about | {"group": group, "small": len(mine[0]) < SMALL}, mine
