"""Rows of the bench: steps, a whole epoch, the latent pass, resampling, scoring, FullGrad, windows."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import saliency_speed
import textbook
import torch
import windows
from bench_data import jpegs, noise
from measured import Row, Work, operations
from PIL import Image
from torch import Tensor

from facebias.analyses.pictures.detect import score_windows, scorer
from facebias.core.config import Config
from facebias.data.dataset import FaceDataset
from facebias.detectors.inference import as_input, latent_means, logits
from facebias.detectors.networks import DBVAE, build_model
from facebias.detectors.windows import Scan, boxes_of
from facebias.training.augmentation import augment
from facebias.training.epoch import initial, train_epoch
from facebias.training.resampling import sampling_probabilities

_ARMS = {"CNN": "cnn", "DB-VAE": "dbvae-0.01"}
_SETTINGS = ((32, "float32"), (64, "float32"), (64, "bfloat16"), (128, "bfloat16"))


def training_rows(*, tiny: bool, only: str = "") -> Iterator[Row]:
    """All rows whose name holds `only`."""
    rng = np.random.default_rng(0)
    for build in (_steps, _epochs, _passes, _explaining, _windows):
        yield from (row for row in build(rng, tiny) if only in row.name)


def _steps(rng: np.random.Generator, tiny: bool) -> Iterator[Row]:
    """A step on images that are there: augmentation is in the epoch."""
    for name, arm in _ARMS.items():
        theirs = textbook.stepper(textbook.Textbook(decodes=name == "DB-VAE"))
        images, labels = _batch(rng, textbook.BATCH)
        for batch, precision in _SETTINGS[:1] if tiny else _SETTINGS:
            ours = _stepper(Config.make(precision=precision, batch_size=batch).for_arm(arm, 0), *_batch(rng, batch))
            yield Row(
                f"{name} step",
                f"batch {batch}, {precision}",
                ours,
                "textbook, batch 32, float32",
                lambda step=theirs, images=images, labels=labels: step(images, labels),
                units=batch,
                scale=batch / textbook.BATCH,
                operations=operations(ours),
            )


def _batch(rng: np.random.Generator, size: int) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(rng.random((size, 3, 64, 64), np.float32))
    return images, torch.arange(size).lt(size / 2).float()


def _stepper(config: Config, images: Tensor, labels: Tensor) -> Work:
    model = build_model(config).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    images = images.contiguous(memory_format=torch.channels_last)

    def step() -> None:
        """As `train_epoch` does it."""
        with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"):
            parts = model.loss(images, labels, config, torch.Generator().manual_seed(0))
        optimizer.zero_grad(set_to_none=True)
        parts.total.backward()
        optimizer.step()

    return step


def _epochs(rng: np.random.Generator, tiny: bool) -> Iterator[Row]:
    count = 64 if tiny else 1024
    images = noise(rng, count, 64)
    files, labels = jpegs(images), np.arange(count) % 2
    train, held_out = _packed(images, labels), _packed(images[: count // 4], labels[: count // 4])
    for name, arm in _ARMS.items():
        config = Config.make(epochs=1000).for_arm(arm, 0)
        state = initial(config, train)
        model = textbook.Textbook(decodes=name == "DB-VAE")
        yield Row(
            f"{name} epoch",
            "packed, augmented, latents, validation",
            lambda config=config, state=state: train_epoch(config, state, train, held_out),
            "textbook, Pillow behind a DataLoader",
            lambda model=model: textbook.epoch(model, files, labels, images, held_out.images),
            units=count // 64 * 64,
            at_most=3,
        )
    yield _augmentation(images[:64])


def _augmentation(images: np.ndarray) -> Row:
    config, pixels = Config.make(), torch.from_numpy(images).permute(0, 3, 1, 2)
    dataset = textbook.Pictures(jpegs(images), np.zeros(len(images)), augmented=True)
    pictures = [Image.fromarray(image) for image in images]
    return Row(
        "augmentation",
        "a batch of 64 resampled at once",
        lambda: augment(as_input(pixels), config, torch.Generator().manual_seed(0)),
        "torchvision transforms on Pillow images",
        lambda: torch.stack([dataset.change(picture) for picture in pictures]),
        units=len(images),
        bytes=5.0 * images.size,  # bytes read, floats written
    )


def _packed(images: np.ndarray, labels: np.ndarray) -> FaceDataset:
    groups = np.array(["dark", "light"])[np.arange(len(labels)) // 2 % 2]
    table = pd.DataFrame({"gender": groups, "skin_tone": groups, "race": ""})
    return FaceDataset(images, labels.astype(np.uint8), table, {}, Path())


def _passes(rng: np.random.Generator, tiny: bool) -> Iterator[Row]:
    images = noise(rng, 64 if tiny else 1024, 64)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    network, plain = build_model(Config.make().for_arm("dbvae-0.01", 0)), textbook.Textbook(decodes=True)
    assert isinstance(network, DBVAE)  # of that arm
    work = {"latent pass": (latent_means, textbook.latents), "scoring": (logits, textbook.scores)}
    for name, (mine, theirs) in work.items():
        ours = lambda mine=mine: mine(network, pixels)  # noqa: E731
        other = lambda theirs=theirs: theirs(plain, images)  # noqa: E731
        yield Row(
            name,
            "normalisation folded in",
            ours,
            "textbook, batch 32",
            other,
            units=len(images),
            operations=operations(ours),
        )
    count, latents = (200, 5) if tiny else (110_000, 100)
    mu = rng.normal(size=(count, latents)).astype(np.float32)
    yield Row(
        "resampling probabilities",
        f"{count:,} faces, {latents} latents",
        lambda: sampling_probabilities(mu, 0.01),
        "lab's histogram and digitize",
        lambda: textbook.probabilities(mu),
        unit="faces",
        units=count,
        bytes=2.0 * mu.nbytes,  # a smallest and largest first, then the bins
    )


def _explaining(rng: np.random.Generator, tiny: bool) -> Iterator[Row]:
    networks = ("face",) if tiny else ("face", "resnet18", "efficientnet_b0", "vit_b_16")
    for name in networks:
        side, batch = (64, 2 if tiny else 16) if name == "face" else (224, 4)
        model, images = saliency_speed.build(name, side, batch)
        calls = {"forward and backward": saliency_speed.floor}
        if find_spec("pytorch_grad_cam"):
            calls["grad-cam"] = saliency_speed.peer
        for other, call in calls.items():
            yield Row(
                f"FullGrad, {name}",
                f"batch {batch}, checked",
                lambda model=model, images=images: saliency_speed.ours(model, images),
                other,
                lambda model=model, images=images, call=call: call(model, images),
                units=batch,
                operations=2
                * operations(lambda model=model, images=images: model(images)),  # and backward to the input
                at_most=99 if name == "face" else 3,
            )


def _windows(rng: np.random.Generator, tiny: bool) -> Iterator[Row]:
    side = (90, 80) if tiny else (448, 448)
    picture, model = Image.fromarray(rng.integers(0, 256, (*side[::-1], 3), np.uint8)), windows.network()
    places = Scan.parse("fine").places(*side)
    part = rng.permutation(len(places))[: windows.SHOWN]
    boxes, score = boxes_of(places, *side)[part], scorer(model)
    yield Row(
        "windows of a picture",
        f"{side[0]} x {side[1]}, in batches",
        lambda: score_windows(picture, places, [score]),
        "loop over crops",
        lambda: windows.loop(picture, boxes, model),
        unit="windows",
        units=len(places),
        scale=len(places) / len(part),
        operations=operations(lambda: score_windows(picture, places, [score])),
    )
