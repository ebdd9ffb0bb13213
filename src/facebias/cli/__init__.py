"""The command line: one verb a file. A verb reads its options and calls one function."""

from __future__ import annotations

import io
import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from facebias.cli import data, runs
from facebias.cli.audit import audit
from facebias.cli.audit_pictures import audit_pictures
from facebias.cli.benchmark_saliency import benchmark_saliency
from facebias.cli.check import check
from facebias.cli.compare import compare
from facebias.cli.detect import detect
from facebias.cli.detectors import detectors
from facebias.cli.ending import ended
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

# Stage -> its verbs by name, each with what the list says of it in 60 characters
STAGES: dict[str, dict[str, tuple[Any, str]]] = {
    "A study, from pictures to verdict": {
        "study": (study, "every arm and seed trained, scored, audited; resumable"),
        "notebook": (notebook, "the same inside Bias_in_face_detection.ipynb, headlessly"),
        "report": (report, "a finished study as one HTML file"),
        "compare": (compare, "runs and studies side by side, by group"),
    },
    "Its steps": {
        "data": (data.app, "fetch, pack, describe, render pictures"),
        "train": (train, "one detector"),
        "score": (score, "a run's score for every held-out image"),
        "audit": (audit, "groups compared: runs, any detector, a table of scores"),
        "runs": (runs.app, "list the runs, remove some"),
    },
    "Questions to a finished study": {
        "shift": (shift, "domain shift told from bias"),
        "mechanism": (mechanism, "which faces resampling prefers"),
        "tone": (tone, "is skin tone measured right"),
        "protocols": (protocols, "whole pictures: how far the window grid moves the answer"),
        "explain-groups": (explain_groups, "what the detectors look at, group by group (FullGrad)"),
    },
    "Detectors that people use, in whole pictures": {
        "audit-pictures": (audit_pictures, "groups compared, as shipped and at matched false alarms"),
        "detectors": (detectors, "which of them run here"),
    },
    "Pictures, one by one": {
        "detect": (detect, "find faces, boxes drawn"),
        "explain": (explain, "what in a picture made a network answer"),
        "benchmark-saliency": (benchmark_saliency, "saliency methods, measured"),
    },
    "In a course": {"check": (check, "is the answer to an exercise right")},
}


class Staged(TyperGroup):
    """Lists the verbs under their stage. Typer does so in frames and colour alone, and help is plain here."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section a stage, names as wide as the longest."""
        wide = max(map(len, self.commands))
        for stage, verbs in STAGES.items():
            with formatter.section(stage):
                formatter.write_dl([(name.ljust(wide), text) for name, (_, text) in verbs.items()])


app = typer.Typer(
    cls=Staged,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]},
)
for verbs in STAGES.values():
    for name, (verb, _) in verbs.items():
        if isinstance(verb, typer.Typer):
            app.add_typer(verb, name=name)
        else:
            app.command(name)(verb)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facebias {version('facebias')}")
        raise typer.Exit


def _refuse_ranks(verb: str) -> None:
    """Raise where `torchrun` starts a verb that several processes cannot share: each would do all of it.

    The first of them says so; the others end in silence.
    """
    ranks = os.environ.get("WORLD_SIZE", "1")
    if ranks == "1" or verb == "train":
        return
    if os.environ.get("RANK", "0") != "0":
        raise typer.Exit
    what = f"one of {ranks} processes, and train alone is shared by several"
    raise FacebiasError("RANKS", verb, what, f"Start it without torchrun: facebias {verb}")


@app.callback()
def facebias(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Audit face detectors for demographic bias.

    Each verb has help with an example: facebias study -h
    """
    _refuse_ranks(context.invoked_subcommand or "")


def main() -> None:
    """Run the command line; `facebias.cli.ending` says with which exit status and line it ends."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that has no minus sign is no fault
    sys.exit(ended(app))
