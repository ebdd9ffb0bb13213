"""What each stage costs an image, and how that grows with the images: `python benchmarks/scale.py FOLDER`.

Writes costs.csv (stage, rows, seconds, megabytes) and growth.csv (stage, least, most, exponent). Seconds are of one
processor core, not of the clock, so that other work on the machine counts little. Megabytes are the most that the
process held. Each measurement has a process of its own. Images are noise: their cost is that of faces.
docs/scale.md reads both.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from facebias.core.config import Config
from facebias.core.csv import write_csv
from facebias.core.manifest import write_manifest
from facebias.data import mapped
from facebias.data.dataset import FaceDataset
from facebias.data.pack.file import SCHEMA, Writer
from facebias.detectors.inference import logits
from facebias.training.epoch import initial, train_epoch
from facebias.training.resampling import draw_rows, sampling_probabilities

CONFIG = Config.make()
LATENTS = 100


def packed(folder: Path, rows: int) -> Path:
    """A packed file of noise, half of it faces."""
    path, rng, step = folder / f"{rows}.h5", np.random.default_rng(0), 2000
    writer = Writer(path, 64)
    for start in range(0, rows, step):
        n = min(step, rows - start)
        names = [f"image-{row}" for row in range(start, start + n)]
        table = pd.DataFrame({"image_id": names, "identity": names, "label": np.arange(n) % 2, "gender": "Female"})
        writer.append(rng.integers(0, 256, (n, 64, 64, 3), np.uint8), table)
    writer.finish({"schema": SCHEMA, "framing": "none", "split": "train"})
    write_manifest(path, SCHEMA, rows, "noise", bytes=path.stat().st_size)
    return path


def training(arm: str) -> Callable[[Path, int], Callable[[], object]]:
    """One epoch of an arm, latent pass and resampling included, over as many draws as there are faces."""

    def prepare(folder: Path, rows: int) -> Callable[[], object]:
        """Data and weights."""
        config = CONFIG.for_arm(arm, 0)
        train, few = FaceDataset.load(packed(folder, rows)), FaceDataset.load(packed(folder, 100))
        state = initial(config, train)
        return lambda: train_epoch(config, state, train, few)

    return prepare


def scoring(share: float) -> Callable[[Path, int], Callable[[], object]]:
    """Logits of a packed file; `share` of the memory may be taken by its images, and 0 maps them."""

    def prepare(folder: Path, rows: int) -> Callable[[], object]:
        """The file; a mapped one is mapped beforehand, as it stays for the next run."""
        mapped._SHARE = share
        path, model = (
            packed(folder, rows),
            initial(CONFIG.for_arm("cnn", 0), FaceDataset.load(packed(folder, 100))).model,
        )
        if not share:
            FaceDataset.load(path)
        return lambda: logits(model, FaceDataset.load(path).tensor())

    return prepare


def densities(folder: Path, rows: int) -> Callable[[], object]:
    """From latent means to probabilities, rule max."""
    mu = np.random.default_rng(0).normal(size=(rows, LATENTS)).astype(np.float32)
    return lambda: sampling_probabilities(mu, 0.01)


def drawing(folder: Path, rows: int) -> Callable[[], object]:
    """An epoch's faces."""
    weight = np.random.default_rng(0).random(rows)
    probability = weight / weight.sum()
    return lambda: draw_rows(probability, rows, np.random.default_rng(0))


STAGES = {
    "epoch, CNN": (training("cnn"), (2000, 4000)),
    "epoch, DB-VAE": (training("dbvae-0.01"), (2000, 4000)),
    "scores, in memory": (scoring(0.25), (4000, 16_000)),
    "scores, mapped": (scoring(0), (4000, 16_000)),
    "probabilities": (densities, (10_000, 100_000, 1_000_000)),
    "draws": (drawing, (10_000, 100_000, 2_000_000)),
}


def growth(costs: pd.DataFrame) -> pd.DataFrame:
    """The exponent of rows in the seconds of each stage, between its fewest and its most rows: 1 is in proportion."""
    found = []
    for stage, part in costs.groupby("stage", sort=False):
        few, many = part.iloc[0], part.iloc[-1]
        exponent = np.log(many["seconds"] / few["seconds"]) / np.log(many["rows"] / few["rows"])
        found.append((stage, few["rows"], many["rows"], round(exponent, 3)))
    return pd.DataFrame(found, columns=["stage", "least", "most", "exponent"])


def measure(stage: str, rows: int, queue: multiprocessing.Queue) -> None:
    """Seconds of this process for a stage, and the most memory that it took."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        work = STAGES[stage][0](Path(folder), rows)
        begun = time.process_time()
        work()
        seconds = time.process_time() - begun
    queue.put((stage, rows, round(seconds, 3), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def main(folder: Path) -> None:
    """Measure every stage, and write the table after each measurement."""
    context, found = multiprocessing.get_context("fork"), []  # what is imported already is not imported again
    for stage, (_, sizes) in STAGES.items():
        for rows in sizes:
            queue = context.Queue()
            child = context.Process(target=measure, args=(stage, rows, queue))
            child.start()
            found.append(queue.get())
            child.join()
            print(*found[-1], flush=True)
            costs = pd.DataFrame(found, columns=["stage", "rows", "seconds", "megabytes"])
            write_csv(costs, folder / "costs.csv")
    write_csv(growth(costs), folder / "growth.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
