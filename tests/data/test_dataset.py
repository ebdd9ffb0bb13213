from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from facebias.core.errors import FacebiasError
from facebias.core.files import read_json
from facebias.core.manifest import manifest_path, write_manifest
from facebias.core.records import write_record
from facebias.data.dataset import FaceDataset, warn_on_framing
from facebias.data.pack.file import SCHEMA, Writer
from facebias.data.sources.base import TABLE_COLUMNS
from made import write


def rows(start: int, count: int) -> pd.DataFrame:
    ids = [f"{i:06d}" for i in range(start, start + count)]
    return pd.DataFrame(
        {
            "image_id": ids,
            "label": [i % 2 for i in range(start, start + count)],
            "identity": ids,
            "where": [f"NA.csv:{i}" for i in ids],
            "race": "ñandú",
            "gender": "",
            "age": "20-29",
            "ita": np.linspace(-30, 60, count),
            "factor_pose": 0.5,
        }
    )


def images(start: int, count: int) -> np.ndarray:
    return np.random.default_rng(start).integers(0, 256, (count, 64, 64, 3), np.uint8)


def packed(path: Path, blocks=((0, 100), (100, 3), (103, 70)), framing: str = "tight", finish: bool = True) -> Path:
    writer = Writer(path, 64)
    for block in blocks:
        writer.append(images(*block), rows(*block))
    if finish:
        writer.finish({"schema": SCHEMA, "framing": framing, "image_size": 64, "synthetic": False, "split": "train"})
    else:
        writer.close()
    write_manifest(path, SCHEMA, writer.rows, "k", bytes=path.stat().st_size)
    return path


def refused(path: Path, code: str) -> str:
    with pytest.raises(FacebiasError) as caught:
        FaceDataset.load(path)
    assert caught.value.code == code, caught.value
    return str(caught.value)


def test_what_is_written_is_read(tmp_path):
    dataset = FaceDataset.load(packed(tmp_path / "a.h5"))
    assert np.array_equal(dataset.images, np.concatenate([images(0, 100), images(100, 3), images(103, 70)]))
    assert len(dataset) == 173 and dataset.labels.dtype == np.uint8
    assert dataset.labels.tolist() == [i % 2 for i in range(173)]
    assert list(FaceDataset.load(dataset.path, factors=False).table) == list(TABLE_COLUMNS)
    assert list(dataset.table) == [*TABLE_COLUMNS, "factor_pose"] and dataset.table["image_id"][7] == "000007"
    assert dataset.table["race"][0] == "ñandú" and dataset.table["skin_tone"][0] == ""
    assert np.isnan(dataset.table["hue"][0])
    assert dataset.attrs == {
        "schema": SCHEMA,
        "framing": "tight",
        "image_size": 64,
        "synthetic": False,
        "split": "train",
    }


def test_faces_and_negatives_are_indices(tmp_path):
    dataset = FaceDataset.load(packed(tmp_path / "a.h5"))
    assert dataset.faces.tolist() == list(range(1, 173, 2)) and dataset.negatives.tolist() == list(range(0, 173, 2))


def test_tensor_is_a_channels_last_view(tmp_path):
    import torch

    dataset = FaceDataset.load(packed(tmp_path / "a.h5"))
    tensor = dataset.tensor()
    assert tensor.shape == (173, 3, 64, 64) and tensor.dtype == torch.uint8
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert tensor.data_ptr() == dataset.images.ctypes.data and tensor[5, 2, 10, 20] == dataset.images[5, 10, 20, 2]


def test_reading_needs_no_torch(tmp_path):
    import subprocess
    import sys

    load = f"from facebias.data.dataset import FaceDataset; FaceDataset.load({str(packed(tmp_path / 'a.h5'))!r})"
    code = f"import sys; {load}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_truncated_says_how_much_is_there_and_needed(tmp_path):
    path = packed(tmp_path / "a.h5")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:5000])
    assert f"has 5,000 bytes, needs {size:,}" in refused(path, "TRUNCATED")


def test_a_flipped_bit_is_found(tmp_path):
    path = packed(tmp_path / "a.h5")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    refused(path, "HASH")


def test_a_flipped_bit_in_the_images_is_found_by_hdf5_alone(tmp_path):
    path = packed(tmp_path / "a.h5")
    with h5py.File(path) as file:
        place = file["images"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[place + 1000] ^= 1
    path.write_bytes(data)
    with h5py.File(path) as file, pytest.raises(OSError, match=r"(?i)filter|checksum"):
        file["images"][:]


def test_unfinished_files_are_refused(tmp_path):
    path = packed(tmp_path / "a.h5", finish=False)
    assert "no complete mark" in refused(path, "UNFINISHED")
    manifest_path(path).unlink()
    assert "manifest is missing" in refused(path, "UNFINISHED")


def test_another_schema_names_both(tmp_path):
    path = packed(tmp_path / "a.h5")
    write_record(manifest_path(path), {**read_json(manifest_path(path)), "schema": "facebias.data.pixels/0"})
    assert f"expected {SCHEMA}, found facebias.data.pixels/0" in refused(path, "SCHEMA")


def test_missing_and_false_files_are_named(tmp_path):
    refused(tmp_path / "none.h5", "MISSING")
    assert "an HTML page" in refused(write(tmp_path / "page.h5", "<html></html>"), "HDF5")


def test_a_read_only_folder_and_odd_names_work(tmp_path):
    folder = tmp_path / "mit Leer ñ"
    folder.mkdir()
    path = packed(folder / "a b.h5")
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    FaceDataset.load(path)
    assert before == {p: p.stat().st_mtime_ns for p in folder.iterdir()}


def test_framing_mismatch_warns_and_names_both(tmp_path):
    tight = FaceDataset.load(packed(tmp_path / "a.h5"))
    loose = FaceDataset.load(packed(tmp_path / "b.h5", framing="custom"))
    with pytest.warns(UserWarning, match=r"a\.h5 is 'tight'.*b\.h5 is 'custom'"):
        assert warn_on_framing(tight, loose)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not warn_on_framing(tight, tight)


def test_writer_refuses_rows_that_do_not_match(tmp_path):
    writer = Writer(tmp_path / "a.h5", 64)
    with pytest.raises(FacebiasError, match="3 images but 2 rows"):
        writer.append(images(0, 3), rows(0, 2))
    writer.close()
