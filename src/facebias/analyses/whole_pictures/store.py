"""What a detector found in each picture, kept by the picture's content: nothing is asked twice.

A folder a detector (its name, version, weights and settings), and in it one a change of the pictures. Answers come in
parts, each a file that is whole or absent, so that whatever ends the work loses no more than what was being asked. At
the end the parts become one file, row group by row group: however many pictures there are, few are in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from facebias.core.files import atomic_write, sweep_stale
from facebias.detectors.pictures import Detections

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("boxes", pa.list_(pa.float32())),
        ("scores", pa.list_(pa.float64())),
        ("seconds", pa.float32()),
        ("error", pa.string()),
    ]
)
_ROWS = 1024  # of a row group


@dataclass(frozen=True)
class Answer:
    """What was found in one picture.

    Attributes:
        key: the picture's SHA-256, with the face's box where a change of the picture depends on it.
        width, height: of the picture that was searched, pixels.
        found: boxes in its pixels, and scores.
        seconds: that the detector took.
        error: why it has no answer; "" where it has.
    """

    key: str
    width: int
    height: int
    found: Detections
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class Store:
    """The answers of one detector to pictures under one change.

    Attributes:
        folder: of the file and its parts.
    """

    folder: Path

    @property
    def _whole(self) -> Path:
        return self.folder / "detections.parquet"

    @property
    def _files(self) -> list[Path]:
        whole = [self._whole] if self._whole.exists() else []
        return whole + sorted(self.folder.glob("part-*.parquet"))

    def known(self) -> set[str]:
        """Keys of the pictures that were asked."""
        return {key for file in self._files for key in pq.read_table(file, columns=["key"])["key"].to_pylist()}

    def add(self, answers: Sequence[Answer]) -> None:
        """Keep some answers, whole or not at all."""
        columns = {
            name: [getattr(one, name) for one in answers] for name in ("key", "width", "height", "seconds", "error")
        }
        columns["boxes"] = [one.found.boxes.astype(np.float32).ravel() for one in answers]
        columns["scores"] = [one.found.scores for one in answers]
        table = pa.Table.from_pydict({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)
        number = 1 + max((int(file.stem.rpartition("-")[2]) for file in self.folder.glob("part-*.parquet")), default=0)
        with atomic_write(self.folder / f"part-{number:08d}.parquet") as temporary:
            pq.write_table(table, temporary)

    def close(self) -> None:
        """Make one file of the parts. A part that was in it already, since a kill came between, adds nothing."""
        parts = [file for file in self._files if file != self._whole]
        sweep_stale(self.folder)
        if not parts:
            return
        with atomic_write(self._whole) as temporary, pq.ParquetWriter(temporary, SCHEMA) as writer:
            seen: set[str] = set()
            for batch in self._batches():
                fresh = [row for row, key in enumerate(batch["key"].to_pylist()) if key not in seen]
                seen.update(batch["key"].to_pylist())
                if fresh:
                    writer.write_table(batch.take(fresh))
        for file in parts:
            os.unlink(file)

    def _batches(self) -> Iterator[pa.Table]:
        waiting: list[pa.RecordBatch] = []
        for file in self._files:
            for batch in pq.ParquetFile(file).iter_batches(_ROWS):
                waiting.append(batch)
                if sum(map(len, waiting)) >= _ROWS:
                    yield pa.Table.from_batches(waiting, SCHEMA)
                    waiting = []
        if waiting:
            yield pa.Table.from_batches(waiting, SCHEMA)

    def answers(self, wanted: set[str]) -> Iterator[Answer]:
        """The answers to some pictures, each once, a row group in memory at a time."""
        left = set(wanted)
        for batch in self._batches():
            for row in batch.to_pylist() if left else ():
                if row["key"] in left:
                    left.remove(row["key"])
                    boxes = np.array(row["boxes"], dtype=float).reshape(-1, 4)
                    found = Detections(boxes, np.array(row["scores"], dtype=float))
                    yield Answer(row["key"], row["width"], row["height"], found, row["seconds"], row["error"])
