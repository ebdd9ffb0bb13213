"""`facebias check`: is the answer to an exercise right."""

from __future__ import annotations

from typing import Annotated

import typer

from facebias.cli.completion import among
from facebias.cli.options import COMPUTING, with_config
from facebias.core.config import Config

_NAMES = ("alpha", "loss", "matched", "group", "detector")


@with_config("data", "audit_data", "fpr", *COMPUTING)
def check(
    exercise: Annotated[str, typer.Argument(help=f"One of {', '.join(_NAMES)}.", autocompletion=among(_NAMES))],
    answer: Annotated[float, typer.Option(help="The number found, in % or points, with one decimal.")],
    config: Config,
    of: Annotated[str, typer.Option(help="The run, or the detector, that the exercise is about.")] = "",
    by: Annotated[str, typer.Option(help="The added column, in the exercise of that name.")] = "",
) -> str:
    """Check the answer to an exercise of docs/teaching.md. A wrong one gets a hint, and the exit status is 1.

    \b
    Example: facebias check loss --answer 25
    """
    from facebias.analyses.exercises import Subject
    from facebias.analyses.exercises import check as checked

    right, text = checked(exercise, answer, Subject(config, of, by))
    if not right:
        typer.echo(text)
        raise typer.Exit(1)
    return text
