"""Paths are anchored in the project, whatever the working directory."""

from __future__ import annotations

import pytest

from facebias.core.errors import FacebiasError
from facebias.core.paths import anchored, file_name, inside


def test_relative_paths_start_at_the_project_root_whatever_the_working_directory(tmp_path, monkeypatch):
    before = anchored("data")
    monkeypatch.chdir(tmp_path)
    assert anchored("data") == before
    monkeypatch.setenv("FACEBIAS_HOME", str(tmp_path))
    assert anchored("data") == tmp_path / "data"


@pytest.mark.parametrize("text", ["plain", "race x gender", "théâtre-1.csv", "predictions-mine+2.parquet"])
def test_a_name_that_is_one_stays(text):
    assert file_name(text) == text


@pytest.mark.parametrize(
    "text",
    ["a/../../escaped", "/etc/passwd", "..", "", "a\\b", "a\0b", "<b>", "x" * 400, ".hid", "new\nline", "\udcff"],
)
def test_any_other_text_becomes_a_name_that_leads_nowhere(tmp_path, text):
    name = file_name(text)
    assert (tmp_path / name).parent == tmp_path and name not in ("", ".", "..") and len(name) <= 136
    (tmp_path / name).write_text("a file")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("text", ["recall-set (1).png", "x" * 400 + ".csv", "a/../b.parquet"])
def test_the_suffix_of_a_file_stays(text):
    assert file_name(text).rpartition(".")[2] == text.rpartition(".")[2] and file_name(text) != text


def test_texts_that_would_share_a_name_do_not():
    assert len({file_name(text) for text in ("a/b", "a:b", "a-b")}) == 3


@pytest.mark.parametrize("name", ["../out", "/out", "in/../../out"])
def test_a_path_that_leads_out_is_refused(tmp_path, name):
    assert inside(tmp_path, "in/side.bin") == tmp_path / "in/side.bin"
    with pytest.raises(FacebiasError, match="leads out of"):
        inside(tmp_path, name)
