"""`facebias train`: one detector."""

from __future__ import annotations

from facebias.cli.options import COMPUTING, with_config
from facebias.core.config import Config


@with_config("data", "train", *COMPUTING, "logger", arm=True)
def train(config: Config) -> str | None:
    """Train one detector; a finished one is found, an interrupted one goes on.

    \b
    Example: facebias train --model standard_cnn --epochs 4 --train-size 900 --negative-size 1200

    Over several processes, a GPU each where there are GPUs: torchrun --nproc-per-node 2 -m facebias train ...
    """
    from facebias.training.fit import fit
    from facebias.training.ranks import torchrun_world

    with torchrun_world() as world:
        run = fit(config, world=world)
        return str(run.path) if world.rank == 0 else None
