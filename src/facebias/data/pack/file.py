"""The packed file: one HDF5 a split, written in chunks and complete only with its mark.

images      uint8 (n, size, size, 3) RGB, fletcher32
labels      uint8 (n,), 1 face, 0 non-face
table/NAME  one dataset a column of the demographic table, UTF-8 text or float64
attributes  schema, source, framing, framing_rules, image_size, synthetic, split, complete
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from facebias.core.errors import FacebiasError
from facebias.data.sources.base import TABLE_COLUMNS

SCHEMA = "facebias.images/1"
_ROWS = 64  # images a chunk: 768 KiB at 64 x 64
_ROOM = 32 << 20  # bytes that stay free for tables and HDF5's own
_TEXT = h5py.string_dtype("utf-8")
_NUMBERS = ("ita", "l_star", "hue")


class Writer:
    """Appends blocks to an HDF5 file under a temporary name; `finish` sets the mark without which it is refused.

    Args:
        path: a file to overwrite, as `storage.atomic_write` yields it.
        size: side of the images in pixels.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._folder = path.parent
        self.file = h5py.File(path, "w", libver="v110", track_order=False)
        self.images = self.file.create_dataset(
            "images",
            (0, size, size, 3),
            np.uint8,
            maxshape=(None, size, size, 3),
            chunks=(_ROWS, size, size, 3),
            fletcher32=True,
        )
        self.tables: list[pd.DataFrame] = []
        self.rows = 0
        # Images wait here until a chunk is full: rewriting a part of a chunk would cost its checksum each time
        self._waiting: list[np.ndarray] = []

    def append(self, images: np.ndarray, table: pd.DataFrame) -> None:
        """Add n images (n, size, size, 3) uint8 and n rows."""
        if len(images) != len(table):
            raise FacebiasError("IMAGES", "pack", f"{len(images)} images but {len(table)} rows", "Report this fault")
        self.tables.append(table)
        self.rows += len(images)
        self._waiting.append(images)
        if sum(map(len, self._waiting)) >= _ROWS:
            self._flush(partial=False)

    def _flush(self, partial: bool) -> None:
        images = np.concatenate(self._waiting) if self._waiting else np.empty((0, *self.images.shape[1:]), np.uint8)
        take = len(images) if partial else len(images) // _ROWS * _ROWS
        self._refuse_full_disk(images[:take].nbytes)
        start = len(self.images)
        self.images.resize(start + take, axis=0)
        self.images[start:] = images[:take]
        self._waiting = [images[take:]]

    def _refuse_full_disk(self, needed: int) -> None:
        """Raise before HDF5 meets the full disk: it would fail again when it is closed, and end the process."""
        free = shutil.disk_usage(self._folder).free
        if needed + _ROOM > free:
            what = f"{needed + _ROOM:,} bytes needed for what comes next, {free:,} free"
            raise FacebiasError("DISK", self._folder, what, "Free space or choose another data_dir")

    def finish(self, attrs: Mapping[str, Any]) -> pd.DataFrame:
        """Write the table, the attributes and, last, the mark; return the table."""
        self._flush(partial=True)
        table = _whole(pd.concat(self.tables, ignore_index=True) if self.tables else pd.DataFrame())
        self.file.create_dataset("labels", data=table["label"].to_numpy(np.uint8), fletcher32=True)
        group = self.file.create_group("table")
        for name in table.columns.drop("label"):
            if pd.api.types.is_numeric_dtype(table[name]):
                group.create_dataset(name, data=table[name].to_numpy(np.float64))
            else:
                group.create_dataset(name, data=table[name].to_numpy(object), dtype=_TEXT)
        self.file.attrs["columns"] = json.dumps(list(table.columns))
        for name, value in attrs.items():
            self.file.attrs[name] = value
        self.file.flush()
        self.file.attrs["complete"] = True
        self.file.close()
        return table

    def close(self) -> None:
        """Close without the mark, after a fault."""
        if self.file:
            self.file.close()


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of the contract in their order, then all others; text where text is due, "" for what is missing."""
    further = [name for name in table.columns if name not in TABLE_COLUMNS]
    table = table.reindex(columns=[*TABLE_COLUMNS, *further])
    for name in table.columns:
        if name in _NUMBERS:
            table[name] = table[name].astype(np.float64)
        elif name == "label":
            table[name] = table[name].fillna(0).astype(np.uint8)
        elif name in TABLE_COLUMNS or not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = table[name].astype(object).where(table[name].notna(), "").astype("str")
        else:
            table[name] = table[name].astype(np.float64)
    return table
