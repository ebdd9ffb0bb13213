"""A manifest proves that a file holds the bytes that were written."""

from __future__ import annotations

import pytest

from facebias.core.errors import FacebiasError
from facebias.core.manifest import fingerprint, verify, write_manifest


def test_a_flipped_bit_is_found(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123")
    write_manifest(path, "test/1", rows=1, key="k")
    assert verify(path, "test/1")["rows"] == 1
    path.write_bytes(b"0133")
    with pytest.raises(FacebiasError, match="bytes differ"):
        verify(path, "test/1")


def test_another_schema_is_named_beside_the_expected_one(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123")
    write_manifest(path, "test/1", rows=1, key="k")
    with pytest.raises(FacebiasError, match=r"expected test/2, found test/1"):
        verify(path, "test/2")


def test_fingerprints_ignore_order_and_follow_values():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
