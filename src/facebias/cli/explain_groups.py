"""`facebias explain-groups`: FullGrad per group."""

from __future__ import annotations

import typer

from facebias.cli.options import EVERYTHING, with_config
from facebias.core.config import Config


@with_config(*EVERYTHING)
def explain_groups(config: Config) -> None:
    """Draw FullGrad per group for a study, with its figures: means, differences, regions, CNN beside DB-VAE.

    Takes the settings that the study was run with, and finds its runs; any that is missing is trained first.

    \b
    Example: facebias explain-groups --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.analyses.saliency.figures import SaliencyFigures
    from facebias.training.study import run_study
    from facebias.training.threads import threads

    figures = SaliencyFigures.of(run_study(config))
    with threads(config.threads):
        figures.all()
    typer.echo(f"FullGrad of {', '.join(figures.saliency_arms)}, {config.seeds} seeds: {figures.files.folder}")
