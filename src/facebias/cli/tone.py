"""`facebias tone`: is skin tone measured right."""

from __future__ import annotations

from facebias.cli.options import STUDIES, say_and_draw, with_config
from facebias.core.config import Config


@with_config("data_root", "data_dir", STUDIES, "workers", study=True)
def tone(config: Config) -> str:
    """Check measured skin tone: against the truth of rendered faces, and beside the labels of race.

    \b
    Example: facebias tone synthetic
    """
    from facebias.analyses.tone.figures import ToneFigures

    return say_and_draw(ToneFigures(config))
