"""Sets that do not fit in memory: the same images, whole or absent, never of another packed file."""

from __future__ import annotations

import numpy as np
import pytest

from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.data import mapped
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_training


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return pack_training(profile("tiny", data_dir=str(tmp_path_factory.mktemp("packed"))))["train"]


@pytest.fixture
def small_memory(monkeypatch, packed):
    monkeypatch.setattr(mapped, "most_in_memory", lambda: 0)
    monkeypatch.setattr(mapped, "_ROWS", 50)
    yield
    for file in packed.parent.glob("*.pixels*"):
        file.unlink()


def test_a_set_larger_than_memory_is_mapped_and_holds_the_same_images(packed, small_memory, monkeypatch):
    data = FaceDataset.load(packed)
    assert isinstance(data.images, np.memmap)
    monkeypatch.undo()
    whole = FaceDataset.load(packed)
    assert not isinstance(whole.images, np.memmap)
    np.testing.assert_array_equal(data.images, whole.images)
    rows = np.array([5, 2, 2, 0])
    assert data.tensor()[rows].equal(whole.tensor()[rows])


def test_the_mapped_file_is_written_once_and_never_by_those_who_change_images(packed, small_memory):
    first = FaceDataset.load(packed)
    before = packed.with_suffix(".pixels").stat().st_mtime_ns
    first.images[:] = 0
    second = FaceDataset.load(packed)
    assert packed.with_suffix(".pixels").stat().st_mtime_ns == before
    assert second.images.any()


def test_a_mapped_file_with_a_flipped_bit_is_refused(packed, small_memory):
    FaceDataset.load(packed)
    pixels = packed.with_suffix(".pixels")
    data = bytearray(pixels.read_bytes())
    data[1000] ^= 1
    pixels.write_bytes(data)
    with pytest.raises(FacebiasError, match="bytes differ"):
        FaceDataset.load(packed)


def test_a_mapped_file_of_other_images_is_written_anew(packed, small_memory, monkeypatch):
    first = FaceDataset.load(packed).images.copy()
    monkeypatch.setattr(mapped, "recorded_sha256", lambda path: "of other images")
    packed.with_suffix(".pixels").write_bytes(b"other")
    np.testing.assert_array_equal(FaceDataset.load(packed).images, first)
