"""`facebias compare`: any runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facebias.audit.thresholds import HEADLINE
from facebias.cli.options import with_config
from facebias.core.config import Config


@with_config("runtime")
def compare(
    runs: Annotated[list[str], typer.Argument(help="Scored runs of any study: folder, id, or beginning of an id.")],
    config: Config,
    baseline: Annotated[
        str,
        typer.Option(
            help="Model that changes are from: its name, or the id of one of its runs; the first run's unless told."
        ),
    ] = "",
    rule: Annotated[
        str, typer.Option(help="Where thresholds are: fpr=RATE, the same for all, or p=PROBABILITY.")
    ] = HEADLINE,
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables and figures; compare in the folder of figures unless told.")
    ] = None,
) -> None:
    """Any runs side by side on the images that all scored: recall by group, and changes beyond their interval.

    \b
    Example: facebias compare cnn-s0 dbvae-0.01-s0 --out compare
    """
    from facebias.report.comparison import compare_runs, find_runs

    folder = config.path("studies") / "compare" if out is None else out.resolve()
    found = compare_runs(find_runs(runs, config), baseline, rule)
    found.figures(folder)
    found.write(folder)
    typer.echo(f"{found.text}\n\ntables and figures: {folder}")
