"""`facebias train`: one detector."""

from __future__ import annotations

import typer

from facebias.cli.options import with_config
from facebias.core.config import Config


@with_config("data", "train", "runtime", arm=True)
def train(config: Config) -> None:
    """Train one detector; a finished one is found, an interrupted one goes on.

    \b
    Example: facebias train --model standard_cnn --epochs 2 --train-size 600 --negative-size 600
    """
    from facebias.training.fit import fit

    typer.echo(fit(config).path)
