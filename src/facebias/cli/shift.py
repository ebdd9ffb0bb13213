"""`facebias shift`: domain shift told from bias."""

from __future__ import annotations

from facebias.cli.options import COMPUTING, STUDIES, say_and_draw, with_config
from facebias.core.config import Config


@with_config(*COMPUTING, STUDIES, study=True)
def shift(config: Config) -> str:
    """Tell domain shift from bias: recall of a study's runs as framing, exposure and blur change.

    \b
    Example: facebias shift synthetic
    """
    from facebias.analyses.shift.figures import ShiftFigures
    from facebias.training.study import finished_study

    return say_and_draw(ShiftFigures.of(finished_study(config)))
