"""`facebias mechanism`: which faces resampling prefers."""

from __future__ import annotations

from facebias.cli.options import COMPUTING, STUDIES, say_and_draw, with_config
from facebias.core.config import Config


@with_config(*COMPUTING, STUDIES, study=True)
def mechanism(config: Config) -> str:
    """Show which training faces the resampling of a study prefers, and whether the choice matters.

    \b
    Example: facebias mechanism synthetic
    """
    from facebias.analyses.mechanism.figures import MechanismFigures
    from facebias.training.study import finished_study

    return say_and_draw(MechanismFigures.of(finished_study(config)))
