"""`fit`: train one arm with one seed, epoch by epoch, resumable, the same weights for the same seed.

Nothing random carries over from step to step: each epoch's sampling plan and each step's augmentation and latent
noise come from generators seeded with (seed, epoch, step). A killed training therefore resumes from its last
finished epoch and ends with the very weights it would have had.
"""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from facebias.audit.thresholds import threshold
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write, read_json, sweep_stale, write_json
from facebias.core.lock import folder_lock
from facebias.core.manifest import manifest_path, write_manifest
from facebias.core.paths import code_version
from facebias.core.progress import bar, headless, say
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_training
from facebias.detectors.networks import (
    DBVAE,
    LossParts,
    as_input,
    build_model,
    cross_entropy,
    latent_means,
    logits,
    pick_device,
)
from facebias.training import checkpoints
from facebias.training.augmentation import augment
from facebias.training.remedies import GroupDRO, balanced_probabilities, face_cells, twice_probabilities
from facebias.training.resampling import effective_sample_size, sampling_probabilities, share_by_group
from facebias.training.run import SAMPLING_SCHEMA, WEIGHTS_SCHEMA, Run, architecture_of
from facebias.training.threads import threads

GROUPINGS = ("gender", "skin_tone", "race")
_FACES, _NEGATIVES, _STEP, _DEAL = 1, 2, 3, 4  # which stream of random numbers


@dataclass
class _State:
    """All that changes while a run trains."""

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int  # finished epochs
    history: list[dict[str, float]]
    sampling: list[pd.DataFrame]
    probability: np.ndarray  # of the last epoch
    wrong: np.ndarray | None = None  # jtt: training images that the first training got wrong
    dro: GroupDRO | None = None


def fit(config: Config, on_epoch: Callable[[dict[str, Any]], None] | None = None) -> Run:
    """Train the detector that `config` describes, or return the finished run if there is one.

    Args:
        config: one arm, one seed.
        on_epoch: called with the history row after every epoch; without it progress is shown here.

    Returns:
        The finished run.

    Raises:
        FacebiasError: data that cannot be packed, a folder in use, or a loss that is not finite.
    """
    run, files = Run.of(config), pack_training(config)
    if run.complete:
        _warn_on_other_data(run, files["train"])
        return run
    with folder_lock(run.path), threads(config.threads):
        sweep_stale(run.path)
        run.start(config)
        train, validation = FaceDataset.load(files["train"]), FaceDataset.load(files["validation"])
        _require_both(train, files["train"])
        state = _begin(config, run, train, validation)
        begun = time.monotonic()
        with _progress(config, state.epoch, on_epoch) as report:
            while state.epoch < config.epochs:
                _epoch(config, state, train, validation)
                checkpoints.save(run.path, state.epoch, _pack_state(state), config.run_id)
                report(state.history[-1])
        _finish(config, run, state, train, time.monotonic() - begun)
    return run


def _warn_on_other_data(run: Run, train: Path) -> None:
    if read_json(run.path / "DONE.json")["train_sha256"] != read_json(manifest_path(train))["sha256"]:
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


def _begin(config: Config, run: Run, train: FaceDataset, validation: FaceDataset) -> _State:
    state = _initial(config, train)
    if saved := checkpoints.load(run.path, config.run_id):
        state.model.load_state_dict(saved["model"])
        state.optimizer.load_state_dict(saved["optimizer"])
        state.epoch, state.history = saved["epoch"], saved["history"]
        state.sampling = [pd.DataFrame(rows) for rows in saved["sampling"]]
        state.probability = saved["probability"].numpy()
        state.wrong = None if saved["wrong"] is None else saved["wrong"].numpy()
        if state.dro:
            state.dro.weights = saved["group_weights"]
    elif config.remedy == "jtt":
        state.wrong = _first_training(config, train, validation)
    return state


def _initial(config: Config, train: FaceDataset) -> _State:
    model = build_model(config).to(pick_device(config.device))
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    faces = len(train.faces)
    state = _State(model, optimizer, 0, [], [], np.full(faces, 1 / faces))
    if config.remedy == "groupdro":
        state.dro = GroupDRO(int(_groups(train).max()) + 1, config.dro_step)
    return state


def _first_training(config: Config, train: FaceDataset, validation: FaceDataset) -> np.ndarray:
    """Just train twice, stage one: which training images (N,) a short training like any other gets wrong at p 0.5."""
    first = config.with_(remedy="none", epochs=config.jtt_epochs)
    state = _initial(first, train)
    while state.epoch < first.epochs:
        _epoch(first, state, train, validation)
    return (logits(state.model, train.tensor()).numpy() >= 0) != (train.labels == 1)


def _groups(train: FaceDataset) -> np.ndarray:
    """The cell of each training image (N,), -1 for a non-face."""
    groups = np.full(len(train), -1)
    groups[train.faces] = face_cells(train.table.iloc[train.faces])
    return groups


def _pack_state(state: _State) -> dict[str, Any]:
    return {
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "epoch": state.epoch,
        "history": state.history,
        "sampling": [frame.to_dict("list") for frame in state.sampling],
        "probability": torch.from_numpy(state.probability),
        "wrong": None if state.wrong is None else torch.from_numpy(state.wrong),
        "group_weights": state.dro.weights if state.dro else None,
    }


def _epoch(config: Config, state: _State, train: FaceDataset, validation: FaceDataset) -> None:
    pixels, device = train.tensor(), next(state.model.parameters()).device
    state.probability = _probabilities(config, state, train)
    of_negatives = None if state.wrong is None else twice_probabilities(state.wrong[train.negatives], config.jtt_weight)
    plan = sampling_plan(config, state.epoch, train, state.probability, of_negatives)
    groups = torch.from_numpy(_groups(train)).to(device) if state.dro else None
    sums = torch.zeros(4, dtype=torch.float64)
    state.model.train()
    for step, rows in enumerate(plan):
        _set_learning_rate(config, state, step, len(plan))
        draw = torch.Generator().manual_seed(_seed(config.seed, state.epoch, _STEP, step))
        images = augment(as_input(pixels[rows], device), config, draw)
        labels = torch.from_numpy(train.labels[rows]).to(device, torch.float32)
        noise = torch.Generator(device).manual_seed(draw.initial_seed())
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            parts = (
                state.model.loss(images, labels, config, noise)
                if groups is None
                else _robust_loss(state, images, labels, groups[rows])
            )
        if not math.isfinite(parts.total.item()):
            raise FacebiasError(
                "DIVERGED",
                f"{config.run_id} epoch {state.epoch + 1} step {step + 1}",
                f"the loss is {parts.total.item()}",
                "Lower learning_rate; the checkpoint of the last good epoch is kept",
            )
        state.optimizer.zero_grad(set_to_none=True)
        parts.total.backward()
        state.optimizer.step()
        sums += torch.stack([part.detach().cpu() for part in parts])
    state.epoch += 1
    _record(config, state, sums / len(plan), train, validation)


def _robust_loss(state: _State, images: Tensor, labels: Tensor, groups: Tensor) -> LossParts:
    losses = cross_entropy(state.model(images), labels, reduction="none")
    zero = torch.zeros((), device=images.device)
    return LossParts(state.dro.loss(losses, groups), losses.mean().detach(), zero, zero)


def _probabilities(config: Config, state: _State, train: FaceDataset) -> np.ndarray:
    count, rule = len(train.faces), config.resampling
    if state.wrong is not None:
        return twice_probabilities(state.wrong[train.faces], config.jtt_weight)
    if rule == "balanced":
        return balanced_probabilities(face_cells(train.table.iloc[train.faces]))
    if rule == "uniform" or not isinstance(state.model, DBVAE):
        return np.full(count, 1 / count)
    mu = latent_means(state.model, train.tensor()[train.faces]).numpy()
    if rule != "shuffled":
        return sampling_probabilities(mu, config.alpha, config.bins, rule, config.target_ess)
    # dealt once a training, not once an epoch: a face keeps its luck, as it does where the latents decide
    deal = np.random.default_rng([config.seed, _DEAL]).permutation(count)
    return sampling_probabilities(mu, config.alpha, config.bins, "max")[deal]


def sampling_plan(
    config: Config, epoch: int, train: FaceDataset, probability: np.ndarray, of_negatives: np.ndarray | None = None
) -> list[np.ndarray]:
    """The rows of each batch of one epoch: half faces, drawn with replacement by `probability`, half negatives.

    Every arm draws faces in this one way (uniform arms with equal probabilities), and arms of the same seed see the
    same negatives in the same order, so that arms differ in the probabilities alone. Where `of_negatives` is given
    (just train twice), negatives are drawn by it too.
    """
    half = config.batch_size // 2
    steps = max(1, len(train.faces) // half)
    rng = np.random.default_rng([config.seed, epoch, _FACES])
    faces = train.faces[rng.choice(len(train.faces), size=steps * half, p=probability)]
    rng = np.random.default_rng([config.seed, epoch, _NEGATIVES])
    if of_negatives is None:
        rounds = -(-steps * half // len(train.negatives))  # fewer negatives than faces: go through them again
        negatives = np.concatenate([rng.permutation(train.negatives) for _ in range(rounds)])[: steps * half]
    else:
        negatives = rng.choice(train.negatives, size=steps * half, p=of_negatives)
    rows = np.concatenate([faces.reshape(steps, half), negatives.reshape(steps, half)], axis=1)
    return list(rows)


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def _set_learning_rate(config: Config, state: _State, step: int, steps: int) -> None:
    # cosine to zero: the last epochs settle, so that seeds differ by what they learned and not by the last batch
    done = (state.epoch + step / steps) / config.epochs
    for group in state.optimizer.param_groups:
        group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def _record(config: Config, state: _State, means: Tensor, train: FaceDataset, validation: FaceDataset) -> None:
    row = dict(zip(("loss", "classification", "reconstruction", "kl"), means.tolist(), strict=True))
    score = logits(state.model, validation.tensor()).numpy()
    fixed = threshold(score[validation.negatives], f"fpr={config.fpr:g}", warn=False)
    recall = float((score[validation.faces] >= fixed.value).mean()) if len(validation.faces) else math.nan
    ess = effective_sample_size(state.probability)
    state.history.append(
        {"epoch": state.epoch, **row, "validation_recall": recall, "ess_share": ess / len(state.probability)}
    )
    faces = train.table.iloc[train.faces]
    groups = tuple(name for name in GROUPINGS if (faces[name] != "").any())
    frame = share_by_group(state.probability, faces, groups)
    frame.insert(0, "epoch", state.epoch)
    frame.insert(1, "ess", ess)
    state.sampling.append(frame)


def _finish(config: Config, run: Run, state: _State, train: FaceDataset, seconds: float) -> None:
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
    with atomic_write(run.path / "weights.pt") as temporary:
        torch.save({name: value.cpu().contiguous() for name, value in state.model.state_dict().items()}, temporary)
    write_manifest(run.path / "weights.pt", WEIGHTS_SCHEMA, 1, config.run_id, architecture=architecture_of(config))
    device = str(next(state.model.parameters()).device)
    write_json(
        run.path / "DONE.json",
        {
            "run_id": run.id,
            "epochs": state.epoch,
            "threads": config.threads,
            "device": device,
            "seconds_of_this_process": round(seconds, 1),
            "torch": torch.__version__,
            "code_version": code_version(),
            "train_sha256": read_json(manifest_path(train.path))["sha256"],
        },
    )
    checkpoints.clear(run.path)


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


def describe(row: dict[str, Any], config: Config) -> str:
    """One line of an epoch."""
    return (
        f"epoch {row['epoch']:.0f}/{config.epochs}  loss {row['loss']:.4f}  "
        f"validation recall {100 * row['validation_recall']:.1f} % at FPR {100 * config.fpr:g} %  "
        f"ESS {100 * row['ess_share']:.0f} %"
    )
