"""Sets that do not fit in memory: the same images, whole or absent, never of another packed file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.data import mapped
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_training
from facebias.detectors.detector import Detector
from facebias.detectors.inference import logits
from facebias.detectors.networks import build_model
from facebias.training import score


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


def resident(path: Path) -> int:
    """Kilobytes of a mapped file that this process holds."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    places = [number for number, line in enumerate(lines) if line.endswith(str(path))]
    return sum(int(next(line for line in lines[at:] if line.startswith("Rss:")).split()[1]) for at in places)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system does not tell which pages are held")
def test_what_was_read_of_a_mapped_set_is_given_back_and_read_again_alike(packed, small_memory):
    data = FaceDataset.load(packed)
    first = data.images.sum(dtype=np.int64)
    assert resident(packed.with_suffix(".pixels")) > data.images.nbytes // 2048
    data.release()
    assert resident(packed.with_suffix(".pixels")) == 0
    assert data.images.sum(dtype=np.int64) == first


def test_scores_of_a_mapped_set_are_those_of_the_set_in_memory_and_leave_none_of_it(packed, small_memory, monkeypatch):
    monkeypatch.setattr(score, "_BLOCK", 50)
    data, model = FaceDataset.load(packed), build_model(Config())
    brought = Detector("mean", "a test", lambda images: images.mean((1, 2, 3)))
    found = [score.scores_of(model, data), brought.scores(data.images, "", data.release)]
    if Path("/proc/self/smaps").exists():
        assert resident(packed.with_suffix(".pixels")) == 0
    np.testing.assert_allclose(found[0], logits(model, data.tensor()).numpy(), rtol=1e-5)
    np.testing.assert_allclose(found[1], data.images.mean((1, 2, 3)))


def test_a_set_without_its_pixels_has_all_else(packed):
    data, whole = FaceDataset.load(packed, pixels=False), FaceDataset.load(packed)
    assert data.images.shape == (0, *whole.images.shape[1:]) and len(data) == len(whole)
    assert data.table.equals(whole.table) and data.attrs == whole.attrs


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
