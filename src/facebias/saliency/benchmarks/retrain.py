"""Remove and retrain (ROAR, Hooker et al. 2019): without the most salient pixels, what can a new network still learn?

The top t % of the pixels are replaced by the channel mean in training and held-out images, and the network is trained
anew. The lower its recall, the more of what matters the map had found. Beside each method stands a blurred random map
of the method's own smoothness, beside all of them random pixels and no removal at all ("base"). A map's *shape* may
tell the class to the new network, which raises its recall; read differences from the control, not levels.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facebias.audit.thresholds import threshold
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.progress import bar
from facebias.data.dataset import FaceDataset
from facebias.detectors.inference import as_input, logits, pick_device
from facebias.detectors.networks import DBVAE, StandardCNN, build_model
from facebias.saliency.benchmarks.perturbation import method_maps, pixel_count, removal_order, remove
from facebias.saliency.benchmarks.sanity import blurred_random, matching_width
from facebias.saliency.subjects import Subject
from facebias.training.epoch import sampling_plan

SHARES = (10.0, 30.0, 50.0, 70.0, 90.0)  # percent of the pixels, as published
BASE, CONTROL = "base", "blurred random, as "


@dataclass(frozen=True)
class Splits:
    """What is trained on, what fixes the threshold and what is scored, as samples of the packed files."""

    train: FaceDataset
    validation: FaceDataset
    test: FaceDataset

    def each(self) -> tuple[FaceDataset, FaceDataset, FaceDataset]:
        """The three in order."""
        return self.train, self.validation, self.test


@dataclass(frozen=True)
class Outcome:
    """What a retrained network got right: (faces,) hits at the threshold, (images,) correct at logit 0."""

    recall: np.ndarray
    accuracy: np.ndarray


def channel_mean(data: FaceDataset) -> Tensor:
    """(3,) mean colour of all pixels, rounded to a stored value."""
    return torch.from_numpy(data.images.mean((0, 1, 2)).round())


def without(data: FaceDataset, order: Tensor, share: float, fill: Tensor) -> FaceDataset:
    """The data set with the first `share` percent of `order` (N, H * W) filled."""
    images = remove(data.tensor(), order, pixel_count(share, order.shape[1]), fill)
    return dataclasses.replace(data, images=images.permute(0, 2, 3, 1).contiguous().numpy())


def retrain(config: Config, splits: Splits, epochs: int) -> Outcome:
    """Train on a split and judge on the others; the threshold has the run's FPR on validation negatives."""
    model = train_briefly(config, splits.train, epochs)
    fixed = logits(model, splits.validation.tensor()).numpy()[splits.validation.negatives]
    score = logits(model, splits.test.tensor()).numpy()
    limit = threshold(fixed, f"fpr={config.fpr:g}", warn=False).value
    return Outcome(score[splits.test.faces] >= limit, (score >= 0) == (splits.test.labels == 1))


def remove_and_retrain(
    subject: Subject, config: Config, splits: Splits, methods: tuple[str, ...], epochs: int
) -> tuple[dict[tuple[str, float], Outcome], dict[str, float]]:
    """Outcomes by (method, share) with controls and ("base", 0), and the width of each control's Gaussian in pixels.

    Args:
        subject: makes the maps.
        config: of the run, with the settings that a retraining takes over.
        splits: the images.
        methods: of `METHODS`.
        epochs: of each retraining.
    """
    fill, widths = channel_mean(splits.train), {}
    found = {(BASE, 0.0): retrain(config, splits, epochs)}
    total = len(SHARES) * sum(1 + (name != "random") for name in methods)
    with bar(total=total, desc=f"remove and retrain ({subject.name})", unit="training") as progress:
        for name in methods:
            maps = [method_maps(name, subject.model, data.tensor()) for data in splits.each()]
            arms = {name: maps}
            if name != "random":
                widths[name] = matching_width(maps[0][:256])
                arms[f"{CONTROL}{name}"] = _blobs(splits, widths[name], config.seed)
            for arm, drawn in arms.items():
                orders = [removal_order(part, "most") for part in drawn]
                for share in SHARES:
                    changed = Splits(
                        *(without(data, order, share, fill) for data, order in zip(splits.each(), orders, strict=True))
                    )
                    found[arm, share] = retrain(config, changed, epochs)
                    progress.update(1)
    return found, widths


def _blobs(splits: Splits, width: float, seed: int) -> list[Tensor]:
    return [
        blurred_random(len(data.labels), data.images.shape[1], width, 3 * seed + part)
        for part, data in enumerate(splits.each())
    ]


def balanced(data: FaceDataset, images: int, seed: int) -> FaceDataset:
    """At most `images` of a data set, half of them faces, drawn without replacement, in the file's order."""
    rng, half = np.random.default_rng(seed), images // 2
    rows = np.sort(np.concatenate([rng.permutation(part)[:half] for part in (data.faces, data.negatives)]))
    if not len(data.faces) or not len(data.negatives):
        raise FacebiasError(
            "DATA", data.path, f"{len(data.faces)} faces and {len(data.negatives)} negatives", "Retraining needs both"
        )
    return with_rows(data, rows)


def with_rows(data: FaceDataset, rows: np.ndarray) -> FaceDataset:
    """Some rows of a data set, in memory."""
    return dataclasses.replace(
        data, images=data.images[rows], labels=data.labels[rows], table=data.table.iloc[rows].reset_index(drop=True)
    )


def train_briefly(config: Config, data: FaceDataset, epochs: int) -> StandardCNN | DBVAE:
    """The run's network, trained anew from initial weights: Adam, cosine to 0, uniform sampling, no augmentation.

    Initial weights, and which images meet in a batch, depend on `config.seed` alone, so that arms are paired.
    """
    device, pixels = pick_device(config.device), data.tensor()
    model = build_model(config).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    uniform = np.full(len(data.faces), 1 / len(data.faces))
    model.train()
    for epoch in range(epochs):
        plan = sampling_plan(config, epoch, data, uniform)
        for step, rows in enumerate(plan):
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * (epoch + step / len(plan)) / epochs))
            noise = torch.Generator(device).manual_seed((config.seed << 40) + (epoch << 20) + step)
            labels = torch.from_numpy(data.labels[rows]).to(device, torch.float32)
            loss = model.loss(as_input(pixels[rows], device), labels, config, noise).total
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return model.eval()
