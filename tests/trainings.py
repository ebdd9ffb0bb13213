"""What tests of training need: silence, the weights of a run, an interruption."""

from __future__ import annotations

import torch

from facebias.training.run import Run


def quiet(row: dict) -> None:
    """Stands in for progress."""


def weights(run: Run) -> dict[str, torch.Tensor]:
    return torch.load(run.path / "weights.pt", weights_only=True)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def stop_after(epoch: int):
    def on_epoch(row: dict) -> None:
        if row["epoch"] == epoch:
            raise KeyboardInterrupt

    return on_epoch
