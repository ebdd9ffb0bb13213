"""HDF5 files that somebody else may have written: what they claim is held against what they hold."""

from __future__ import annotations

import math
from pathlib import Path

import h5py

from facebias.core.errors import FacebiasError

MAX_RATIO = 200  # claimed to stored bytes: a file can claim a billion rows and store none, and reading makes them all
_MEND = "Get the file from where it is published, or pack it again"


def dataset(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """A data set of an open file, safe to be read.

    Raises:
        FacebiasError: no such data set, a link to another file, one whose values lie in other files, or one that claims
            more than `MAX_RATIO` times the bytes that are stored of it.
    """
    if isinstance(file.get(name, getlink=True), h5py.ExternalLink):
        raise FacebiasError("HDF5", path, f"{name} is a link to another file", _MEND)
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise FacebiasError("SCHEMA", path, f"no data set {name}; found {', '.join(file) or 'none'}", _MEND)
    if found.external or found.is_virtual:
        raise FacebiasError("HDF5", path, f"values of {name} lie in other files", _MEND)
    claimed, stored = math.prod(found.shape or (0,)) * found.dtype.itemsize, found.id.get_storage_size()
    if claimed > MAX_RATIO * max(stored, 1):
        raise FacebiasError("HDF5", path, f"{name} claims {claimed:,} bytes and stores {stored:,}", _MEND)
    return found
