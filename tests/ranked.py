"""Work done by several processes that talk over gloo, for tests of a training over ranks."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facebias.core.config import Config
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_training
from facebias.detectors import networks
from facebias.detectors.inference import as_input, logits, posterior
from facebias.detectors.networks import build_model
from facebias.training import epoch
from facebias.training.fit import fit
from facebias.training.ranks import ALONE, World, group_world
from facebias.training.resampling import sampling_probabilities

BINS = 10
RULES = ("max", "used", "z", "max5", "gaussian", "product", "tempered")
COUNTS = {"even": 512, "uneven": 333, "a rank without faces": 30}
BATCHES = {"even": slice(0, 8), "uneven": slice(0, 5), "a rank without faces": slice(0, 2)}


def in_ranks(work: Callable[..., Any], folder: Path, *args: Any, size: int = 2) -> list[int]:
    """Exit status of each rank; rank N leaves what `work` returned in `folder`/N."""
    context = multiprocessing.get_context("spawn")
    folder.mkdir()
    ranks = [context.Process(target=_rank, args=(work, folder, rank, size, args)) for rank in range(size)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    return [rank.exitcode for rank in ranks]


def _rank(work: Callable[..., Any], folder: Path, rank: int, size: int, args: Any) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    with group_world("gloo", init_method=store, rank=rank, world_size=size) as world:
        (folder / str(rank)).write_bytes(pickle.dumps(work(world, *args)))


def said(folder: Path, rank: int) -> Any:
    return pickle.loads((folder / str(rank)).read_bytes())


@dataclass(frozen=True)
class Counting(World):
    """Remembers the histograms that it was asked to add up."""

    counted: tuple[list[np.ndarray], ...] = ([],)

    def sum(self, values: Any) -> Any:
        total = super().sum(values)
        if np.shape(values) == (BINS,):
            self.counted[0].append(total)
        return total


def latents(count: int) -> np.ndarray:
    """Means (count, 6) whose distribution drifts along the rows, as it does where a set is sorted."""
    rng = np.random.default_rng(count)
    return (rng.normal(size=(count, 6)) + np.linspace(0, 3, count)[:, None] ** 2).astype(np.float32)


def probabilities(world: World, count: int) -> dict[str, Any]:
    """By each rule; the histograms behind the first; and what each rank's own histograms would give."""
    mu = latents(count)[world.block(count, 32)]
    counting, nats = Counting(world.rank, world.size, ([],)), np.array([1, 0.1, 1, 1, 0, 1])
    by_rule = {
        rule: sampling_probabilities(
            mu, 0.01, BINS, rule, nats=nats, world=counting if rule == "max" else world, sd=0.1 + np.abs(mu)
        )
        for rule in RULES
    }
    own = world.joined(sampling_probabilities(mu, 0.01, BINS) if len(mu) else np.empty(0))
    return {"by rule": by_rule, "counts": np.array(counting.counted[0]), "own": own / own.sum()}


def sampled(values: torch.Tensor) -> torch.Tensor:
    """At most 8,192 of the values, evenly spread: all of them, of each arm and rank, are two gigabytes."""
    flat = values.flatten()
    return flat[:: 1 + len(flat) // 8192].clone()


def gradients(world: World, config: Config, train: FaceDataset, rows: np.ndarray) -> dict[str, torch.Tensor]:
    """Of the first step of a training on these rows, and the buffers after it, in numbers that round finely."""
    epoch.build_model = lambda config: build_model(config).double()
    state = epoch.initial(config, train, world)
    state.model.train()
    mine = world.share(rows)
    robust = None
    if state.dro:
        groups = torch.from_numpy(epoch.group_of_each(train))[mine]
        robust = lambda losses: state.dro.loss(losses, groups, world)  # noqa: E731 - one line, used once
    labels = torch.from_numpy(train.labels[mine]).float()
    parts = state.loss(as_input(train.tensor()[mine]).double(), labels, config, None, robust)
    (parts.total * (len(mine) / len(rows) * world.size)).backward()
    weights = {"group weights": state.dro.weights} if state.dro else {}
    found = {name: value.grad for name, value in state.model.named_parameters()}
    return {name: sampled(value) for name, value in (found | dict(state.model.named_buffers()) | weights).items()}


def everything(world: World, config: Config, arms: tuple[str, ...]) -> dict[str, Any]:
    """What two ranks must agree on with one, at fixed weights; and the folder of a training by all ranks."""
    networks.torch.randn = lambda shape, **_: torch.zeros(shape)  # the ranks' latent noise is their own
    epoch._TOGETHER = 32  # so that every rank has images to encode
    epoch.posterior, epoch.logits = (partial(function, batch_size=32) for function in (posterior, logits))
    train = FaceDataset.load(pack_training(config)["train"])
    order = np.stack([train.faces[:8], train.negatives[:8]], axis=1).ravel()  # a face first, then a non-face, ...
    state = epoch.initial(config.for_arm("dbvae-0.01", 0), train, world)
    drawn = epoch._probabilities(config.for_arm("dbvae-0.01", 0), state, train)
    return {
        "probabilities": {name: probabilities(world, count) for name, count in COUNTS.items()},
        "drawn": drawn,
        "plan": np.array(epoch.sampling_plan(config, 0, train, drawn)),
        "logits": epoch.all_logits(state, train),
        "gradients": {
            (arm, name): gradients(world, config.for_arm(arm, 0), train, order[rows])
            for arm in arms
            for name, rows in BATCHES.items()
        },
    }


def trained(world: World, config: Config, dies_after: int = 0) -> str:
    """The run's folder; the first rank kills itself after that epoch."""

    def on_epoch(row: dict) -> None:
        if row["epoch"] == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    return str(fit(config, on_epoch, world).path)


def alone(config: Config, arms: tuple[str, ...], monkeypatch: Any) -> dict[str, Any]:
    """`everything`, by one process."""
    monkeypatch.setattr(networks.torch, "randn", torch.randn)  # put back afterwards, all of them
    for name in ("_TOGETHER", "posterior", "logits", "build_model"):
        monkeypatch.setattr(epoch, name, getattr(epoch, name))
    return everything(ALONE, config, arms)
