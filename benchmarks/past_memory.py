"""What do two million rows take beside the network? `python benchmarks/past_memory.py FOLDER [ROWS ...]`.

Writes rows.csv (stage, rows, seconds, microseconds, megabytes), which docs/scale.md reads: a packed set is scored, its
images in memory and mapped, and the scores are audited. Each measurement has a process of its own that makes nothing of
what it reads, so that the most memory is that of the work. Seconds are of one processor core. First every page of each
image is looked at, in the network's place; then the CNN scores. No image is written: unwritten pages of a file read as
zeros, and are read, kept and given back as others are. So there is nothing to hash either.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from bench_audit import scored
from torch import Tensor

from facebias.audit import Audit
from facebias.audit.predictions import stacked
from facebias.audit.whole import TABLES
from facebias.core.csv import write_csv
from facebias.core.manifest import write_manifest
from facebias.core.parquet import write_parquet
from facebias.data import dataset, mapped
from facebias.data.dataset import FaceDataset
from facebias.data.pack.file import SCHEMA, Writer
from facebias.detectors.inference import logits
from facebias.detectors.networks import StandardCNN
from facebias.training import score
from facebias.training.predictions_file import read_table

SIZES = (200_000, 500_000, 2_000_000)
PAGE = 4096


def packed(folder: Path, rows: int) -> None:
    """A packed set whose images are zeros that take no room."""
    writer, table = Writer(folder / "set.h5", 64), scored(1, 1, rows // 2, rows // 4)
    writer.images.resize(rows, axis=0)
    writer.tables.append(table[["image_id", "label", "skin_tone", "ita", "race", "gender", "age"]])
    writer.finish({"schema": SCHEMA, "framing": "none", "split": "test"})
    write_manifest(folder / "set.h5", SCHEMA, rows, "zeros", bytes=(folder / "set.h5").stat().st_size)


def table(folder: Path, rows: int) -> None:
    """The scores of such a set, as a detector's table of half faces and a quarter of either kind of non-faces."""
    columns = ["run_id", "model", "seed", "ita"]
    scored(1, 1, rows // 2, rows // 4).drop(columns=columns).to_parquet(folder / "scores.parquet", index=False)


def looked_at(_: None, images: Tensor) -> Tensor:
    """In place of a network's logits (n,): a byte of every page of each image, added up."""
    return images.permute(0, 2, 3, 1).reshape(len(images), -1)[:, ::PAGE].sum(1).float()


def scoring(share: float, by: Callable[..., Tensor] = looked_at) -> Callable[[Path], None]:
    """Score the set, of which `share` of the memory may hold images, and write its predictions."""

    def work(folder: Path) -> None:
        """As `facebias score` does a set."""
        torch.set_num_threads(1)
        mapped._SHARE, score.logits = share, by
        model = StandardCNN().eval() if by is logits else None
        data = FaceDataset.load(folder / "set.h5", coded=True)
        scores = score.scores_of(model, data)
        rows = score.prediction_rows(data, "made", scores, run_id="cnn-s0", model="cnn", seed=0)
        write_parquet(stacked([rows]), folder / "predictions.parquet")

    return work


def audit(folder: Path) -> None:
    """Every table of an audit, and the verdict."""
    found = Audit(read_table(folder / "scores.parquet", "cnn"), fixed=True)
    for name in ("report", *TABLES, "verdict", "recall_by_rate"):
        getattr(found, name)


def unwritten(stored: Any, pixels: Path) -> None:
    """In place of the copy of a set's images: as many zeros, of which none takes room."""
    with pixels.open("wb") as file:
        file.truncate(stored.nbytes)


STAGES = {
    "scored, images in memory": (packed, scoring(1), SIZES[:2]),
    "scored, images mapped": (packed, scoring(0), SIZES),
    "scored by the CNN, images in memory": (packed, scoring(1, logits), SIZES[:1]),
    "scored by the CNN, images mapped": (packed, scoring(0, logits), SIZES),
    "audited": (table, audit, SIZES),
}


def measure(work: Callable[[Path], None], folder: Path, queue: multiprocessing.Queue) -> None:
    """Seconds of this process, and the most memory that it took."""
    begun = time.process_time()
    work(folder)
    queue.put((time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def in_child(work: Callable[..., None], *args: Any) -> None:
    """Call it in a process of its own; what it fails with ends this one."""
    child = multiprocessing.get_context("fork").Process(target=work, args=args)
    child.start()
    child.join()
    if child.exitcode:
        raise SystemExit(f"{work.__name__} failed")


def main(folder: Path, sizes: tuple[int, ...] = SIZES) -> None:
    """Measure every stage, and write the table after each measurement."""
    mapped._write, mapped.write_manifest, found = unwritten, lambda *_: None, []
    dataset.dataset = lambda file, name, path: file[name]  # what claims more than it stores is refused elsewhere
    for stage, (prepare, work, every) in STAGES.items():
        for rows in sizes[: len(every)]:
            with tempfile.TemporaryDirectory() as place:
                queue = multiprocessing.get_context("fork").Queue()
                in_child(prepare, Path(place), rows)
                in_child(measure, work, Path(place), queue)
                seconds, megabytes = queue.get()
            found.append((stage, rows, round(seconds, 2), round(1e6 * seconds / rows, 2), megabytes))
            print(*found[-1], flush=True)
            columns = ["stage", "rows", "seconds", "microseconds", "megabytes"]
            write_csv(pd.DataFrame(found, columns=columns), folder / "rows.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(map(int, sys.argv[2:])) or SIZES)
