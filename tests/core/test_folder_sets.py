"""Audit sets of somebody's own: what may be said of them, and what they are known by."""

from __future__ import annotations

import shutil

import pytest

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.folder_sets import FolderSet, content_of, rows
from made import own_folder, write


@pytest.fixture
def folder(tmp_path):
    return own_folder(tmp_path / "pictures")


def test_it_stands_among_the_known_sets_and_is_called_by_its_name(folder):
    config = Config(audit_sets=f"fairface, folder:mine={folder}, folder:b={folder}/labels.csv")
    assert config.audit_names == ("fairface", "mine", "b") and set(config.folder_sets) == {"mine", "b"}
    assert config.study_id.startswith("synthetic-on-fairface-mine-b-")
    assert config.folder_sets["mine"].content == config.folder_sets["b"].content == content_of(folder / "labels.csv")
    assert config.with_(epochs=2).audit_sets == config.audit_sets  # hashed once


def test_it_is_what_it_holds_and_not_where_it_lies(folder, tmp_path):
    first = Config(audit_sets=f"folder:mine={folder}")
    shutil.copytree(folder, tmp_path / "moved")
    moved = Config(audit_sets=f"folder:mine={tmp_path / 'moved'}")
    assert (moved.study_id, moved.audit_key("mine")) == (first.study_id, first.audit_key("mine"))
    assert moved.audit_sets != first.audit_sets and moved.run_id == Config().run_id
    shutil.rmtree(folder)
    assert Config.make(**first.as_dict()) == first  # a configuration that was kept needs no folder
    other = tmp_path / "moved" / "a.jpg"
    other.write_bytes(other.read_bytes() + b"x")
    assert Config(audit_sets=f"folder:mine={tmp_path / 'moved'}").study_id != first.study_id
    assert Config(audit_sets=f"folder:theirs={tmp_path / 'moved'}").audit_key("theirs") != first.audit_key("mine")


def test_a_relative_path_is_taken_from_the_project_root(folder, monkeypatch):
    monkeypatch.setenv("FACEBIAS_HOME", str(folder.parent))
    assert FolderSet.parse("folder:mine=pictures").labels == folder / "labels.csv"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("folder:", "is not folder:NAME=PATH"),
        ("folder:mine", "is not folder:NAME=PATH"),
        ("folder:Mine Own={}", "is no name"),
        ("folder:../x={}", "is no name"),
        ("folder:fairface={}", "the name fairface is taken"),
        ("folder:test={}", "the name test is taken"),
        ("folder:mine={}/nowhere", "no such file"),
        ("folder:mine={0},folder:mine={0}/labels.csv", "two folders of one name"),
    ],
)
def test_a_set_that_cannot_be_meant_is_one_line(folder, text, says):
    with pytest.raises(FacebiasError, match=says) as caught:
        Config(audit_sets=text.format(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ("", "found an empty file"),
        ("file\n", "no rows"),
        ("picture,gender\na.jpg,x\n", "expected file, found picture, gender"),
        ("file;gender\na.jpg;x\n", "separated by semicolons"),
        ("file\na.jpg\nz.jpg\n", "labels.csv:3: no picture"),
        ("file\na.jpg\na.jpg\n", "labels.csv:3: a.jpg is in .*labels.csv:2 too"),
        ("file\n../a.jpg\n", "leads out of"),
        ("file\n/etc/passwd\n", "leads out of"),
        ("file\n\n\x01.jpg\n", "is no name of a file"),
        ("file,score\na.jpg,1\n", "score means something else"),
        ("file,factor_hat\na.jpg,1\n", "means something else"),
        ("file,=1+1\na.jpg,1\n", "'=1\\+1' is no name of a column"),
        ("file,gender,gender\na.jpg,1,2\n", "gender is there twice"),
        ("file,left\na.jpg,1\n", "of left, top, side only left"),
    ],
)
def test_a_table_with_a_fault_is_one_line_that_names_the_place(folder, labels, says):
    write(folder / "labels.csv", labels)
    with pytest.raises(FacebiasError, match=says) as caught:
        list(rows(folder / "labels.csv"))
    assert "\n" not in str(caught.value) and "labels.csv" in str(caught.value)
