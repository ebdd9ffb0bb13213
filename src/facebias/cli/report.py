"""`facebias report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facebias.cli.options import with_config
from facebias.core.config import Config
from facebias.core.errors import FacebiasError

if TYPE_CHECKING:
    from facebias.report.page import AuditFolder


@with_config("data", "audit_data", "train", "study", "runtime")
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

    audited = AuditFolder((folder or config.path("figures") / config.figures_name).resolve(), config.path("runs"))
    if folder is None:
        _refuse_other_study(audited, config)
    path = write_report(audited, (out or audited.folder / "report.html").resolve())
    typer.echo(f"{audited.verdict['headline']}\nreport: {path} ({path.stat().st_size / 1e6:.1f} MB)")


def _refuse_other_study(audited: AuditFolder, config: Config) -> None:
    wanted = {config.for_arm(arm, seed).run_id for arm in config.arm_names for seed in range(config.seeds)}
    found = set(audited.run_ids)
    if found != wanted or audited.rule != f"fpr={config.fpr:g}":
        raise FacebiasError(
            "REPORT",
            audited.folder,
            f"holds the audit of {len(found)} runs at {audited.rule}, of which "
            f"{len(found & wanted)} are among the {len(wanted)} that these options name",
            "Run facebias study with the same options first, or name the folder with --folder",
        )


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(report)
