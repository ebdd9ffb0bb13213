"""A manifest proves that a file holds the bytes that were written."""

from __future__ import annotations

import pytest

from facebias.core import manifest
from facebias.core.errors import FacebiasError
from facebias.core.manifest import fingerprint, sha256, verify, write_manifest


@pytest.fixture
def path(tmp_path):
    """A file of four bytes with its manifest."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123")
    write_manifest(path, "test/1", rows=1, key="k")
    return path


def test_a_flipped_bit_is_found(path):
    assert verify(path, "test/1")["rows"] == 1
    path.write_bytes(b"0133")
    with pytest.raises(FacebiasError, match="bytes differ"):
        verify(path, "test/1")


def test_bytes_are_read_once_until_the_file_is_written_to(path, monkeypatch):
    reads = []
    monkeypatch.setattr(manifest, "_SETTLED", -1.0)  # as if written long ago
    monkeypatch.setattr(manifest, "sha256", lambda path: reads.append(path) or sha256(path))
    for _ in range(3):
        verify(path, "test/1")
    assert len(reads) == 1
    path.write_bytes(b"01234")
    with pytest.raises(FacebiasError, match="bytes differ"):
        verify(path, "test/1")


def test_a_file_written_just_now_is_read_each_time(path, monkeypatch):
    reads = []
    monkeypatch.setattr(manifest, "sha256", lambda path: reads.append(path) or sha256(path))
    for _ in range(2):
        verify(path, "test/1")
    assert len(reads) == 2


def test_another_schema_is_named_beside_the_expected_one(path):
    with pytest.raises(FacebiasError, match=r"expected test/2, found test/1"):
        verify(path, "test/2")


def test_fingerprints_ignore_order_and_follow_values():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
