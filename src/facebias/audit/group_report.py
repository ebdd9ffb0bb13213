"""The tidy group report: one row a run, data set, rule, metric and group."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from facebias.audit.decisions import Decisions, validated
from facebias.audit.groups import ALL, GROUPINGS, further_columns, groups_of, matching
from facebias.audit.predictions import GROUP_COLUMNS, UNGROUPED, runs_of
from facebias.audit.rates import auc_rows, detection_rows, false_positive_rows, recall_rows
from facebias.audit.thresholds import HEADLINE, RULES, fix_thresholds
from facebias.core.csv import write_csv
from facebias.core.errors import FacebiasError

REPORT_COLUMNS = (
    "run_id",
    "model",
    "seed",
    "dataset",
    "rule",
    "threshold",
    "metric",
    *GROUP_COLUMNS,
    "n",
    "value",
    "low",
    "high",
    "small",
    "note",
)


@dataclass(frozen=True)
class GroupReport:
    """Rates of every run and group with 95 % intervals.

    Attributes:
        table: columns REPORT_COLUMNS. `metric` is "TPR" (recall of the group's faces), "FPR" (on the test
            negatives, never per group) or "AUC" (the group's faces against the test negatives; `rule` "any"),
            "d_prime" or "criterion" (facebias.audit.rates).
            A marginal has "all" in the columns that it is summed over. `value`, `low` and `high` are shares, NaN
            where undefined (n = 0, or a class is missing). `small` marks n < 30. `note` says what limits a row.
    """

    table: pd.DataFrame
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False, compare=False)

    def metric_frame(
        self, model: str, seed: int, dataset: str, by: tuple[str, ...] = ("race", "gender"), rule: str = HEADLINE
    ) -> Any:
        """The faces of one run and data set as a `fairlearn.metrics.MetricFrame`, for those who work with Fairlearn.

        Args:
            model: arm.
            seed: of the run.
            dataset: whose faces.
            by: columns of the predictions, the sensitive features.
            rule: threshold rule.

        Returns:
            A MetricFrame with metrics "recall" and "count"; `by_group`, `difference()` and `ratio()` as usual.

        Raises:
            FacebiasError: no such faces, or Fairlearn is not installed.
        """
        try:
            from fairlearn.metrics import MetricFrame, count, true_positive_rate
        except ImportError as error:
            raise FacebiasError("FAIRLEARN", "fairlearn", "is not installed", "pip install fairlearn") from error
        runs = self.predictions[(self.predictions["model"] == model) & (self.predictions["seed"] == seed)]
        faces = runs[(runs["dataset"] == dataset) & (runs["label"] == 1)]
        if faces.empty:
            raise FacebiasError(
                "REPORT",
                f"{model}, seed {seed}, {dataset}",
                "no faces of it were scored",
                "Name a model, seed and data set of the report",
            )
        value = fix_thresholds(runs, (rule,))["threshold"].iloc[0]
        return MetricFrame(
            metrics={"recall": true_positive_rate, "count": count},
            y_true=faces["label"],
            y_pred=(faces["score"] >= value).astype(int),
            sensitive_features=faces[list(by)],
        )

    def select(self, by: tuple[str, ...] | None = None, **values: object) -> pd.DataFrame:
        """Rows with the given column values, and, where `by` is given, of that grouping alone.

        Raises:
            FacebiasError: a column that the report does not have.
        """
        if unknown := [column for column in values if column not in self.table]:
            raise FacebiasError("REPORT", unknown[0], "no such column", f"Use {', '.join(REPORT_COLUMNS)}")
        rows = matching(self.table, **values)
        if by is not None:
            columns = self.table.columns
            for column in columns[columns.get_loc("metric") + 1 : columns.get_loc("n")]:
                rows = rows[(rows[column] != ALL) == (column in by)]
        return rows.reset_index(drop=True)

    def write(self, path: str | Path) -> None:
        """The table as CSV, safe to open in a spreadsheet."""
        write_csv(self.table, path)


def group_report(
    predictions: pd.DataFrame | Decisions,
    rules: tuple[str, ...] = RULES,
    groupings: tuple[tuple[str, ...], ...] = GROUPINGS,
) -> GroupReport:
    """Recall, AUC and FPR of every run on each audit set and on the held-out test faces.

    A grouping is left out for a data set whose table says nothing of one of its columns (CelebA has no race).

    Args:
        predictions: as `facebias.audit.PREDICTION_COLUMNS`; thresholds are fixed on its "validation" negatives.
        rules: threshold rules.
        groupings: tuples of columns of `predictions` that hold text: marginals, intersections; () is all faces
            together. The table has GROUP_COLUMNS and any others that are named here.

    Raises:
        FacebiasError: predictions that `validate` refuses, no held-out negatives, or an unknown rule or column.
    """
    predictions = validated(predictions)
    thresholds = fix_thresholds(predictions, rules).sort_values("run_id", kind="stable", ignore_index=True)
    negatives = predictions[(predictions["dataset"] == "test") & (predictions["label"] == 0)]
    false_positives = false_positive_rows(negatives, thresholds)
    parts = [false_positives.assign(dataset="test")]
    faces = predictions["label"] == 1
    for name in sorted(set(predictions["dataset"][faces].unique()) - {"validation"}):
        group = predictions.drop(columns=UNGROUPED)[faces & (predictions["dataset"] == name)]
        for by in groupings:
            if (cells := groups_of(group, by)) is not None:
                recall = recall_rows(group, cells, thresholds)
                parts.append(recall.assign(dataset=name))
                parts.append(detection_rows(recall, false_positives).assign(dataset=name))
                parts.append(auc_rows(group, cells, negatives).assign(dataset=name))
    table = pd.concat(parts, ignore_index=True)
    table = table.join(runs_of(predictions).set_index("run_id"), on="run_id").assign(note=_notes(table, thresholds))
    at, further = REPORT_COLUMNS.index("n"), further_columns(table, groupings)
    table = table.fillna(dict.fromkeys(further, ALL))
    return GroupReport(table[[*REPORT_COLUMNS[:at], *further, *REPORT_COLUMNS[at:]]], predictions)


def _notes(table: pd.DataFrame, thresholds: pd.DataFrame) -> pd.Series:
    few = thresholds.loc[~thresholds["enough"], ["run_id", "rule"]].assign(few=True)
    marked = table[["run_id", "rule"]].merge(few, how="left", on=["run_id", "rule"])["few"].notna().to_numpy()
    note = pd.Series("", index=table.index).mask(table["small"], "fewer than 30 images")
    note = note.mask(table["n"] == 0, "undefined: no images")
    note = note.mask(table["value"].isna() & (table["n"] > 0), "undefined: no test negatives")
    too_few = "too few validation negatives for this rate"
    return note.mask(marked & (note == ""), too_few).mask(marked & (note != ""), note + "; " + too_few)
