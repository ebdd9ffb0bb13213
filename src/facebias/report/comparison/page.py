"""A comparison as one HTML page that needs nothing else and asks for nothing, and as what Jupyter shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from facebias.audit.thresholds import rule_text
from facebias.core.words import dataset_name
from facebias.report.comparison import terminal
from facebias.report.comparison.models import listed
from facebias.report.page import Cell, Section, Table, tables_page

if TYPE_CHECKING:
    from facebias.report.comparison.comparison import Comparison

_STUDIES = "What differs between the studies"
_SETTINGS = "What differs between the models beside the arm"


def page(found: Comparison, figures: Sequence[Path] = ()) -> str:
    """The whole page, in the report's dress: what differs between the compared, then how they do by group.

    Args:
        found: what is compared.
        figures: PNG files that are shown in it, as part of the page.
    """
    lead = [f"Changes are in points, with 95 % intervals; {terminal.FLAG} flagged, as the interval excludes 0."]
    sections = [
        Section("What differs between them", "differences", "Differences", _differences(found)),
        Section("By group", "groups", "By group", _by_group(found)),
        Section("What limits the comparison", "notes", "Limits", (), found.notes),
    ]
    return tables_page(_title(found), lead, sections, {figure.name: figure for figure in figures})


def _differences(found: Comparison) -> list[Table]:
    models = pd.DataFrame([(model.name, listed(model.seeds)) for model in found.compared], columns=["model", "seeds"])
    tables = [(_STUDIES, found.studies), (_SETTINGS, found.settings), ("Models", models)]
    return [
        Table(title, list(table.columns), [[Cell(text) for text in row] for row in _texts(table)], opened=True)
        for title, table in tables
        if len(table)
    ]


def _by_group(found: Comparison) -> list[Table]:
    changes = [f"#change, {name}" for name in found.names[1:]]
    heads = ["group", "#n", *(f"#{name}, % [95 % interval]" for name in found.names), *changes]
    return [
        Table(
            part["name"],
            heads,
            [
                [Cell(text, row["measure"]) for text in (row["group"], row["n"], *row["levels"], *_told(row))]
                for row in part["rows"]
            ],
            opened=True,
            file="by_group.csv",
        )
        for part in rows_by_group(found)
    ]


def _told(row: dict[str, Any]) -> list[str]:
    """A row's changes as text; what is flagged has its mark in it."""
    return [text for text, _ in row["changes"]]


def _texts(table: pd.DataFrame) -> list[list[str]]:
    texts: list[list[str]] = table.astype(str).to_numpy().tolist()
    return texts


def _title(found: Comparison) -> str:
    return f"{len(found.names)} models at {rule_text(found.rule)}; changes are from {found.names[0]}"


def fragment(found: Comparison) -> Markup:
    """The tables and notes, as a piece of HTML; whatever a data set calls its groups is escaped."""
    tables = [(title, table) for title, table in ((_STUDIES, found.studies), (_SETTINGS, found.settings)) if len(table)]
    content = {
        "title": _title(found),
        "models": [(model.name, listed(model.seeds)) for model in found.compared],
        "tables": [(title, list(table.columns), _texts(table)) for title, table in tables],
        "names": found.names,
        "parts": rows_by_group(found),
        "flag": terminal.FLAG,
        "notes": found.notes,
    }
    return Markup(_environment().get_template("fragment.html.j2").render(**content))


def rows_by_group(found: Comparison) -> list[dict[str, Any]]:
    """The table by group as text: one part a data set and grouping, with its name and its rows."""
    parts = []
    for (dataset, grouping), mine in found.table.groupby(["dataset", "grouping"], sort=False):
        rows = [
            {
                "group": row["group"],
                "n": terminal.count(row),
                "levels": [terminal.level(row, name) for name in found.names],
                "changes": [(terminal.change(row, name), row[f"{name} flagged"] is True) for name in found.names[1:]],
                "measure": row["metric"] not in ("TPR", "FPR"),
            }
            for row in mine.to_dict("records")
        ]
        parts.append({"name": f"{dataset_name(str(dataset), found.source)}, {grouping}", "rows": rows})
    return parts


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("facebias.report.comparison"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
