"""A comparison for the reader of a terminal: aligned columns, as many models abreast as fit, flags beside numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd

from facebias.audit.groups import SMALL
from facebias.core.numbers import minus
from facebias.core.words import dataset_name

WIDTH = 118  # characters
FLAG = "*"
SHOWN = ("race x gender", "skin tone x gender", "all faces")  # marginal groupings are in the tables alone
_COLUMN = 20  # characters of a heading before it goes on in the next line
_CORRECTED = "_corrected"
REFERENCE = (
    "Published by Amini et al. (2019): recall of sliding windows on PPB, %, at a false positive rate that "
    "the paper does not state.\nA reference, not a column to compare with"
)
REPRODUCED = (
    "Published by Mitnik et al. (2020), a reproduction (MIT licence): recall of sliding windows on PPB at p = 0.5, %,\n"
    "and pictures without a face that have a false alarm [95 % t interval over its trainings]. Their rates are not\n"
    "matched: where recall is higher, false alarms mostly are, too"
)


def aligned(rows: Sequence[Sequence[str]], lead: int) -> list[str]:
    """Lines of a table; columns after the first `lead` go on in a block below where they would pass WIDTH.

    The first column is set to the left, the others of `lead` to the right.
    """
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    blocks: list[list[int]] = [[]]
    room = WIDTH - sum(wide[:lead]) - 2 * lead
    for column in range(lead, len(wide)):
        if blocks[-1] and sum(wide[c] + 2 for c in [*blocks[-1], column]) > room:
            blocks.append([])
        blocks[-1].append(column)
    lines: list[str] = []
    for block in blocks:
        lines += [""] if lines else []
        lines += [
            "  ".join(
                row[c].rjust(wide[c]) if 0 < c < lead else row[c].ljust(wide[c]) for c in (*range(lead), *block)
            ).rstrip()
            for row in rows
        ]
    return lines


def heads(lead: Sequence[str], names: Sequence[str]) -> list[list[str]]:
    """The heading of a table, long names over several lines; `lead` are the headings of the first columns."""
    wrapped = [textwrap.wrap(name, _COLUMN, break_long_words=False) for name in names]
    height = max(map(len, wrapped))
    columns = [
        *([*[""] * (height - 1), text] for text in lead),
        *(name + [""] * (height - len(name)) for name in wrapped),
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def levels(table: pd.DataFrame, models: Sequence[str], measures: pd.DataFrame, source: str = "") -> list[str]:
    """Lines of a `level_table`; below worst group, gap and variance stand their corrected figures.

    Args:
        table: from `facebias.report.comparison.tables.level_table` or `published_table`.
        models: its models, in order.
        measures: dataset, grouping, metric, model and group: which group is the "worst".
        source: the training source, for the name of its held-out faces.
    """
    rows = heads(["", "n"], models)
    for dataset, whole in table.groupby("dataset", sort=False):
        for _, row in whole[whole["metric"] == "FPR"].iterrows():
            rows.append(["false positives, non-faces", count(row), *(level(row, name) for name in models)])
        place = dataset_name(str(dataset), source)
        rows += [
            [f"{place}, all faces", count(row), *(level(row, name) for name in models)]
            for _, row in whole[(whole["metric"] == "TPR") & (whole["grouping"] == "all faces")].iterrows()
        ]
        for grouping, part in whole[whole["grouping"] != "all faces"].groupby("grouping", sort=False):
            rows.append([f"{place}, {grouping}", "", *[""] * len(models)])
            for row in part[~part["metric"].str.endswith(_CORRECTED)].to_dict("records"):
                rows += _level_rows(row, part, models, measures[measures["grouping"] == grouping])
    return aligned(rows, 2)


def _level_rows(
    row: dict[str, Any], part: pd.DataFrame, models: Sequence[str], measures: pd.DataFrame
) -> list[list[str]]:
    recall = row["metric"] == "TPR"
    small = " (small)" if recall and row["n"] < SMALL else ""
    lines = [[f"  {row['group']}{small}", count(row) if recall else "", *(level(row, name) for name in models)]]
    if row["metric"] == "worst":
        worst = measures[(measures["metric"] == "worst") & (measures["dataset"] == row["dataset"])]
        which = worst.set_index("model")["group"]
        lines.append(["    which", "", *(which[name] or "-" for name in models)])
    return lines + [
        ["    corrected", "", *(level(other, name) for name in models)]
        for other in part[part["metric"] == row["metric"] + _CORRECTED].to_dict("records")
    ]


def count(row: Any) -> str:
    """The number of images behind a row; "" where each model has its own."""
    return "" if pd.isna(row["n"]) else f"{int(row['n']):,}"


def level(row: Any, model: str) -> str:
    """A model's cell of a `level_table`: percent with its interval; "-" where there is none."""
    scale = 1 if row["metric"].startswith("variance") else 100
    low, high = row.get(f"{model} low"), row.get(f"{model} high")
    if pd.isna(row[model]):
        return "-"
    text = f"{round(scale * row[model], 1) + 0.0:.1f}"  # + 0.0: no minus before a zero
    return minus(text if pd.isna(low) else f"{text} [{scale * low:.1f}, {scale * high:.1f}]")


def changes(table: pd.DataFrame, models: Sequence[str], source: str = "", shown: Sequence[str] = SHOWN) -> list[str]:
    """Lines of a `group_table`: all faces, worst group and gap of the crossed groupings, and whatever is flagged.

    Args:
        table: with the changes of all groupings.
        models: all but the baseline.
        source: the training source, for the name of its held-out faces.
        shown: groupings whose worst group and gap are told though they are not flagged.
    """
    flagged = table[[f"{model} flagged" for model in models]].eq(True).any(axis=1)
    whole = table["grouping"] == "all faces"
    extremes = table["metric"].isin(["worst", "gap"]) & table["grouping"].isin(shown) & (table["dataset"] != "test")
    told = table[[f"{model} change" for model in models]].notna().any(axis=1)
    table = table[(flagged | whole | extremes) & told]
    rows = heads([""], models)
    for dataset, part in table.groupby("dataset", sort=False):
        place = dataset_name(str(dataset), source)
        for row in part[part["grouping"] == "all faces"].to_dict("records"):
            name = "false positives, non-faces" if row["metric"] == "FPR" else f"{place}, all faces"
            rows.append([name, *(change(row, model) for model in models)])
        for grouping, mine in part[part["grouping"] != "all faces"].groupby("grouping", sort=False):
            rows.append([f"{place}, {grouping}", *[""] * len(models)])
            rows += [
                [f"  {row['group']}", *(change(row, model) for model in models)] for row in mine.to_dict("records")
            ]
    return aligned(rows, 1)


def change(row: Any, model: str) -> str:
    """A model's change in a `group_table`: points with their interval, and a flag; "-" where nothing is said."""
    name = f"{model} change"
    if pd.isna(row[name]):
        return "-"
    value, low, high = (_signed(100 * row[part]) for part in (name, f"{name} low", f"{name} high"))
    return f"{value} [{low}, {high}]" + (f" {FLAG}" if row[f"{model} flagged"] is True else "")


def _signed(points: float) -> str:
    return minus(f"{points:+.1f}") if points else "0.0"


def settings_by_group(table: pd.DataFrame) -> list[str]:
    """Lines of a `reproduction_table`: a row a setting, a column a group."""
    cells = table.assign(
        text=[
            level(row, "value")
            for row in table.rename(columns={"low": "value low", "high": "value high"}).to_dict("records")
        ]
    )
    wide = cells.pivot(index="setting", columns="group", values="text")
    groups = [name for name in table["group"].unique() if name != "all faces"]
    rows = [[setting, *wide.loc[setting, groups]] for setting in table["setting"].unique()]
    return aligned([*heads([""], groups), *rows], 1)


def settings(table: pd.DataFrame) -> list[str]:
    """Lines of a `settings_table`."""
    if table.empty:
        return ["nothing but the arm"]
    return aligned([*heads(["setting"], list(table.columns[1:])), *table.astype(str).to_numpy().tolist()], 1)
