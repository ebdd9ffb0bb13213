"""`facebias study`: every arm and seed, trained, scored and audited."""

from __future__ import annotations

import typer

from facebias.cli.options import EVERYTHING, with_config
from facebias.core.config import Config


@with_config(*EVERYTHING)
def study(config: Config) -> None:
    """Train, score and audit every arm with every seed; finished runs are kept, so it can be stopped and resumed.

    \b
    Example: facebias study --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.report.study_figures import write_study
    from facebias.training.study import run_study

    found = run_study(config)
    typer.echo(write_study(found).text)
    typer.echo(f"runs: {config.path('runs')}\nstudy: {config.study_folder}")
