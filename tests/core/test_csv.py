"""CSV that is inert in a spreadsheet and whole when read back."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_tables import predictions
from facebias.audit import group_report
from facebias.core.csv import read_csv, write_csv
from facebias.core.errors import FacebiasError

HOSTILE = ['=HYPERLINK("http://x")', "+1", "-2", "@SUM(A1)", "\tx", "\rx", "'=1", 'a,b\n"c"', "<script>", ""]


def test_no_written_cell_would_run_as_a_formula(tmp_path):
    write_csv(pd.DataFrame({"=name": HOSTILE, "value": np.linspace(-1, 1, len(HOSTILE))}), tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert not any(row[0][:1] in tuple("=+-@\t\r") for row in rows if row[0])
    assert rows[1][1] == "-1.0"  # a number stays one


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)


@given(st.lists(texts, min_size=1))
def test_reading_gives_back_what_was_written(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "round.csv"
    table = pd.DataFrame({"group": values, "value": np.arange(len(values)) / 3})
    write_csv(table, path)
    back = read_csv(path, numbers=("value",))
    assert back["group"].tolist() == values
    assert back["value"].tolist() == table["value"].tolist()


def test_a_report_with_hostile_groups_is_written_inert_and_read_back(tmp_path):
    table = predictions()
    table["race"] = table["race"].replace("Black", "=cmd|'/c calc'!A1")
    report = group_report(table)
    report.write(tmp_path / "report.csv")
    text = (tmp_path / "report.csv").read_text(encoding="utf-8")
    assert ",'=cmd" in text
    assert ",=cmd" not in text
    back = read_csv(tmp_path / "report.csv", numbers=("n", "value", "low", "high", "threshold"))
    assert set(back["race"]) == set(report.table["race"])
    np.testing.assert_array_equal(back["threshold"], report.table["threshold"])


@pytest.mark.parametrize("data", [b"a\n\xff\n", b'a\n"x', b"a\n" + b"x" * 200_000])
def test_bytes_that_are_no_table_are_one_line(tmp_path, data):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(FacebiasError, match=r"\[CSV\].*not a table of ours"):
        read_csv(tmp_path / "t.csv")


def test_numbers_that_are_none_short_rows_and_missing_columns_are_named(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(FacebiasError, match=r"x\.csv:3: 1 cells, expected 2"):
        read_csv(path)
    path.write_text("a,b\n1,NA\n")
    assert read_csv(path)["b"].tolist() == ["NA"]
    with pytest.raises(FacebiasError, match="no column c; found a, b"):
        read_csv(path, numbers=("c",))
    with pytest.raises(FacebiasError, match="b: "):
        read_csv(path, numbers=("b",))
    with pytest.raises(FacebiasError, match="no such file"):
        read_csv(tmp_path / "none.csv")
