"""`facebias tone`: is skin tone measured right."""

from __future__ import annotations

from facebias.cli.options import say_and_draw, with_config
from facebias.core.config import Config


@with_config("data", "audit_data", "runtime")
def tone(config: Config) -> None:
    """Check measured skin tone: against the truth of rendered faces, and beside the labels of race.

    \b
    Example: facebias tone --audit-sets synthetic --train-size 600 --negative-size 600
    """
    from facebias.analyses.tone.figures import ToneFigures

    say_and_draw(ToneFigures(config))
