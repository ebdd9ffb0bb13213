"""Detectors asked on a cluster: their answers are those of this machine, and are kept."""

from __future__ import annotations

import pandas as pd

import picture_detectors as made
from facebias.analyses.whole_pictures import asking
from facebias.core.config import Config
from facebias.report.pictures import PictureQuestion
from facebias.report.pictures_on_cluster import ask_on
from facebias.training.cluster import Cluster

FIND = """import numpy as np


def find(picture):
    rows, columns = np.nonzero(picture[:, :, 0] > 100)
    if not len(rows):
        return [], []
    return [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], [picture.max() / 255]
"""


def test_answers_of_each_detector_are_found_by_the_audit(tmp_path, monkeypatch):
    made.folder(tmp_path, [200] * 35 + [0] * 35, {"ethnicity": ["a"] * 35 + ["b"] * 35})
    made.scenes(tmp_path / "scenes", 60, 150)
    (tmp_path / "mine.py").write_text(FIND)
    spec = f"{tmp_path}/mine.py:find"
    question = PictureQuestion(
        (spec, spec), str(tmp_path / "pictures"), tmp_path / "labels.csv", tmp_path / "scenes", names=("one", "two")
    )
    config = Config.make(data_dir=str(tmp_path / "data"))
    ask_on(Cluster("debug"), question, config)
    kept = sorted(path.parent.parent.name.split("-")[0] for path in (tmp_path / "data").rglob("clean/*.parquet"))
    assert {"one", "two"} <= set(kept)
    monkeypatch.setattr(asking, "answer", None)  # nobody is asked again
    found = question.answer(config, tmp_path / "out").points
    assert isinstance(found, pd.DataFrame) and set(found["model"]) >= {"one", "two"}
