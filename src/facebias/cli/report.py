"""`facebias report`: a finished study as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from facebias.cli.completion import complete_studies
from facebias.cli.options import STUDIES, with_config
from facebias.core.config import Config


@with_config("runs_dir", STUDIES)
def report(
    config: Config,
    given: dict[str, Any],
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="An audited study: its id, the beginning of it, or its folder; or a folder that facebias audit "
            "wrote.  [default: the only study there is]",
            autocompletion=complete_studies,
            show_default=False,
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="The page.  [default: report.html in the study's folder]")] = None,
) -> str:
    """Put a finished study, or an audit's folder, into one HTML file that needs nothing else and asks for nothing.

    \b
    Example: facebias report synthetic
    """
    from facebias.core.outputs import RECORD
    from facebias.core.studies import SETTINGS, find_study
    from facebias.report.page import AuditFolder, write_report

    folder = Path(name).resolve()
    if not (name and (folder / RECORD).is_file()) or (folder / SETTINGS).is_file():
        found = find_study(name, config)
        folder, config = found.study_folder, found.with_(**given)
    audited = AuditFolder(folder, config.path("runs"))
    path = write_report(audited, (out or folder / "report.html").resolve())
    return f"{audited.verdict['headline']}\nreport: {path} ({path.stat().st_size / 1e6:.1f} MB)"
