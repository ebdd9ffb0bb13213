from __future__ import annotations

import gzip

import pytest

from facebias.core.errors import FacebiasError
from facebias.core.label_files import label, read_csv
from made import refused, write

GOOD = 'file,race\n000001.jpg,NA\n"a,b.jpg",White\n'


def opened(path):
    return read_csv(path, ("file", "race"))


def rows(path):
    return list(opened(path))


def test_values_stay_text_and_lines_are_named(tmp_path):
    path = write(tmp_path / "t.csv", GOOD)
    assert [(row.where, row.values) for row in rows(path)] == [
        (f"{path}:2", {"file": "000001.jpg", "race": "NA"}),
        (f"{path}:3", {"file": "a,b.jpg", "race": "White"}),
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace("file,race", " File ,RACE").encode(),
        lambda text: (text + "\n\n").encode(),
    ],
    ids=["BOM", "CRLF", "CR", "case and blanks", "empty lines"],
)
def test_accepts_harmless_variants(tmp_path, change):
    assert [row.values["race"] for row in rows(write(tmp_path / "t.csv", change(GOOD)))] == ["NA", "White"]


def test_accepts_gzip_and_beyond_ascii(tmp_path):
    path = write(tmp_path / "t.csv.gz", gzip.compress("file,race\né.jpg,ñandú\n".encode()))
    assert rows(path)[0].values == {"file": "é.jpg", "race": "ñandú"}


@pytest.mark.parametrize(
    "data, code, say",
    [
        (GOOD.encode("utf-16"), "CSV_ENCODING", "UTF-16"),
        ("file,race\na,ñ\n".encode("latin-1"), "CSV_ENCODING", "t.csv:2"),
        (GOOD.replace(",", ";").encode(), "CSV_SEPARATOR", "semicolons"),
        (b"file,rase\na,b\n", "CSV_COLUMN", "found file, rase. Add race"),
        (b"file,race\na,b\nc\n", "CSV_ROW", "t.csv:3: 1 fields, expected 2"),
        (b"file,race\na,b,c\n", "CSV_ROW", "t.csv:2: 3 fields"),
        (b"file,race\na,\0b\n", "CSV_NUL", "t.csv:2"),
        (b'file,race\n"a,b\nc,d\n', "CSV_ROW", "not valid CSV"),
        (b"", "CSV_FORMAT", "empty"),
        (b"<html>login</html>", "CSV_FORMAT", "an HTML page"),
    ],
)
def test_names_fault_and_line(tmp_path, data, code, say):
    assert say in refused(opened(write(tmp_path / "t.csv", data)), code)


def test_missing_and_broken_gzip(tmp_path):
    refused(opened(tmp_path / "none.csv"), "MISSING")
    refused(opened(write(tmp_path / "t.csv.gz", gzip.compress(GOOD.encode() * 99)[:-9])), "CSV_GZIP")
    refused(opened(write(tmp_path / "u.csv.gz", GOOD)), "CSV_GZIP")


def test_unknown_label_names_row_value_and_closest():
    with pytest.raises(FacebiasError, match=r"t\.csv:5: unknown label 'Whyte'\. The closest known label is 'White'"):
        label("Whyte", ("Black", "White"), "t.csv:5")
    assert label("1", {"1": "Male"}, "x") == "Male"


@pytest.mark.parametrize("text", ["male", " MALE ", "Male"])
def test_letter_case_and_blanks_never_matter_in_a_label(text):
    assert label(text, ("Female", "Male"), "x") == "Male" and label(text, {"male": "m", "female": "f"}, "x") == "m"
    assert label("latino  hispanic", ("Latino_Hispanic",), "x") == "Latino_Hispanic"


@pytest.mark.parametrize("text", ["9-Mar", "03-Sep", "oct-19"])
def test_a_label_that_a_spreadsheet_made_a_date_of_is_told_as_such(text):
    with pytest.raises(FacebiasError, match=r"A spreadsheet has made a date of it: take the file as published"):
        label(text, ("3-9", "10-19"), "x")


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    path = write(tmp_path / "t.csv", "image,score,Score\na,1,2\n")
    with pytest.raises(FacebiasError, match="column score is there twice"):
        list(read_csv(path, ("image",)))
