"""The file of MIT's course 6.S191, lab 2: `train_face.h5`, CelebA faces and ImageNet non-faces at 64 x 64.

    images  uint8 (N, 64, 64, 3) in BGR
    labels  (N, 1), 1 face, 0 non-face

No identities come with it, so each image is its own and the same person may be in two splits; nor does it say
how its faces were framed, so it is not called tight and a comparison with the audit sets warns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from facebias.core.errors import FacebiasError
from facebias.core.formats import found_format
from facebias.data.hdf5 import dataset
from facebias.data.sources.base import Block

_ROWS = 512


class LabFile:
    """Blocks of one label, in RGB; the file is read in pieces, never whole.

    Args:
        path: `train_face.h5`.
        label: 1 for faces, 0 for non-faces.

    Raises:
        FacebiasError: while iterating: missing, no HDF5 (the format found is named), cut off, or datasets of
            another name, shape or type (expected and found are named), or a label that is neither 0 nor 1.
    """

    name = "lab"
    framing = "as published by the lab"
    rule = "as published, unknown"

    def __init__(self, path: str | Path, label: int) -> None:
        self.path, self.label = Path(path), label
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Block]:
        with _opened(self.path) as file:
            images, labels = _checked(file, self.path)
            for start in range(0, len(labels), _ROWS):
                mine = np.flatnonzero(labels[start : start + _ROWS] == self.label)
                if len(mine):
                    try:
                        bgr = images[start : start + _ROWS][mine]
                    except OSError as error:
                        raise FacebiasError(
                            "HDF5",
                            f"{self.path}:{start}",
                            f"cannot be read ({error})",
                            "Download it again: facebias data fetch lab",
                        ) from error
                    yield self._block(np.ascontiguousarray(bgr[..., ::-1]), mine + start)

    def _block(self, images: np.ndarray, rows: np.ndarray) -> Block:
        ids = [f"{self.path.name}:{row}" for row in rows]
        table = pd.DataFrame(
            {
                "image_id": ids,
                "label": self.label,
                "identity": ids,
                "where": [f"{self.path}:{row}" for row in rows],
                "race": "",
                "gender": "",
                "age": "",
            }
        )
        return Block(images, table)


def _opened(path: Path) -> h5py.File:
    if not path.exists():
        raise FacebiasError("MISSING", path, "no such file", "Run: facebias data fetch lab")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        with path.open("rb") as file:
            found = found_format(file.read(4096))
        raise FacebiasError(
            "HDF5", path, f"found {found}, cannot be opened ({error})", "Download it again: facebias data fetch lab"
        ) from error


def _checked(file: h5py.File, path: Path) -> tuple[h5py.Dataset, np.ndarray]:
    images, labels = (dataset(file, name, path) for name in ("images", "labels"))
    if images.ndim != 4 or images.shape[1:] != (64, 64, 3) or images.dtype != np.uint8:
        raise FacebiasError(
            "SCHEMA",
            path,
            f"images are {images.dtype} {images.shape}, expected uint8 (N, 64, 64, 3)",
            "Use the lab's train_face.h5",
        )
    if labels.shape not in ((len(images), 1), (len(images),)):
        raise FacebiasError(
            "SCHEMA", path, f"labels are {labels.shape}, expected ({len(images)}, 1)", "Use the lab's train_face.h5"
        )
    values = labels[:].reshape(-1)
    if len(wrong := np.flatnonzero(~np.isin(values, (0, 1)))):
        raise FacebiasError(
            "LABEL", f"{path}:{wrong[0]}", f"label {values[wrong[0]]}, expected 0 or 1", "Use the lab's train_face.h5"
        )
    return images, values
