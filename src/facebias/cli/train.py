"""`facebias train`: one detector."""

from __future__ import annotations

from facebias.cli.options import COMPUTING, with_config
from facebias.core.config import Config


@with_config("data", "train", *COMPUTING, "logger", arm=True)
def train(config: Config) -> str:
    """Train one detector; a finished one is found, an interrupted one goes on.

    \b
    Example: facebias train --model standard_cnn --epochs 4 --train-size 900 --negative-size 1200
    """
    from facebias.training.fit import fit

    return str(fit(config).path)
