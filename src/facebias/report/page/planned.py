"""The tables of the primary comparison, and of which changes the study would have seen."""

from __future__ import annotations

import pandas as pd

from facebias.core.arms import arm_name
from facebias.core.numbers import NONE, p_value, percent
from facebias.report.page.cells import Cell, Table, counted, rated, said, set_name, sets_of, share, told_first
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import HeadlineSubject

_PRIMARY_HEADS = [
    "detector",
    "against",
    "faces of",
    "#n",
    "#seeds",
    "#before, %",
    "#after, %",
    "#change, points [95 % interval]",
    "#p",
    "#p, Holm",
    "answer",
    "#seen in 80 %, points",
]
_PRIMARY_NOTE = (
    "Written down before the run, and alone tested at 5 %, Holm over its contrasts. p speaks for other trainings, "
    "other images and other thresholds. Seen in 80 %: the change that four of five such studies would find."
)
_POWER_HEADS = [
    "groups by",
    "detector",
    "of",
    "group",
    "#n",
    "#change, points [95 % interval]",
    "#rise of 2 points seen in, %",
    "#of 5, %",
    "#of 10, %",
    "#seen in 80 %, points",
]
_POWER_NOTE = (
    "From this study's own numbers of faces, rates, spread of seeds and doubt of thresholds: the share of such studies "
    "whose interval would exclude 0 if the group alone rose by so much. Worst group and gap: once this group has "
    "risen, another may be the worst. A dash: no rise would be seen in 80 %."
)
_NAMES = {"TPR": "the group", "worst": "worst group", "gap": "gap"}


def primary(audited: AuditFolder) -> list[Table]:
    """The contrasts of the primary comparison; none where there is no such comparison."""
    table = audited.table("primary")
    rows = [_primary_cells(row) for _, row in table.iterrows()]
    return [Table("Primary comparison", _PRIMARY_HEADS, rows, _PRIMARY_NOTE, True, file="primary.csv")] if rows else []


def _primary_cells(row: pd.Series) -> list[Cell]:
    return [
        said(arm_name(row["model"])),
        said(arm_name(row["baseline"])),
        said(row["group"]),
        counted(row["n"]),
        counted(row["seeds"]),
        share(row["before"]),
        share(row["after"]),
        rated(row, "change", signed=True),
        *(Cell(p_value(row[name])) for name in ("p", "p_holm")),
        said(row["answer"]),
        share(row["smallest"]),
    ]


def power(audited: AuditFolder, about: HeadlineSubject) -> list[Table]:
    """Which rises would have been seen, a table a data set; none of an audit that an older version wrote."""
    table = audited.table("power")
    return [
        Table(
            f"{set_name(audited, dataset)}: which rise would have been seen",
            _POWER_HEADS,
            [_power_cells(row) for _, row in told_first(mine, about).iterrows()],
            _POWER_NOTE,
            file="power.csv",
        )
        for dataset, mine in (sets_of(audited, about, table) if len(table) else [])
    ]


def _power_cells(row: pd.Series) -> list[Cell]:
    return [
        said(row["grouping"]),
        said(arm_name(row["model"])),
        said(_NAMES[row["metric"]]),
        said(row["group"]),
        counted(row["n"]),
        rated(row, "change", signed=True),
        *(share(row[name]) for name in ("seen_2", "seen_5", "seen_10")),
        Cell(percent(row["smallest"]) if pd.notna(row["smallest"]) else NONE),
    ]
