"""What an HDF5 file of a stranger claims is held against what it holds, before anything is made of it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from facebias.core.errors import FacebiasError
from facebias.data.hdf5 import dataset
from facebias.data.sources.lab_h5 import LabFile


def test_a_file_that_claims_a_billion_rows_and_stores_none_is_refused_at_once(tmp_path):
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("images", (10**9, 64, 64, 3), np.uint8, chunks=(64, 64, 64, 3), compression="gzip")
        file.create_dataset("labels", (10**9, 1), np.int64, chunks=(10**6, 1), compression="gzip")
    assert path.stat().st_size < 10_000
    with pytest.raises(FacebiasError, match=r"images claims 12,288,000,000,000 bytes and stores 0"):
        list(LabFile(path, 1))


def test_what_lies_in_other_files_is_not_read(tmp_path):
    secret, path = tmp_path / "secret.h5", tmp_path / "t.h5"
    with h5py.File(secret, "w") as file:
        file["images"] = np.zeros(3)
    (tmp_path / "raw").write_bytes(bytes(24))
    with h5py.File(path, "w") as file:
        file["link"] = h5py.ExternalLink(str(secret), "images")
        file.create_dataset("raw", (3,), "f8", external=[(str(tmp_path / "raw"), 0, 24)])
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "images", (3,))
        file.create_virtual_dataset("virtual", layout)
        file["good"], file["empty"] = np.arange(5), np.zeros(0)
    with h5py.File(path) as file:
        for name in ("link", "raw", "virtual"):
            with pytest.raises(FacebiasError, match=r"other file"):
                dataset(file, name, path)
        with pytest.raises(FacebiasError, match=r"no data set none; found empty, good"):
            dataset(file, "none", path)
        assert list(dataset(file, "good", path)) == [0, 1, 2, 3, 4] and len(dataset(file, "empty", path)) == 0
