"""Folders are tried before work begins."""

from __future__ import annotations

import pytest

from scored_runs import command


@pytest.mark.parametrize("kind", ["runs", "studies"])
@pytest.mark.parametrize("verb", ["study", "notebook"])
def test_a_place_that_is_a_file_is_told_before_anything_is_packed(tmp_path, kind, verb):
    (tmp_path / "file").write_text("x")
    places = {name: tmp_path / name for name in ("runs", "data", "studies")} | {kind: tmp_path / "file" / "below"}
    words = [word for name, place in places.items() for word in (f"--{name}-dir", place)]
    fault = command(verb, "--profile", "tiny", *words).exception
    assert fault.code == "WRITE" and not (tmp_path / "data").exists()


def test_an_out_that_is_a_file_is_told_before_anything_is_read(tmp_path):
    (tmp_path / "file").write_text("x")
    assert command("audit", "no-such-run", "--out", tmp_path / "file").exception.code == "WRITE"
