"""One epoch: which faces it draws, its steps, and the row that it leaves in the history."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from facebias.audit.thresholds import threshold
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.data.dataset import FaceDataset
from facebias.detectors.inference import as_input, logits, pick_device, posterior, posterior_sd
from facebias.detectors.networks import DBVAE, LossParts, StandardCNN, build_model
from facebias.training.augmentation import augment
from facebias.training.ranks import ALONE, World
from facebias.training.remedies import GroupDRO, balanced_probabilities, face_groups, twice_probabilities
from facebias.training.resampling import draw_rows, effective_sample_size, sampling_probabilities, share_by_group
from facebias.training.whole_batch import whole_loss

_FACES, _NEGATIVES, _STEP, _DEAL = 1, 2, 3, 4  # which stream of random numbers
_TOGETHER = 256  # ranks cut sets at multiples of it, a multiple of a batch: in other batches products round otherwise
_LOOK = 50  # steps between looks at the loss: each look waits for the GPU
GROUPINGS = ("gender", "skin_tone", "race")


@dataclass
class State:
    """All that changes while a run trains."""

    model: StandardCNN | DBVAE
    optimizer: torch.optim.Optimizer
    epoch: int  # finished epochs
    history: list[dict[str, float]]
    sampling: list[pd.DataFrame]
    probability: np.ndarray  # of the last epoch
    wrong: np.ndarray | None = None  # jtt: training images that the first training got wrong
    dro: GroupDRO | None = None
    world: World = ALONE

    def __post_init__(self) -> None:
        self.loss: Callable[..., LossParts] = whole_loss(self.model, self.world)


def initial(config: Config, train: FaceDataset, world: World = ALONE) -> State:
    """What a training starts from.

    Raises:
        FacebiasError: there are more ranks than images in a batch.
    """
    if config.batch_size < world.size:
        what = f"{config.batch_size} images for {world.size} ranks"
        raise FacebiasError("RANKS", "batch_size", what, "Raise batch_size, or start fewer processes")
    model = build_model(config).to(pick_device(config.device))
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    faces = len(train.faces)
    state = State(model, optimizer, 0, [], [], np.full(faces, 1 / faces), world=world)
    if config.remedy == "groupdro":
        state.dro = GroupDRO(int(group_of_each(train).max()) + 1, config.dro_step)
    return state


def short_training(config: Config, train: FaceDataset, validation: FaceDataset, world: World = ALONE) -> State:
    """A training of a first network, whose errors teach the next one; neither kept nor resumed."""
    state = initial(config, train, world)
    while state.epoch < config.epochs:
        train_epoch(config, state, train, validation)
    return state


def group_of_each(train: FaceDataset) -> np.ndarray:
    """The cell of each training image (N,), -1 for a non-face."""
    groups = np.full(len(train), -1)
    groups[train.faces] = face_groups(train.table.iloc[train.faces])
    return groups


def train_epoch(config: Config, state: State, train: FaceDataset, validation: FaceDataset) -> None:
    """Train one epoch in place: draw faces, step, and add a row to the state's history.

    Raises:
        FacebiasError: the loss is not finite.
    """
    pixels, device, world = train.tensor(), next(state.model.parameters()).device, state.world
    state.probability = _probabilities(config, state, train)
    of_negatives = None if state.wrong is None else twice_probabilities(state.wrong[train.negatives], config.jtt_weight)
    plan = sampling_plan(config, state.epoch, train, state.probability, of_negatives)
    groups = torch.from_numpy(group_of_each(train)) if state.dro else None
    told: list[Tensor] = []  # the parts of the loss of each step, on the device
    sums = torch.zeros(4, dtype=torch.float64)
    state.model.train()
    for step, batch in enumerate(plan):
        _set_learning_rate(config, state, step, len(plan))
        rows, of_rank = world.share(batch), (world.rank,) * (world.rank > 0)
        draw = torch.Generator().manual_seed(_seed(config.seed, state.epoch, _STEP, step, *of_rank))
        images = augment(as_input(_sent(pixels[rows], device), device), config, draw)
        labels = torch.from_numpy(train.labels[rows]).float()  # in memory: which are faces is asked of no GPU
        noise = torch.Generator(device).manual_seed(draw.initial_seed())
        robust = (
            None if state.dro is None or groups is None else partial(state.dro.loss, groups=groups[rows], world=world)
        )
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            parts = state.loss(images, labels, config, noise, robust)
        share = len(rows) / len(batch)  # parts are means over this rank's images
        told.append(torch.stack([part.detach() for part in parts]) * share)
        state.optimizer.zero_grad(set_to_none=True)
        (parts.total * (share * world.size)).backward()  # type: ignore[no-untyped-call]  # torch gives it no types
        state.optimizer.step()
        if len(told) == _LOOK or step + 1 == len(plan):
            sums = _looked_at(config, state, sums, told, step + 1 - len(told))
            told = []
    state.epoch += 1
    _record(config, state, sums / len(plan), train, validation)


def _sent(images: Tensor, device: torch.device) -> Tensor:
    """Images on their way to a GPU while it still works on those before them; on the CPU, as they are."""
    return images.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else images


def _looked_at(config: Config, state: State, sums: Tensor, told: list[Tensor], before: int) -> Tensor:
    """The sums of the loss's parts, with those of some more steps, after `before` others, added one by one.

    Raises:
        FacebiasError: the loss of a step is not finite; the first such is named.
    """
    for step, parts in enumerate(state.world.total(torch.stack(told)).cpu().double(), before + 1):
        if not math.isfinite(parts[0]):
            raise FacebiasError(
                "DIVERGED",
                f"{config.run_id} epoch {state.epoch + 1} step {step}",
                f"the loss is {parts[0].item()}",
                "Lower learning_rate; the checkpoint of the last good epoch is kept",
            )
        sums = sums + parts
    return sums


def _probabilities(config: Config, state: State, train: FaceDataset) -> np.ndarray:
    count, rule = len(train.faces), config.resampling
    if state.wrong is not None:
        return twice_probabilities(state.wrong[train.faces], config.jtt_weight)
    if rule == "balanced":
        return balanced_probabilities(face_groups(train.table.iloc[train.faces]))
    if rule == "uniform" or not isinstance(state.model, DBVAE):
        return np.full(count, 1 / count)
    world = state.world
    mine = train.faces[world.block(count, _TOGETHER)]
    mu, nats = (part.numpy() for part in posterior(state.model, train.tensor(), rows=mine))
    nats = world.sum(nats * (len(mine) / count) if len(mine) else np.zeros_like(nats))
    if rule != "shuffled":
        sd = posterior_sd(state.model, train.tensor(), mine).numpy() if rule == "gaussian" else None
        return sampling_probabilities(mu, config.alpha, config.bins, rule, config.target_ess, nats, world, sd)
    # dealt once a training, not once an epoch: a face keeps its luck, as it does where the latents decide
    deal = np.random.default_rng([config.seed, _DEAL]).permutation(count)
    return sampling_probabilities(mu, config.alpha, config.bins, "max", world=world)[deal]


def sampling_plan(
    config: Config, epoch: int, train: FaceDataset, probability: np.ndarray, of_negatives: np.ndarray | None = None
) -> list[np.ndarray]:
    """The rows of each batch of one epoch: half faces, drawn with replacement by `probability`, half negatives.

    Every arm draws faces in this one way (uniform arms with equal probabilities), and arms of the same seed see the
    same negatives in the same order, so that arms differ in the probabilities alone. Where `of_negatives` is given
    (just train twice), negatives are drawn by it too.
    """
    half = config.batch_size // 2
    drawn = min(config.epoch_faces or len(train.faces), len(train.faces))
    steps = max(1, drawn // half)
    rng = np.random.default_rng([config.seed, epoch, _FACES])
    faces = train.faces[draw_rows(probability, steps * half, rng)]
    rng = np.random.default_rng([config.seed, epoch, _NEGATIVES])
    if of_negatives is None:
        rounds = -(-steps * half // len(train.negatives))  # fewer negatives than faces: go through them again
        negatives = np.concatenate([rng.permutation(train.negatives) for _ in range(rounds)])[: steps * half]
    else:
        negatives = train.negatives[draw_rows(of_negatives, steps * half, rng)]
    rows = np.concatenate([faces.reshape(steps, half), negatives.reshape(steps, half)], axis=1)
    return list(rows)


def all_logits(state: State, data: FaceDataset) -> np.ndarray:
    """Face logits (N,) float32 of all images; each rank scores a block of them."""
    mine = state.world.block(len(data), _TOGETHER)
    return state.world.joined(logits(state.model, data.tensor()[mine]).numpy())


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def _set_learning_rate(config: Config, state: State, step: int, steps: int) -> None:
    # cosine to zero: the last epochs settle, so that seeds differ by what they learned and not by the last batch
    done = (state.epoch + step / steps) / config.epochs
    for group in state.optimizer.param_groups:
        group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def _record(config: Config, state: State, means: Tensor, train: FaceDataset, validation: FaceDataset) -> None:
    row = dict(zip(("loss", "classification", "reconstruction", "kl"), means.tolist(), strict=True))
    score = all_logits(state, validation)
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


def describe(row: dict[str, Any], config: Config) -> str:
    """One line of an epoch."""
    return (
        f"epoch {row['epoch']:.0f}/{config.epochs}  loss {row['loss']:.4f}  "
        f"validation recall {100 * row['validation_recall']:.1f} % at FPR {100 * config.fpr:g} %  "
        f"ESS {100 * row['ess_share']:.0f} %"
    )
