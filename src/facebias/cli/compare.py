"""`facebias compare`: any runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from facebias.cli.completion import complete_named
from facebias.cli.options import STUDIES, Answer, with_config
from facebias.core.config import Config
from facebias.core.words import HEADLINE


@with_config("runs_dir", STUDIES, as_json=True)
def compare(
    named: Annotated[
        list[str],
        typer.Argument(
            help="Scored runs and whole studies, any number: folder, id, or beginning of an id; or an executed "
            "notebook, which stands for its study.",
            autocompletion=complete_named,
        ),
    ],
    config: Config,
    given: dict[str, Any],
    baseline: Annotated[
        str,
        typer.Option(
            help="Model that changes are from: its name, or the id of one of its runs.  [default: the first run's]",
            show_default=False,
        ),
    ] = "",
    rule: Annotated[
        str, typer.Option(help="Where thresholds are: fpr=RATE, the same for all, or p=PROBABILITY.")
    ] = HEADLINE,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for tables and figures.  [default: compare in the folder of studies]", show_default=False
        ),
    ] = None,
) -> Answer:
    """Any runs side by side on the images that all scored: recall by group, and changes beyond their interval.

    \b
    Example: facebias compare cnn-s0 dbvae-0.01-s0 --out compare
    Example: facebias compare synthetic
    """
    from facebias.report.comparison import compare_named

    found = compare_named(named, config, baseline, rule, {key: given[key] for key in given if key == "runs_dir"})
    folder = config.path("studies") / "compare" if out is None else out.resolve()
    page = found.write(folder)
    return Answer(f"{found.text}\n\ntables and figures: {folder}\npage: {page}", found.record(folder))
