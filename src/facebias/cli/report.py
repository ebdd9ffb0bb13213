"""`facebias report`: a finished study as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facebias.cli.options import EVERYTHING, with_config
from facebias.core.config import Config


@with_config(*EVERYTHING)
def report(
    config: Config,
    folder: Annotated[Path | None, typer.Option(help="What facebias audit wrote, in place of a study.")] = None,
    out: Annotated[Path | None, typer.Option(help="The page; report.html in the folder unless told.")] = None,
) -> None:
    """Put a finished study, or an audit's folder, into one HTML file that needs nothing else and asks for nothing.

    \b
    Example: facebias report --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.report.page import AuditFolder, write_report

    audited = AuditFolder((folder or config.study_folder).resolve(), config.path("runs"))
    if folder is None:
        audited.refuse_other_study(config)
    path = write_report(audited, (out or audited.folder / "report.html").resolve())
    typer.echo(f"{audited.verdict['headline']}\nreport: {path} ({path.stat().st_size / 1e6:.1f} MB)")
