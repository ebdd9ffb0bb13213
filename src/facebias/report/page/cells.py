"""What a table of the report is made of: cells of text, what is shown of them at first, and what the page carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from facebias.core.numbers import interval, percent, points
from facebias.core.words import dataset_name
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import HeadlineSubject

_SHOWN, _SPARE = 12, 4  # rows of a long table that are shown at first; so many more are shown rather than folded


@dataclass(frozen=True)
class Cell:
    """A cell: what is read, and whether it is greyed. A column of numbers is sorted by the first number of each."""

    text: str
    faint: bool = False


@dataclass(frozen=True)
class Table:
    """A table: caption, heads (one that begins with # is of numbers), rows, and what goes with it.

    Attributes:
        note: how to read it.
        opened: whether it is unfolded, and so printed.
        total: a row that stays last.
        file: the CSV beside the page that holds all of it; "" where there is none.
    """

    caption: str
    heads: list[str]
    rows: list[list[Cell]]
    note: str = ""
    opened: bool = False
    total: list[Cell] = field(default_factory=list)
    file: str = ""

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Head and whether it is of numbers."""
        return [(head.removeprefix("#"), head.startswith("#")) for head in self.heads]

    @property
    def first(self) -> list[list[Cell]]:
        """The rows that are shown at first."""
        return self.rows if len(self.rows) <= _SHOWN + _SPARE else self.rows[:_SHOWN]

    @property
    def carried(self) -> list[list[str | list[str]]]:
        """The other rows, as the page carries them for its script: texts, a greyed one in a list of its own."""
        others = self.rows[len(self.first) :]
        return [[[cell.text] if cell.faint else cell.text for cell in row] for row in others]


@dataclass(frozen=True)
class Section:
    """Tables under one heading.

    Attributes:
        title: the heading.
        anchor: its place in the page, letters alone.
        short: how the navigation calls it.
        tables: its tables.
        lines: paragraphs before them.
    """

    title: str
    anchor: str
    short: str
    tables: Sequence[Table]
    lines: Sequence[str] = ()


def said(text: object, faint: bool = False) -> Cell:
    """A cell of words."""
    return Cell(str(text), faint)


def counted(n: float, faint: bool = False) -> Cell:
    """A cell with a count."""
    return Cell(f"{int(n):,}", faint)


def share(value: float, digits: int = 1, faint: bool = False) -> Cell:
    """A cell with a share in percent."""
    return Cell(percent(value, digits), faint)


def rated(
    row: pd.Series | None,
    value: str = "value",
    *,
    bounds: Sequence[str] = ("low", "high"),
    signed: bool = False,
    faint: bool = False,
) -> Cell:
    """A cell with a share and its interval where there is one."""
    if row is None or pd.isna(row[value]):
        return share(np.nan, faint=faint)
    low, high = (float(row[name]) if name in row else np.nan for name in bounds)
    head = points(row[value]) if signed else percent(row[value])
    return Cell(f"{head} {interval(low, high, signed=signed)}".strip(), faint)


def told_first(rows: pd.DataFrame, about: HeadlineSubject, *, column: str = "model") -> pd.DataFrame:
    """The rows with what the headline is about first: its groups, then its detectors; else in their order."""
    key = pd.DataFrame({"detector": ~rows[column].isin(about.arms)})
    if "grouping" in rows:
        key.insert(0, "grouping", rows["grouping"] != about.grouping)
    return rows.loc[key.sort_values(list(key), kind="stable").index]


def set_name(audited: AuditFolder, dataset: str) -> str:
    """A set of faces as a caption begins with it."""
    name = dataset_name(dataset, audited.source)
    return name[0].upper() + name[1:]


def sets_of(audited: AuditFolder, about: HeadlineSubject, table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each set of faces with its rows, the headline's first."""
    order = sorted(audited.datasets, key=lambda name: name != about.dataset)
    parts = [(name, table[table["dataset"] == name]) for name in order]
    return [(name, rows) for name, rows in parts if len(rows)]
