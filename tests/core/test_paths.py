"""Paths are anchored in the project, whatever the working directory."""

from __future__ import annotations

from facebias.core.paths import anchored


def test_relative_paths_start_at_the_project_root_whatever_the_working_directory(tmp_path, monkeypatch):
    before = anchored("data")
    monkeypatch.chdir(tmp_path)
    assert anchored("data") == before
    monkeypatch.setenv("FACEBIAS_HOME", str(tmp_path))
    assert anchored("data") == tmp_path / "data"
