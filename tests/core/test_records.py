"""Records hold what was written, or are refused in one line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facebias.core.errors import FacebiasError
from facebias.core.manifest import verify, write_manifest
from facebias.core.records import read_record, write_record
from facebias.core.studies import read_settings

VALUES = {"sha256": "ab", "rows": 3, "files": {"a.csv": "cd"}, "share": 0.1, "name": "ü"}
ODD = ("[]", "{}", "null", "3", '"text"', "{", "", "[" * 100_000, '{"sha256": 3}', '{"sha256": null}', "\x00", "NaN")


def test_what_was_written_is_read(tmp_path):
    write_record(tmp_path / "r.json", VALUES)
    assert read_record(tmp_path / "r.json", sha256=str, rows=int, files=dict) == VALUES
    again = (tmp_path / "r.json").read_bytes()
    write_record(tmp_path / "r.json", json.loads(again))
    assert (tmp_path / "r.json").read_bytes() == again


def test_a_letter_that_flips_anywhere_is_noticed_or_changes_nothing(tmp_path):
    path = tmp_path / "r.json"
    write_record(path, VALUES)
    whole = path.read_bytes()
    noticed = 0
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(flipped))
        try:
            found = read_record(path)
        except FacebiasError:
            noticed += 1
        else:
            # blanks between names, and the name of the checksum itself
            assert {name: found.get(name) for name in VALUES} == VALUES
    assert noticed > 6 * len(whole)


@pytest.mark.parametrize("text", ODD, ids=lambda text: text[:12])
def test_json_that_is_no_record_of_ours_is_one_line(tmp_path, text):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(FacebiasError) as caught:
        read_record(path, sha256=str)
    assert caught.value.where == str(path) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ODD, ids=lambda text: text[:12])
def test_a_manifest_or_settings_that_are_none_are_one_line(tmp_path, text):
    (tmp_path / "x.h5").write_text("x")
    write_manifest(tmp_path / "x.h5", "s/1", 1, "k")
    (tmp_path / "x.h5.manifest.json").write_text(text)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(FacebiasError):
        verify(tmp_path / "x.h5", "s/1")
    if text != "{}":  # all settings as they are by default
        with pytest.raises(FacebiasError, match=r"config\.json"):
            read_settings(tmp_path / "config.json")


def test_a_flipped_letter_of_a_setting_is_told_with_its_file(tmp_path):
    (tmp_path / "config.json").write_text('{"epocis": 3}')
    with pytest.raises(FacebiasError, match=r"config\.json: epocis: no such setting.*did you mean epochs"):
        read_settings(tmp_path / "config.json")


def test_a_folder_in_a_files_place_is_one_line(tmp_path):
    with pytest.raises(FacebiasError, match=r"\[JSON\]"):
        read_record(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


@given(JSON)
def test_any_json_gives_a_record_or_a_documented_error(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("records") / "r.json"
    path.write_text(json.dumps(value))
    try:
        assert isinstance(read_record(path, sha256=str)["sha256"], str)
    except FacebiasError as error:
        assert error.code in ("RECORD", "HASH", "JSON")
