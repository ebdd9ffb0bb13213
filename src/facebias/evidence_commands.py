"""`facebias shift`, `facebias mechanism` and `facebias tone`: the figures that tell causes apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from facebias.config import Config
from facebias.errors import FacebiasError
from facebias.options import with_config

if TYPE_CHECKING:
    from facebias.study import Study

_STAGES = ("data", "audit_data", "train", "study", "runtime")


@with_config(*_STAGES)
def shift(config: Config) -> None:
    """Tell domain shift from bias: recall of finished runs as framing, exposure and blur change.

    \b
    Example: facebias shift --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.shift_figures import ShiftFigures

    figures = ShiftFigures.of(finished_study(config))
    figures.all()
    typer.echo(f"{figures.text}\nfigures: {figures.folder}")


@with_config(*_STAGES)
def mechanism(config: Config) -> None:
    """Show which training faces the resampling of finished runs prefers, and whether the choice matters.

    \b
    Example: facebias mechanism --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.mechanism_figures import MechanismFigures

    figures = MechanismFigures.of(finished_study(config))
    figures.all()
    typer.echo(f"{figures.text}\nfigures: {figures.folder}")


@with_config("data", "audit_data", "runtime")
def tone(config: Config) -> None:
    """Check measured skin tone: against the truth of rendered faces, and beside the labels of race.

    \b
    Example: facebias tone --audit-sets synthetic --train-size 600 --negative-size 600
    """
    from facebias.tone_figures import ToneFigures

    figures = ToneFigures(config)
    figures.all()
    typer.echo(f"{figures.text}\nfigures: {figures.folder}")


def finished_study(config: Config) -> Study:
    """The study that `config` names, all of whose runs are trained and scored.

    Raises:
        FacebiasError: a run is not.
    """
    from facebias.runs import Run
    from facebias.study import Study, plan

    runs = tuple(Run.of(one) for one in plan(config))
    missing = [run.id for run in runs if not (run.complete and (run.path / "predictions.parquet").exists())]
    if missing:
        raise FacebiasError("STUDY", config.path("runs"), f"{len(missing)} of {len(runs)} runs are not trained and "
                            f"scored, the first {missing[0]}", "Run facebias study with the same options")
    return Study(config, runs)


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    for command in (shift, mechanism, tone):
        app.command()(command)
