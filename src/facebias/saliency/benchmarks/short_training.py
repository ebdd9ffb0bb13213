"""A short training, the same for every arm of a benchmark that retrains."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.data.dataset import FaceDataset
from facebias.detectors.networks import as_input, build_model, pick_device
from facebias.training.fit import sampling_plan


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


def train_briefly(config: Config, data: FaceDataset, epochs: int) -> torch.nn.Module:
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
