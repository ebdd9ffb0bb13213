"""A comparison as one HTML page that needs nothing else and asks for nothing, and as what Jupyter shows of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from facebias.audit.thresholds import rule_text
from facebias.core.words import dataset_name
from facebias.report.comparison import terminal
from facebias.report.comparison.models import listed

if TYPE_CHECKING:
    from facebias.report.comparison.comparison import Comparison


def page(found: Comparison, figures: Sequence[Path] = ()) -> str:
    """The whole page.

    Args:
        found: what is compared.
        figures: PNG files that are shown in it, as part of the page.
    """
    shown = [(figure.stem, _data_uri(figure)) for figure in figures]
    return _environment().get_template("comparison.html.j2").render(body=fragment(found), figures=shown)


def fragment(found: Comparison) -> Markup:
    """The tables and notes, as a piece of HTML; whatever a data set calls its groups is escaped."""
    tables = [(_STUDIES, found.studies)] if len(found.studies) else []
    tables += [("What differs between the models beside the arm", found.settings)] if len(found.settings) else []
    content = {
        "title": f"{len(found.names)} models at {rule_text(found.rule)}; changes are from {found.names[0]}",
        "models": [(model.name, listed(model.seeds)) for model in found.compared],
        "tables": [(title, list(table.columns), table.astype(str).to_numpy().tolist()) for title, table in tables],
        "names": found.names,
        "parts": rows_by_group(found),
        "flag": terminal.FLAG,
        "notes": found.notes,
    }
    return Markup(_environment().get_template("fragment.html.j2").render(**content))


_STUDIES = "What differs between the studies"


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


def _data_uri(figure: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(figure.read_bytes()).decode()}"
