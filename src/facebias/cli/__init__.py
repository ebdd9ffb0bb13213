"""The command line: one verb a file. A verb reads its options and calls one function."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from facebias.cli import data
from facebias.cli.audit import audit
from facebias.cli.benchmark_saliency import benchmark_saliency
from facebias.cli.compare import compare
from facebias.cli.detect import detect
from facebias.cli.explain import explain
from facebias.cli.explain_groups import explain_groups
from facebias.cli.mechanism import mechanism
from facebias.cli.notebook import notebook
from facebias.cli.protocols import protocols
from facebias.cli.report import report
from facebias.cli.score import score
from facebias.cli.shift import shift
from facebias.cli.study import study
from facebias.cli.tone import tone
from facebias.cli.train import train
from facebias.core.errors import FacebiasError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data", help="Fetch, pack and describe the images.")
for verb in (train, score, audit, study, report, notebook, compare):
    app.command()(verb)
for verb in (shift, mechanism, tone, detect, protocols, explain):
    app.command()(verb)
app.command("explain-groups")(explain_groups)
app.command("benchmark-saliency")(benchmark_saliency)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facebias {version('facebias')}")
        raise typer.Exit


@app.callback()
def facebias(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Audit face detectors for demographic bias.

    Stages: data, train, score, audit. All of them: study, or notebook for the same inside
    Bias_in_face_detection.ipynb.
    """


def main() -> None:
    """Run the command line: exit status 1 and one line for a fault, 130 when interrupted."""
    try:
        app()
    except FacebiasError as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("interrupted; finished epochs and runs are kept, the same command goes on from them", err=True)
        sys.exit(130)
