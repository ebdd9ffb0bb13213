"""`fit`: train one arm with one seed, epoch by epoch, resumable, the same weights for the same seed.

Nothing random carries over from step to step: each epoch's sampling plan and each step's augmentation and latent
noise come from generators seeded with (seed, epoch, step). A killed training therefore resumes from its last
finished epoch and ends with the very weights it would have had.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import sweep_stale
from facebias.core.lock import folder_lock
from facebias.core.manifest import write_manifest
from facebias.core.paths import code_version
from facebias.core.processes import keep_freed_memory
from facebias.core.progress import bar, headless, say
from facebias.core.records import read_record
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_training
from facebias.training import checkpoints
from facebias.training.epoch import State, all_logits, describe, initial, short_training, train_epoch
from facebias.training.loggers import logger
from facebias.training.near_misses import training_bytes, training_split
from facebias.training.ranks import ALONE, World
from facebias.training.run import SAMPLING_SCHEMA, WEIGHTS_SCHEMA, Run, architecture_of
from facebias.training.tensors import write_tensors
from facebias.training.threads import threads


def fit(config: Config, on_epoch: Callable[[dict[str, Any]], None] | None = None, world: World = ALONE) -> Run:
    """Train the detector that `config` describes, or return the finished run if there is one.

    Args:
        config: one arm, one seed.
        on_epoch: called with the history row after every epoch; without it progress is shown here.
        world: the processes that train it together; the first alone reads settings and checkpoints, and writes.

    Returns:
        The finished run.

    Raises:
        FacebiasError: data that cannot be packed, a folder in use, or a loss that is not finite.
    """
    run, files = Run.of(config), world.from_first(partial(pack_training, config))
    data = world.from_first(partial(training_bytes, config, files["train"]))
    if world.from_first(lambda: run.complete):
        _warn_on_other_data(run, data, files["train"])
        return run
    keep_freed_memory()
    with contextlib.ExitStack() as held, threads(config.threads):
        world.from_first(partial(_take, held, config, run))
        train, validation = training_split(config, files["train"]), FaceDataset.load(files["validation"], factors=False)
        _require_both(train, files["train"])
        under = checkpoints.Circumstances(config.run_id, data, config.threads, world.size)
        state = _begin(config, run, train, validation, under, world)
        begun = time.monotonic()
        with _kept(config, run, state, under, on_epoch) as keep:
            while state.epoch < config.epochs:
                train_epoch(config, state, train, validation)
                keep()
        if world.rank == 0:
            _finish(config, run, state, train, under, time.monotonic() - begun)
        world.from_first(lambda: None)  # nobody leaves before the run is whole
    return run


def _take(held: contextlib.ExitStack, config: Config, run: Run) -> None:
    """Hold the run's folder for this training."""
    held.enter_context(folder_lock(run.path))
    sweep_stale(run.path)
    run.start(config)


def _warn_on_other_data(run: Run, now: str, train: Path) -> None:
    if read_record(run.path / "DONE.json", train_sha256=str)["train_sha256"] != now:
        warnings.warn(
            f"{run.id} was trained on other bytes than {train.name} holds now; delete its folder to train anew",
            stacklevel=3,
        )


def _require_both(train: FaceDataset, path: Path) -> None:
    if not len(train.faces) or not len(train.negatives):
        raise FacebiasError(
            "DATA",
            path,
            f"{len(train.faces)} faces and {len(train.negatives)} negatives",
            "Training needs both: raise train_size and negative_size",
        )


def _begin(
    config: Config,
    run: Run,
    train: FaceDataset,
    validation: FaceDataset,
    under: checkpoints.Circumstances,
    world: World,
) -> State:
    state = initial(config, train, world)
    if saved := world.from_first(partial(checkpoints.load, run.path, under)):
        state.model.load_state_dict(saved["model"])
        state.optimizer.load_state_dict(saved["optimizer"])
        state.epoch, state.history = saved["epoch"], saved["history"]
        state.sampling = [pd.DataFrame(rows) for rows in saved["sampling"]]
        state.probability = saved["probability"].numpy()
        state.wrong = None if saved["wrong"] is None else saved["wrong"].numpy()
        if state.dro:
            state.dro.weights = saved["group_weights"]
    elif config.remedy == "jtt":
        state.wrong = _first_training(config, train, validation, world)
    return state


def _first_training(config: Config, train: FaceDataset, validation: FaceDataset, world: World) -> np.ndarray:
    """Just train twice, stage one: which training images (N,) a short training like any other gets wrong at p 0.5."""
    state = short_training(config.with_(remedy="none", epochs=config.jtt_epochs), train, validation, world)
    wrong: np.ndarray = (all_logits(state, train) >= 0) != (train.labels == 1)
    return wrong


def _pack_state(state: State) -> dict[str, Any]:
    return {
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "epoch": state.epoch,
        "history": state.history,
        "sampling": [frame.to_dict("list") for frame in state.sampling],
        "probability": torch.from_numpy(state.probability),
        "wrong": None if state.wrong is None else torch.from_numpy(state.wrong),
        "group_weights": state.dro.weights.cpu() if state.dro else None,
    }


def _finish(
    config: Config, run: Run, state: State, train: FaceDataset, under: checkpoints.Circumstances, seconds: float
) -> None:
    run.write_csv("history.csv", pd.DataFrame(state.history))
    run.write_csv("sampling.csv", pd.concat(state.sampling, ignore_index=True))
    faces = pd.DataFrame(
        {
            "row": train.faces,
            "image_id": train.table["image_id"].to_numpy()[train.faces],
            "probability": state.probability,
        }
    )
    run.write_parquet("sampling_faces.parquet", faces, SAMPLING_SCHEMA, config.run_id)
    write_tensors(
        run.path / "weights.pt", {name: value.cpu().contiguous() for name, value in state.model.state_dict().items()}
    )
    write_manifest(run.path / "weights.pt", WEIGHTS_SCHEMA, 1, config.run_id, architecture=architecture_of(config))
    device = str(next(state.model.parameters()).device)
    run.finish(
        run_id=run.id,
        epochs=state.epoch,
        threads=config.threads,
        ranks=state.world.size,
        device=device,
        seconds_of_this_process=round(seconds, 1),
        torch=torch.__version__,
        code_version=code_version(),
        train_sha256=under.data,
    )
    checkpoints.clear(run.path)


@contextlib.contextmanager
def _kept(
    config: Config,
    run: Run,
    state: State,
    under: checkpoints.Circumstances,
    on_epoch: Callable[[dict[str, Any]], None] | None,
) -> Iterator[Callable[[], None]]:
    """What is done after an epoch: on the first rank a checkpoint and a report, on all others nothing."""
    if state.world.rank:
        yield lambda: None
        return
    with logger(config, run, state.epoch) as log, _progress(config, state.epoch, on_epoch) as report:

        def _keep() -> None:
            checkpoints.save(run.path, state.epoch, _pack_state(state), under)
            log(state.history[-1])
            report(state.history[-1])

        yield _keep


@contextlib.contextmanager
def _progress(
    config: Config, done: int, on_epoch: Callable[[dict[str, Any]], None] | None
) -> Iterator[Callable[[dict[str, Any]], None]]:
    if on_epoch:
        yield on_epoch
    elif headless():
        yield lambda row: say(f"{config.arm} seed {config.seed}  {describe(row, config)}")
    else:
        with bar(total=config.epochs, desc=f"{config.arm} seed {config.seed}", unit="epoch") as progress:
            progress.update(done)

            def _show(row: dict[str, Any]) -> None:
                progress.set_postfix_str(f"loss {row['loss']:.3f}")
                progress.update(1)

            yield _show
