"""`facebias shift`, `facebias mechanism` and `facebias tone`: the figures that tell causes apart."""

from __future__ import annotations

from typing import Any

import typer

from facebias.cli.options import with_config
from facebias.core.config import Config

_STAGES = ("data", "audit_data", "train", "study", "runtime")


@with_config(*_STAGES)
def shift(config: Config) -> None:
    """Tell domain shift from bias: recall of finished runs as framing, exposure and blur change.

    \b
    Example: facebias shift --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.analyses.shift.figures import ShiftFigures
    from facebias.training.study import finished_study

    _draw(ShiftFigures.of(finished_study(config)))


@with_config(*_STAGES)
def mechanism(config: Config) -> None:
    """Show which training faces the resampling of finished runs prefers, and whether the choice matters.

    \b
    Example: facebias mechanism --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.analyses.mechanism.figures import MechanismFigures
    from facebias.training.study import finished_study

    _draw(MechanismFigures.of(finished_study(config)))


@with_config("data", "audit_data", "runtime")
def tone(config: Config) -> None:
    """Check measured skin tone: against the truth of rendered faces, and beside the labels of race.

    \b
    Example: facebias tone --audit-sets synthetic --train-size 600 --negative-size 600
    """
    from facebias.analyses.tone.figures import ToneFigures

    _draw(ToneFigures(config))


def _draw(figures: Any) -> None:
    figures.all()
    typer.echo(f"{figures.text}\nfigures: {figures.folder}")


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    for command in (shift, mechanism, tone):
        app.command()(command)
