"""`facebias audit-pictures` and `facebias detectors`, as somebody uses them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pandas as pd
import pytest

import picture_detectors as made
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.outputs import recorded
from facebias.report.pictures import PictureQuestion
from facebias.training.predictions_file import read_table


def facebias(*words, home):
    command = [sys.executable, "-m", "facebias", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=home)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Pictures of somebody's own, a CSV, scenes, and a detector of six lines in a file."""
    home = tmp_path_factory.mktemp("home")
    made.folder(home, [200] * 35 + [0] * 35, {"ethnicity": ["a"] * 35 + ["b"] * 35, "city": ["x", "y"] * 35})
    made.scenes(home / "scenes", 60, 150)
    (home / "mine.py").write_text(
        "import numpy as np\n\n\ndef find(picture):\n    rows, columns = np.nonzero(picture[:, :, 0] > 100)\n"
        "    if not len(rows):\n        return [], []\n"
        "    return [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], [picture.max() / 255]\n"
    )
    return home


@pytest.fixture(scope="module")
def done(home):
    given = ("--pictures", "pictures", "--labels", "labels.csv", "--negatives", "scenes", "--data-dir", home / "data")
    words = ("--detectors", "mine.py:find,mine.py:find", "--name", "mine", "--name", "twin", "--out", "out", "--json")
    return facebias("audit-pictures", *words, *given, home=home)


def test_tables_figures_verdict_and_report_are_where_it_says(done, home):
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["detectors"] == ["mine", "twin"] and told["folder"] == str(home / "out")
    names = {path.name for path in recorded(home / "out")}
    tables = {"points.csv", "gaps.csv", "findings.csv", "changes.csv", "cards.csv", "errors.csv"}
    assert tables | {"verdict.json", "report.html", "predictions-mine.parquet"} <= names
    assert "whole-groups-pictures-ethnicity.png" in names
    points = pd.read_csv(home / "out" / "points.csv").query("model == 'mine' and point == 'as shipped'")
    rates = points.query("match == 'centre' and grouping == 'ethnicity'").set_index("group")["value"]
    assert rates.to_dict() == {"a": 1.0, "b": 0.0}


def test_the_report_speaks_of_these_detectors_and_of_no_training(done, home):
    page = (home / "out" / "report.html").read_text()
    assert "Bias audit of mine and twin: whole pictures" in page
    text = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", page, flags=re.S)
    assert not re.search(r"training seed|seeds|trained on|DB-VAE|Standard CNN", text)
    assert "its author" in text and "one set of weights" in text and "Its groups differ" in text


def test_the_scores_can_be_audited_again_without_pictures(done, home):
    table = read_table(home / "out" / "predictions-mine.parquet")
    assert (table["label"] == 1).sum() == 70 and set(table["ethnicity"]) >= {"a", "b"}


def test_a_second_time_asks_nothing_anew(done, home):
    before = {path: path.stat().st_mtime_ns for path in (home / "data").rglob("*.parquet")}
    spec = (str(home / "mine.py") + ":find",)
    question = PictureQuestion(
        spec, str(home / "pictures"), home / "labels.csv", home / "scenes", ("ethnicity+city",), "iou", names=("mine",)
    )
    again = question.answer(Config.make(data_dir=str(home / "data")), home / "second")
    assert "by ethnicity x city" in again.text
    fresh = set((home / "data").rglob("*.parquet")) - set(before)
    assert len(before) == 2 and not [path for path in before if path.stat().st_mtime_ns != before[path]]
    assert not fresh  # the same file, by another path


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"pictures": "pictures"}, "no labels say who is in them"),
        ({"detectors": ("lpb",)}, "no detector of this name"),
        ({"match": "nose"}, "Use centre or iou"),
        ({"names": ("a", "b")}, "2 names for 1 detectors"),
        ({"threshold": 0.5}, "--threshold: is for functions and files, and none is named"),
        ({"batch": True}, "--batch: is for functions and files"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(asked, said, home):
    own = {"pictures": str(home / "pictures"), "labels": home / "labels.csv", "negatives": home / "scenes"}
    question = PictureQuestion(**{"detectors": ("lbp",), **(own if "pictures" not in asked else {}), **asked})
    with pytest.raises(FacebiasError, match=said) as error:
        question.answer(Config.make(data_dir=str(home / "data")), home / "none")
    assert "\n" not in str(error.value)


def test_detectors_are_listed_with_what_is_missing(home):
    told = json.loads(facebias("detectors", "--json", home=home).stdout)["detectors"]
    assert {"haar", "lbp", "hog", "mmod", "mtcnn", "centerface", "blazeface", "yunet"} == {one["name"] for one in told}
    lbp = next(one for one in told if one["name"] == "lbp")
    assert lbp["runs"] == "yes" and len(lbp["weights"]) == 64
    text = facebias("detectors", home=home).stdout
    assert text.count("\n") == len(told) and "yunet=face_detection_yunet.onnx" in text
