"""`facebias mechanism`: which faces resampling prefers."""

from __future__ import annotations

from facebias.cli.options import EVERYTHING, say_and_draw, with_config
from facebias.core.config import Config


@with_config(*EVERYTHING)
def mechanism(config: Config) -> None:
    """Show which training faces the resampling of finished runs prefers, and whether the choice matters.

    \b
    Example: facebias mechanism --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.analyses.mechanism.figures import MechanismFigures
    from facebias.training.study import finished_study

    say_and_draw(MechanismFigures.of(finished_study(config)))
