"""Files are whole or absent, and proven to be what was written."""

from __future__ import annotations

import json
import os
import socket

import pytest

from facebias.core import files as storage
from facebias.core.errors import FacebiasError


def test_an_error_while_writing_leaves_the_old_file_and_no_temporary(tmp_path):
    path = tmp_path / "table.csv"
    storage.write_text(path, "old")
    with pytest.raises(RuntimeError), storage.atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_full_disk_is_one_line_with_the_free_bytes(tmp_path):
    with pytest.raises(FacebiasError, match=r"No space left.*bytes free"), storage.atomic_write(tmp_path / "a"):
        raise OSError(28, "No space left on device")


def test_a_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FacebiasError, match="cannot be written"):
        storage.write_text(tmp_path / "file" / "a", "text")


def test_stale_temporaries_go_and_those_of_live_writers_stay(tmp_path):
    dead, live = tmp_path / ".x.4194999.abc.part", tmp_path / f".x.{os.getpid()}.abc.part"
    dead.touch()
    live.touch()
    assert storage.sweep_stale(tmp_path) == 1
    assert live.exists() and not dead.exists()


def test_a_flipped_bit_is_found(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123")
    storage.write_manifest(path, "test/1", rows=1, key="k")
    assert storage.verify(path, "test/1")["rows"] == 1
    path.write_bytes(b"0133")
    with pytest.raises(FacebiasError, match="bytes differ"):
        storage.verify(path, "test/1")


def test_another_schema_is_named_beside_the_expected_one(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123")
    storage.write_manifest(path, "test/1", rows=1, key="k")
    with pytest.raises(FacebiasError, match=r"expected test/2, found test/1"):
        storage.verify(path, "test/2")


def test_a_folder_in_use_is_refused_with_its_holder(tmp_path):
    with (
        storage.folder_lock(tmp_path),
        pytest.raises(FacebiasError, match=str(os.getpid())),
        storage.folder_lock(tmp_path),
    ):
        pass
    assert not (tmp_path / ".lock").exists()


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path):
    (tmp_path / ".lock").write_text(json.dumps({"pid": 4194999, "host": socket.gethostname()}))
    with storage.folder_lock(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()


def test_the_lock_of_another_machine_is_respected(tmp_path):
    (tmp_path / ".lock").write_text(json.dumps({"pid": 1, "host": "elsewhere.invalid"}))
    with pytest.raises(FacebiasError, match="elsewhere"), storage.folder_lock(tmp_path):
        pass


def test_relative_paths_start_at_the_project_root_whatever_the_working_directory(tmp_path, monkeypatch):
    before = storage.anchored("data")
    monkeypatch.chdir(tmp_path)
    assert storage.anchored("data") == before
    monkeypatch.setenv("FACEBIAS_HOME", str(tmp_path))
    assert storage.anchored("data") == tmp_path / "data"


def test_fingerprints_ignore_order_and_follow_values():
    assert storage.fingerprint({"a": 1, "b": 2}) == storage.fingerprint({"b": 2, "a": 1})
    assert storage.fingerprint({"a": 1}) != storage.fingerprint({"a": 2})
