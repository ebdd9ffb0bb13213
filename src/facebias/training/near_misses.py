"""Near-misses: squares of training pictures that a first network takes for faces, as negatives of the training split.

Validation and test get none: a threshold fixed on what one network finds hard would be unfair to the others. There the
hard negatives are those that `facebias.data.sources.hard_negatives` makes by rule, the same for every network.

The first network is the standard CNN of seed 0, trained shortly with default settings on the data's own training split.
So near-misses follow from the data's settings, and every arm and seed of a study has the same. Some squares hold a real
face that the pictures' makers overlooked. They would be taught as non-faces, so a second, unrelated detector looks too
(the LBP cascade), and what it finds is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from facebias.core.config import Config
from facebias.core.files import atomic_write
from facebias.core.manifest import manifest_path, recorded_sha256, verify, write_manifest
from facebias.core.progress import say
from facebias.core.words import IMAGE_SIZE
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_training
from facebias.data.pack.file import SCHEMA, Writer
from facebias.data.pack.workers import batches, in_order
from facebias.data.remote import raw_folder
from facebias.data.sources.base import FACTOR_PREFIX, Sample
from facebias.data.sources.hard_negatives import KINDS
from facebias.data.sources.negatives import Folder
from facebias.detectors.adapters.cascade import lbp_cascade
from facebias.detectors.inference import logits
from facebias.detectors.networks import DBVAE, StandardCNN
from facebias.training.epoch import short_training
from facebias.training.threads import threads

CANDIDATES = 24  # squares of each training picture
MOST = 2  # near-misses of one picture
EPOCHS = 2  # of the first network: it knows faces, and not yet every picture by heart
BATCH = 64
_KEPT = 3  # candidates kept while scoring, times as many as are wanted: the cascade takes some away
_TOGETHER = 4096  # candidates decoded and scored at a time


def training_split(config: Config, path: Path) -> FaceDataset:
    """The training split packed at `path`, and below it the near-misses where the settings ask for them."""
    train, found = FaceDataset.load(path, factors=False), near_misses(config)
    if found is None:
        return train
    mined = FaceDataset.load(found, factors=False)
    table = pd.concat([train.table, mined.table], ignore_index=True)
    images, labels = np.concatenate([train.images, mined.images]), np.concatenate([train.labels, mined.labels])
    return replace(train, images=images, labels=labels, table=table)


def training_bytes(config: Config, path: Path) -> str:
    """SHA-256 of the files behind `training_split`: of the packed split and, after a plus, of the near-misses."""
    files = [file for file in (path, near_misses(config)) if file is not None]
    return "+".join(recorded_sha256(file) for file in files)


def near_misses(config: Config) -> Path | None:
    """The packed near-misses, mined now or found finished, as many as of another hard kind.

    None where `hard_share` asks for no hard negatives, or non-faces are no photographs.

    Raises:
        FacebiasError: data cannot be packed, or the pictures are not there.
    """
    if not config.hard_share or config.negatives != "folder":
        return None
    path = config.path("data") / f"{config.data_key}-near-misses.h5"
    if path.exists() and manifest_path(path).exists():
        verify(path, SCHEMA)
        return path
    files = pack_training(config)
    train, validation = (FaceDataset.load(files[split]) for split in ("train", "validation"))
    wanted = round((train.table[f"{FACTOR_PREFIX}kind"].isin(KINDS)).sum() / len(KINDS))
    first = _first(config)
    with threads(1):  # whatever the study's threads: the same near-misses
        model = short_training(first, train, validation).model
        images, table = _hardest(model, config, set(train.table["identity"]), wanted)
    with atomic_write(path) as temporary:
        writer = Writer(temporary, IMAGE_SIZE)
        writer.append(images, table)
        writer.finish({**train.attrs, "source": "near-misses", "split": "train"})
    counts = {"near-misses": len(table), "pictures": table["identity"].nunique()}
    write_manifest(path, SCHEMA, len(table), config.data_key, bytes=path.stat().st_size, split="train", counts=counts)
    return path


def _first(config: Config) -> Config:
    """The first network's settings: those of the data, `EPOCHS` of all faces, `BATCH`, and the defaults of training."""
    data = {**config.as_dict("data", "runtime"), "threads": 1}
    return Config.make(**data).for_arm("cnn", 0).with_(epochs=EPOCHS, epoch_faces=0, batch_size=BATCH)


def _hardest(
    model: StandardCNN | DBVAE, config: Config, pictures: set[str], wanted: int
) -> tuple[np.ndarray, pd.DataFrame]:
    """The `wanted` squares of these pictures with the highest scores, `MOST` of a picture, highest first."""
    images = np.empty((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    tables: list[pd.DataFrame] = []
    for decoded in in_order(batches(_candidates(config, pictures), _TOGETHER), IMAGE_SIZE, config.workers):
        block = decoded.block
        score = logits(model, torch.from_numpy(block.images).permute(0, 3, 1, 2)).numpy()
        table = pd.concat([*tables, block.table.assign(score=score)], ignore_index=True)
        table = table.sort_values("score", ascending=False, kind="stable")
        table = table[table.groupby("identity").cumcount() < MOST].head(_KEPT * wanted)
        images = np.concatenate([images, block.images])[table.index]
        tables = [table.reset_index(drop=True)]
    (table,) = tables
    keep = list(_no_faces(images, wanted))
    lowest = table["score"][keep].min()
    say(f"{len(keep):,} near-misses of {len(pictures):,} training pictures, lowest logit {lowest:.1f}")
    kinds = table.iloc[keep].drop(columns="score").assign(**{f"{FACTOR_PREFIX}kind": "near_miss"})
    return images[keep], kinds.reset_index(drop=True)


def _candidates(config: Config, pictures: set[str]) -> Iterator[Sample]:
    source = Folder(raw_folder(config, "nonfaces"), CANDIDATES, config.data_seed + 1)  # not the packed squares
    root = f"{config.path('data_root')}/"
    for sample in source:
        if sample.identity in pictures:
            where = sample.where.removeprefix(root)
            yield replace(sample, image_id=f"near_miss/{sample.image_id}", where=where)


def _no_faces(images: np.ndarray, wanted: int) -> Iterator[int]:
    """The first `wanted` of these images in which the cascade finds no face."""
    place = np.arange(len(images))
    step = max(wanted, 1)
    for start in range(0, len(place), step):
        some = place[start : start + step]
        clear = some[lbp_cascade(images[some]) < 0][:wanted]
        yield from clear.tolist()
        wanted -= len(clear)
        if not wanted:
            return
