"""Domain shift told apart from bias: recall of all and of each group as one property of the picture is changed.

Thresholds come from validation negatives in one of two views. "unchanged": the detector as it was calibrated meets
changed faces, which is what shift does in use; its false positive rate on negatives changed alike is then reported
beside recall. "changed alike": the threshold is fixed anew on negatives with the same change, so that the false
positive rate is matched at every value and what is left is how far faces and non-faces can still be told apart.

All conditions are written down in docs/protocol.md, before the study. Small faces (`DECLARED`) had not been looked at
then; the other factors had been, in an earlier study.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.audit.changes import compare
from facebias.audit.predictions import PREDICTION_COLUMNS
from facebias.audit.thresholds import HEADLINE, fix_thresholds
from facebias.audit.worst_and_gap import measures, summarise
from facebias.core.errors import FacebiasError

VIEWS = ("unchanged", "changed alike")
SHIFT_GROUPINGS = (("race",), ("skin_tone",), ())
UNCHANGED = "unchanged"  # column of the scores of pictures as packed


@dataclass(frozen=True)
class Factor:
    """A property of the picture that is changed.

    Attributes:
        name: "scale", side of the view over the side as packed, below 1 nearer; "offset", how far the face is moved
            down, in shares of the side; "brightness", stops of exposure; "blur", sigma in pixels of 64; "size", the
            pixels a side that are left of 64, enlarged again.
        values: changed values, ascending.
        neutral: the value of an unchanged picture.
    """

    name: str
    values: tuple[float, ...]
    neutral: float

    def column(self, value: float) -> str:
        """The column that holds the scores at `value`."""
        return UNCHANGED if value == self.neutral else f"{self.name}={value:g}"

    @property
    def grid(self) -> tuple[float, ...]:
        """All values in order, the unchanged one too."""
        return tuple(sorted((*self.values, self.neutral)))


# Framing moves by whole pixels of 64, and the cut stays centred, so that nothing but scale resamples a picture
FACTORS = (
    Factor("scale", tuple(side / 64 for side in (44, 50, 58, 70, 80, 90)), 1.0),
    Factor("offset", tuple(pixels / 64 for pixels in (-10, -8, -5, -3, 3, 5, 8, 10)), 0.0),
    Factor("brightness", (-2.0, -1.5, -1.0, -0.5, 0.5, 1.0), 0.0),
    Factor("blur", (0.5, 1.0, 1.5, 2.0, 2.5), 0.0),
    Factor("size", (16.0, 24.0, 32.0), 64.0),
)
DECLARED = ("size",)  # factors chosen before any result of theirs was known, at all of their values
HARD_RULE = "fpr=0.001"  # looked at beside the study's rule for these and for unchanged pictures, where negatives allow
DECLARED_TEXT = (
    "Written down before the study: all of these conditions. Faces of 32, 24 and 16 pixels had not been looked at; the "
    "others had been, in an earlier study. All of it is exploratory."
)


def shift_columns(factors: tuple[Factor, ...] = FACTORS) -> list[str]:
    """Columns of the table of scores: the unchanged picture, then every factor's values."""
    return [UNCHANGED, *[factor.column(value) for factor in factors for value in factor.values]]


@dataclass(frozen=True)
class ShiftTables:
    """What shift does, one row a factor and value in each table.

    Attributes:
        curves: recall of all faces and of each group, and the false positive rate on changed negatives: factor, value
            (of the factor), negatives (one of VIEWS), and the columns of `summarise` with `rate` for its `value`.
        gaps: best less worst group, of `measures`, and the gap that equal groups would show; unchanged negatives.
        changes: paired change from the baseline arm to each other, of `compare`, in both views: of overall recall, and
            of the worst group and the gap by race and by skin tone; `declared` says whether the condition was chosen
            before any result.
    """

    curves: pd.DataFrame
    gaps: pd.DataFrame
    changes: pd.DataFrame


def shift_tables(
    scores: pd.DataFrame,
    baseline: str,
    rule: str = HEADLINE,
    factors: tuple[Factor, ...] = FACTORS,
    contrasts: tuple[tuple[str, str], ...] = (),
) -> ShiftTables:
    """Recall, gaps and paired changes at every value of every factor.

    Args:
        scores: of `shift_scores`, the runs below each other: validation negatives, held-out and audit faces, a
            column of logits for each of `shift_columns`.
        baseline: the arm that others are compared with.
        rule: threshold rule.
        factors: which of the factors.
        contrasts: further pairs of a baseline and an arm whose changes are wanted; they stand below the others.

    Raises:
        FacebiasError: a column of `shift_columns` is missing.
    """
    if missing := [name for name in shift_columns(factors) if name not in scores]:
        raise FacebiasError("COLUMNS", "shift scores", f"missing {', '.join(missing)}", "Run facebias shift again")
    known: dict[tuple[str, str], tuple[pd.DataFrame, ...]] = {}
    parts: list[list[pd.DataFrame]] = [[], [], []]
    for factor, value, view in _cases(factors):
        key = (factor.column(value), view)
        if key not in known:  # the unchanged picture is every factor's
            known[key] = _at(scores, *key, baseline, rule, contrasts)
        for kept, table in zip(parts, known[key], strict=True):
            kept.append(table.assign(factor=factor.name, value=value, negatives=view))
    curves, gaps, changes = (_front(pd.concat(kept, ignore_index=True)) for kept in parts)
    return ShiftTables(curves, gaps, changes.assign(declared=changes["factor"].isin(DECLARED)))


def _cases(factors: tuple[Factor, ...]) -> Iterator[tuple[Factor, float, str]]:
    for factor in factors:
        for value in factor.grid:
            for view in VIEWS:
                yield factor, value, view


def _at(
    scores: pd.DataFrame, column: str, view: str, baseline: str, rule: str, contrasts: tuple[tuple[str, str], ...]
) -> tuple[pd.DataFrame, ...]:
    predictions = predictions_at(scores, column, view)
    groupings = SHIFT_GROUPINGS if view == VIEWS[0] else ((),)
    curves = summarise(predictions, rule, groupings).rename(columns={"value": "rate"})
    gaps = measures(predictions, rule, groupings).astype({"corrected": float, "low": float, "high": float})
    declared = column == UNCHANGED or column.partition("=")[0] in DECLARED
    rules = (rule, HARD_RULE) if declared else (rule,)
    pairs = [(one, predictions[predictions["model"].isin((one, arm))]) for one, arm in contrasts]
    changes = pd.concat([_changes(part, one, rules) for one, part in [(baseline, predictions), *pairs]])
    return (
        curves.drop(columns=["race", "skin_tone", "gender"]),
        gaps[gaps["metric"].isin(["gap", "null_gap"])].rename(columns={"value": "gap"}).drop(columns="group"),
        # Holm's correction is over the arms of one call, here one: not over all values
        changes.drop(columns=["groups", "p_holm"]),
    )


def _changes(predictions: pd.DataFrame, baseline: str, rules: tuple[str, ...]) -> pd.DataFrame:
    """Changes at the first rule, and at further ones for which every run has validation negatives enough."""
    parts = [
        compare(predictions, baseline, rule, SHIFT_GROUPINGS)
        for rule in dict.fromkeys(rules)
        if rule == rules[0] or fix_thresholds(predictions, (rule,))["enough"].all()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[(table["grouping"] == "all faces") | table["metric"].isin(("worst", "gap"))]


def predictions_at(scores: pd.DataFrame, column: str, view: str = VIEWS[0]) -> pd.DataFrame:
    """Predictions as the audit reads them, of changed faces.

    The validation negatives that fix the threshold are unchanged or changed alike, as `view` says. The changed
    negatives stand as test negatives too, so that their false positive rate is measured.
    """
    names = [name for name in PREDICTION_COLUMNS if name != "score"]
    negative = scores["label"] == 0
    changed = scores[names].assign(score=scores[column])
    fixing = changed if view == VIEWS[1] else changed.assign(score=scores[UNCHANGED])
    return pd.concat(
        [fixing[negative], changed[negative].assign(dataset="test"), changed[~negative]], ignore_index=True
    )


def _front(table: pd.DataFrame) -> pd.DataFrame:
    first = ["factor", "value", "negatives"]
    table = table[[*first, *[name for name in table if name not in first]]]
    return table.assign(**{name: table[name].round(6) for name in table.select_dtypes("floating")})


def most_affected(curves: pd.DataFrame, factor: str, dataset: str, model: str, count: int = 2) -> list[str]:
    """The groups that lose most recall, mean over the factor's values, the most affected first.

    Groups are by race where the data set says it, else by skin tone; small and unknown ones are left out, so that
    there may be none.
    """
    rows = group_rows(curves, factor, dataset)
    rows = rows[(rows["model"] == model) & ~rows["small"] & (rows["group"] != "unknown")]
    if rows.empty:
        return []
    wide = rows.pivot(index="group", columns="value", values="rate")
    neutral = next(one.neutral for one in FACTORS if one.name == factor)
    lost = (wide.rsub(wide[neutral], axis=0)).mean(axis=1)
    return [str(name) for name in lost.sort_values(ascending=False, kind="stable").index[:count]]


def group_rows(curves: pd.DataFrame, factor: str, dataset: str) -> pd.DataFrame:
    """Recall of each group of a data set along a factor, thresholds on unchanged negatives."""
    rows = curves[
        (curves["factor"] == factor)
        & (curves["dataset"] == dataset)
        & (curves["metric"] == "TPR")
        & (curves["negatives"] == VIEWS[0])
    ]
    grouping = "race" if (rows["grouping"] == "race").any() else "skin tone"
    return rows[(rows["grouping"] == grouping) & (rows["n"] > 0)]


def best_view(curves: pd.DataFrame, factor: str, dataset: str, model: str) -> tuple[float, float, float]:
    """How much recall the factor could win back: its best value, recall there, and recall unchanged.

    The value is chosen on the audit set itself: a description of the set, not a result to be used.
    """
    rows = curves[
        (curves["factor"] == factor)
        & (curves["dataset"] == dataset)
        & (curves["model"] == model)
        & (curves["negatives"] == VIEWS[0])
        & (curves["grouping"] == "all faces")
        & (curves["metric"] == "TPR")
    ].set_index("value")["rate"]
    neutral = next(one.neutral for one in FACTORS if one.name == factor)
    return float(rows.idxmax()), float(rows.max()), float(rows[np.float64(neutral)])
