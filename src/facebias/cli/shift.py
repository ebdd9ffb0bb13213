"""`facebias shift`: domain shift told from bias."""

from __future__ import annotations

from facebias.cli.options import EVERYTHING, say_and_draw, with_config
from facebias.core.config import Config


@with_config(*EVERYTHING)
def shift(config: Config) -> None:
    """Tell domain shift from bias: recall of finished runs as framing, exposure and blur change.

    \b
    Example: facebias shift --arms cnn,dbvae-0.01 --seeds 2 --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.analyses.shift.figures import ShiftFigures
    from facebias.training.study import finished_study

    say_and_draw(ShiftFigures.of(finished_study(config)))
