"""The tables of what was found: gaps, changes, what detectors cost overall, and every training by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd

from facebias.core.arms import arm_name
from facebias.core.numbers import NONE, number, p_value, percent, points, side
from facebias.core.words import dataset_name
from facebias.report.page.cells import Cell, Table, counted, rated, said, set_name, sets_of, share, told_first
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import HeadlineSubject, unknown

_GAP_HEADS = [
    "groups by",
    "detector",
    "#groups",
    "worst group",
    "#its recall, %",
    "#gap, points",
    "#corrected gap",
    "#gap by chance",
    "#misses, worst to best",
    "#variance, %\N{SUPERSCRIPT TWO} (corrected)",
]
_GAP_NOTE = (
    "Corrected gap, and the ratio of misses in brackets: the luck in picking extremes is taken off, and the interval "
    "is of what is left. Gap by chance: what groups would show that do not differ. Corrected variance: less what "
    "sampling of faces adds, so it can be under 0."
)
_CHANGE_HEADS = [
    "groups by",
    "detector",
    "of",
    "#before, %",
    "#after, %",
    "#change, points [95 % interval]",
    "#p",
    "#p, Holm",
    "interval",
    "thresholds of test non-faces",
]
_CHANGE_NOTE = (
    "Paired: same seeds ({seeds} at most), same images, same rule. p belongs to the interval. Holm: over "
    "detectors, for each data set, grouping and measure by itself; over everything: see the verdict. Last: whether "
    "thresholds that the test non-faces fix lead to the same."
)
_AGREES = {"yes": "the same", "no": "not the same", "": NONE}
_MOVED_HEADS = [
    "detector",
    "group",
    "#n",
    "#its FPR before, %",
    "#detector's FPR, %",
    "#recall before, %",
    "#recall of the detector, %",
    "#recall moved, %",
    "#change, points",
    "#moving explains, points",
]
_MOVED_NOTE = (
    "At probability 0.5 detectors differ in false positives. Moved: the baseline with a threshold that gives it the "
    "detector's false positive rate; nothing is trained. Other groupings: moved.csv."
)
_SEED_HEADS = [
    "detector",
    "#seed",
    "#false positive rate, %",
    "#recall, % [95 % interval]",
    "#worst group, %",
    "#gap, points",
]
_NAMES = {"worst": "worst-group recall", "gap": "gap", "overall": "recall of all faces", "FPR": "false positive rate"}


def gaps(audited: AuditFolder, about: HeadlineSubject) -> list[Table]:
    """Worst group, gap, the gap that chance alone would show, ratio of misses and variance, a table a data set."""
    tables = []
    for dataset, mine in sets_of(audited, about, audited.tables["measures"]):
        parts = told_first(mine, about).groupby(["grouping", "model"], sort=False)
        rows = [[said(key[0]), said(arm_name(key[1])), *_gap_cells(part)] for key, part in parts]
        title = f"{set_name(audited, dataset)}: worst group and gap"
        opened = dataset == about.dataset
        tables.append(Table(title, _GAP_HEADS, rows, _GAP_NOTE, opened, file="measures.csv"))
    return tables


def _gap_cells(part: pd.DataFrame) -> list[Cell]:
    """One detector and grouping: what `measures` says of it, as cells."""
    found = {row["metric"]: row for _, row in part.iterrows()}
    worst, gap = found["worst"], found["gap"]
    variance, corrected = (found[name]["value"] for name in ("variance", "variance_corrected"))
    return [
        counted(gap["groups"]),
        said(worst["group"] if gap["value"] > 0 else "none, all equal"),
        rated(worst),
        share(gap["value"]),
        rated(gap, "corrected"),
        share(found["null_gap"]["value"]),
        _ratio(found["miss_ratio"]),
        Cell(f"{number(variance, 2)} ({number(corrected, 2)})"),
    ]


def _ratio(row: pd.Series) -> Cell:
    """Misses of the worst group over those of the best, and, corrected, with its interval."""
    value = float(row["value"])
    text = f"{value:.1f}" if np.isfinite(value) else "best misses none" if value > 0 else NONE
    interval = "" if np.isnan(row["low"]) else f" ({row['corrected']:.1f} [{row['low']:.1f}, {row['high']:.1f}])"
    return Cell(text + interval)


def changes(audited: AuditFolder, about: HeadlineSubject) -> list[Table]:
    """Paired changes from the baseline, with p-values; a table a data set."""
    table = audited.tables["changes"]
    told = table[
        table["metric"].isin(_NAMES)
        & table["change"].notna()
        & ((table["metric"] != "overall") | (table["grouping"] == "all faces"))
    ]
    note = _CHANGE_NOTE.format(seeds=int(table["seeds"].max()) if len(table) else 0)
    return [
        Table(
            f"{set_name(audited, dataset)}: change from {arm_name(audited.arms[0])}",
            _CHANGE_HEADS,
            [_change_cells(row) for _, row in told_first(mine, about).iterrows()],
            note,
            dataset == about.dataset,
            file="changes.csv",
        )
        for dataset, mine in sets_of(audited, about, told)
    ]


def _change_cells(row: pd.Series) -> list[Cell]:
    return [
        said(row["grouping"]),
        said(arm_name(row["model"])),
        said(_NAMES[row["metric"]]),
        share(row["before"]),
        share(row["after"]),
        rated(row, "change", signed=True),
        *(Cell(p_value(row[name])) for name in ("p", "p_holm")),
        said(side(row), not row["distinguishable"]),
        said(_AGREES[row["agrees"]] if "agrees" in row else NONE),
    ]


def moved(audited: AuditFolder, about: HeadlineSubject) -> list[Table]:
    """What the baseline would gain at p = 0.5 if only its threshold moved to each arm's false positive rate."""
    table = audited.table("moved")
    if table.empty:
        return []
    table = table[table["grouping"].isin([about.grouping, "all faces"])]
    return [
        Table(
            f"{set_name(audited, dataset)}: {arm_name(audited.arms[0])} at p = 0.5 with its threshold moved",
            _MOVED_HEADS,
            [_moved_cells(row) for _, row in told_first(mine, about).iterrows()],
            _MOVED_NOTE,
            file="moved.csv",
        )
        for dataset, mine in sets_of(audited, about, table)
    ]


def _moved_cells(row: pd.Series) -> list[Cell]:
    return [
        said(arm_name(row["model"]), row["small"]),
        said(row["group"], row["small"]),
        counted(row["n"], row["small"]),
        *(share(row[name], 2) for name in ("fpr_before", "fpr_after")),
        *(share(row[name]) for name in ("before", "after", "moved")),
        *(Cell(points(row[name] - row["before"])) for name in ("after", "moved")),
    ]


def cost(audited: AuditFolder) -> list[Table]:
    """Accuracy, false positive rate, area under the curve and recall of all faces, an arm a row."""
    report = audited.tables["group_report"]
    whole = report[(report[audited.group_columns] == "all").all(axis=1)]
    at_rule, curve = whole[whole["rule"] == audited.rule], whole[whole["metric"] == "AUC"]
    rows, areas = [], []
    for arm in audited.arms:
        mine, auc = at_rule[at_rule["model"] == arm], curve[curve["model"] == arm]
        faces = mine[mine["metric"] == "TPR"]
        rows.append(
            [
                said(arm_name(arm)),
                _spread(_accuracy(mine)),
                _spread(mine.loc[mine["metric"] == "FPR", "value"]),
                *(_spread(faces.loc[faces["dataset"] == name, "value"]) for name in audited.datasets),
            ]
        )
        areas.append(
            [said(arm_name(arm)), *(_spread(auc.loc[auc["dataset"] == name, "value"], 2) for name in audited.datasets)]
        )
    sets = [f"#{dataset_name(name, audited.source)}, %" for name in audited.datasets]
    note = "Mean over seeds, lowest and highest seed in parentheses."
    return [
        Table(
            "Accuracy, false positive rate and recall of all faces",
            ["detector", "#accuracy, test split, %", "#false positive rate, %", *sets],
            rows,
            f"{note} Accuracy and false positive rate are of the test split's faces and non-faces.",
            True,
            file="group_report.csv",
        ),
        Table(
            "Area under the ROC curve",
            ["detector", *sets],
            areas,
            f"{note} Each set's faces against the test split's non-faces.",
            file="group_report.csv",
        ),
    ]


def _accuracy(rows: pd.DataFrame) -> pd.Series:
    test = rows[(rows["dataset"] == "test") & rows["metric"].isin(["TPR", "FPR"])]
    right = test["value"].where(test["metric"] == "TPR", 1 - test["value"]) * test["n"]
    return right.groupby(test["seed"]).sum() / test["n"].groupby(test["seed"]).sum()


def _spread(values: pd.Series, digits: int = 1) -> Cell:
    if values.dropna().empty:
        return share(np.nan)
    low, high = percent(values.min(), digits), percent(values.max(), digits)
    several = f" ({low} to {high})" if len(values) > 1 else ""
    return Cell(percent(values.mean(), digits) + several)


def seeds(audited: AuditFolder, about: HeadlineSubject) -> list[Table]:
    """Every training by itself: false positive rate, recall of all faces, worst group and gap at the rule.

    Groups are the headline's, or of the first grouping that a data set knows.
    """
    report, measures = audited.tables["group_report"], audited.tables["measures"]
    report = report[report["rule"] == audited.rule]
    rate = report[report["metric"] == "FPR"].set_index("run_id")["value"]
    tables = []
    for dataset, mine in sets_of(audited, about, report[report["metric"] == "TPR"]):
        known = list(measures.loc[measures["dataset"] == dataset, "grouping"].unique())
        grouping = about.grouping if about.grouping in known else "".join(known[:1])
        apart = _apart(mine, audited.group_columns, grouping)
        whole = mine[(mine[audited.group_columns] == "all").all(axis=1)].sort_values(
            ["model", "seed"], key=lambda values: values.map(audited.arms.index) if values.name == "model" else values
        )
        rows = [
            [
                said(arm_name(row["model"])),
                counted(row["seed"]),
                share(rate[row["run_id"]], 2),
                rated(row),
                *(share(apart[name].get(row["run_id"], np.nan)) for name in ("min", "gap")),
            ]
            for _, row in told_first(whole, about).iterrows()
        ]
        title = f"{set_name(audited, dataset)}: every training, groups by {grouping}"
        opened = dataset == about.dataset
        tables.append(Table(title, _SEED_HEADS, rows, opened=opened, file="group_report.csv"))
    return tables


def _apart(rows: pd.DataFrame, columns: list[str], grouping: str) -> pd.DataFrame:
    """Lowest recall and gap of each run over its comparable groups, where there are two or more."""
    wanted = [name.replace("_", " ") in grouping.split(" x ") for name in columns]
    grouped = ((rows[columns] != "all") == wanted).all(axis=1)
    groups = rows[grouped & ~rows["small"] & ~unknown(rows)]
    found = groups.groupby("run_id")["value"].agg(["min", "max", "size"])
    return found.assign(gap=found["max"] - found["min"])[found["size"] > 1]
