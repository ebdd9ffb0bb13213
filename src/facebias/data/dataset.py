"""`FaceDataset`: a packed file, images as one array and demographics as a table beside them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import h5py
import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from facebias.core.errors import FacebiasError
from facebias.core.formats import found_format
from facebias.core.limits import STRINGS
from facebias.core.manifest import manifest_path, verify
from facebias.core.records import read_record
from facebias.data.hdf5 import dataset
from facebias.data.mapped import images_of, release
from facebias.data.pack.file import SCHEMA
from facebias.data.sources.base import FACTOR_PREFIX

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class FaceDataset:
    """One packed split. Demographics never ride in a training batch: they stay in `table`.

    Attributes:
        images: uint8 (N, size, size, 3) RGB; mapped from the disk where they would fill the memory.
        labels: uint8 (N,), 1 face, 0 non-face.
        table: N rows, columns `sources.base.TABLE_COLUMNS` and factors of rendered images.
        attrs: source, framing, framing_rules, image_size, synthetic, split, schema.
        path: the file it was read from.
    """

    images: np.ndarray
    labels: np.ndarray
    table: pd.DataFrame
    attrs: Mapping[str, Any]
    path: Path

    @classmethod
    def load(cls, path: str | Path, *, pixels: bool = True, coded: bool = False, factors: bool = True) -> Self:
        """Read a packed file whole, after its SHA-256, schema and complete mark are checked.

        Args:
            path: of the file.
            pixels: whether its images are wanted; of none `images` is empty.
            coded: whether text of the table but the images' names is to be categories, a byte a row.
            factors: whether the factors of rendered images are wanted, some hundred columns.

        Raises:
            FacebiasError: missing, truncated ("has X bytes, needs Y"), changed, of another schema, unfinished, or
                no HDF5 at all (the format found is named).
        """
        path = Path(path)
        _refuse_damaged(path)
        verify(path, SCHEMA)
        with h5py.File(path, "r") as file:
            _refuse_unfinished(file, path)
            stored, labels = dataset(file, "images", path), dataset(file, "labels", path)[:]
            images = images_of(stored, path) if pixels else stored[:0]
            columns = json.loads(file.attrs["columns"])
            cells = {
                name: labels
                if name == "label"
                else _column(dataset(file, f"table/{name}", path), coded and name != "image_id")
                for name in columns
                if factors or not name.startswith(FACTOR_PREFIX)
            }
            attrs = {
                name: value.item() if isinstance(value, np.generic) else value
                for name, value in file.attrs.items()
                if name not in ("columns", "complete")
            }
        table = pd.DataFrame(cells, copy=not coded)  # joined, unless memory counts: some sets have a hundred factors
        return cls(images, labels, table, attrs, path)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def faces(self) -> np.ndarray:
        """Indices of the faces, int64."""
        return np.flatnonzero(self.labels == 1)

    @property
    def negatives(self) -> np.ndarray:
        """Indices of the non-faces, int64."""
        return np.flatnonzero(self.labels == 0)

    def release(self) -> None:
        """Give back the memory of mapped images that were read; what is asked for again is paged in as it is stored."""
        if isinstance(self.images, np.memmap):
            release(self.images)

    def tensor(self) -> torch.Tensor:
        """uint8 (N, 3, size, size) over the same memory, in channels_last layout."""
        import torch  # here alone: audit and plots read data sets without it

        return torch.from_numpy(self.images).permute(0, 3, 1, 2)


def _refuse_damaged(path: Path) -> None:
    if not path.exists():
        raise FacebiasError("MISSING", path, "no such file", "Run: facebias data pack")
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.startswith(b"\x89HDF"):
        raise FacebiasError("HDF5", path, f"found {found_format(head)}, expected HDF5", "Delete it and pack again")
    if not manifest_path(path).exists():
        raise FacebiasError("UNFINISHED", path, "its manifest is missing", "Delete it and run: facebias data pack")
    needed, have = read_record(manifest_path(path)).get("bytes"), path.stat().st_size
    if isinstance(needed, int) and have < needed:
        raise FacebiasError("TRUNCATED", path, f"has {have:,} bytes, needs {needed:,}", "Delete it and pack again")


def _refuse_unfinished(file: h5py.File, path: Path) -> None:
    if not file.attrs.get("complete", False):
        raise FacebiasError("UNFINISHED", path, "no complete mark: packing was cut off", "Delete it and pack again")
    if (found := file.attrs.get("schema")) != SCHEMA:
        raise FacebiasError("SCHEMA", path, f"expected {SCHEMA}, found {found}", "Delete it and pack again")


def _column(data: h5py.Dataset, coded: bool) -> Any:
    if not h5py.check_string_dtype(data.dtype):
        return data[:]
    kind = "category" if coded else "str"
    starts = range(0, max(1, len(data)), STRINGS)
    parts = [pd.Series(data.asstr()[start : start + STRINGS], dtype="str").astype(kind) for start in starts]
    return union_categoricals(parts, sort_categories=True) if coded else pd.concat(parts).array


def warn_on_framing(a: FaceDataset, b: FaceDataset) -> bool:
    """Warn (and return True) where two sets cut their faces differently: recall between them then means little."""
    if a.attrs.get("framing") == b.attrs.get("framing"):
        return False
    one, other = (
        f"{s.path.name} is {s.attrs.get('framing', 'unknown')!r} ({s.attrs.get('framing_rules', '')})" for s in (a, b)
    )
    warnings.warn(f"framing differs: {one}, {other}; recall across them measures the crop, not the face", stacklevel=2)
    return True
