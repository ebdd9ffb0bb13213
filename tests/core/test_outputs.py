"""A folder of results takes what belongs to it, and nothing else."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from facebias.core.errors import FacebiasError
from facebias.core.outputs import RECORD, OutputFolder, recorded
from facebias.core.records import write_record

TABLE = pd.DataFrame({"value": [1, 2]})


def names(folder):
    return [path.name for path in recorded(folder)]


def test_what_is_written_belongs_to_it_and_what_lies_there_does_not(tmp_path):
    outputs = OutputFolder(tmp_path, "one")
    outputs.csv(TABLE, "table.csv")
    outputs.json({"a": 1}, "verdict.json")
    (tmp_path / "stale.csv").write_text("of another study")
    assert names(tmp_path) == ["table.csv", "verdict.json"]


def test_what_a_killed_writer_left_goes_with_the_next_file(tmp_path):
    (tmp_path / ".table.csv.999999999.x.part").write_text("half of it")
    OutputFolder(tmp_path, "one").csv(TABLE, "table.csv")
    assert not list(tmp_path.glob(".*.part"))


def test_results_of_another_owner_leave_with_the_first_file_of_this_one(tmp_path):
    OutputFolder(tmp_path, "one").csv(TABLE, "one.csv")
    OutputFolder(tmp_path, "two").csv(TABLE, "two.csv")
    assert names(tmp_path) == ["two.csv"] and (tmp_path / "one.csv").exists()


def test_a_file_that_was_changed_or_is_gone_is_refused(tmp_path):
    path = OutputFolder(tmp_path, "one").csv(TABLE, "table.csv")
    path.write_text(path.read_text().replace("2", "3"))
    with pytest.raises(FacebiasError, match=r"table\.csv: bytes differ"):
        recorded(tmp_path)
    path.unlink()
    with pytest.raises(FacebiasError, match=r"table\.csv: is in the record and not there"):
        recorded(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"schema": "facebias.outputs/1", "files": []}', "{"])
def test_a_record_that_is_none_is_one_line(tmp_path, text):
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(FacebiasError):
        recorded(tmp_path)


def test_a_folder_without_a_record_and_a_name_that_leads_out_are_refused(tmp_path):
    with pytest.raises(FacebiasError, match=r"no manifest\.json says what belongs to it"):
        recorded(tmp_path)
    OutputFolder(tmp_path / "in", "one").csv(TABLE, "table.csv")
    (tmp_path / "out.csv").write_text("secret")
    record = json.loads((tmp_path / "in" / RECORD).read_text())
    record["files"] = {"../out.csv": record["files"]["table.csv"]}
    write_record(tmp_path / "in" / RECORD, record)
    with pytest.raises(FacebiasError, match=r"is in the record and not there"):
        recorded(tmp_path / "in")


def test_no_name_writes_outside_of_the_folder(tmp_path):
    path = OutputFolder(tmp_path / "in", "one").csv(TABLE, "recall-a/../../../escaped.csv")
    assert path.parent == tmp_path / "in" and names(tmp_path / "in") == [path.name]
    assert [each.name for each in tmp_path.iterdir()] == ["in"]
