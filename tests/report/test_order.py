"""Tables come before figures and the verdict last: a figure that fails leaves the tables, and no whole audit."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import picture_detectors as made
from facebias.core.config import Config
from facebias.report.audit_figures import AuditFigures, figures_of_detectors
from facebias.report.pictures import PictureFigures, PictureQuestion
from facebias.report.study_figures import StudyFigures, write_study
from facebias.training.gather import gather
from scored_runs import command


class Failed(RuntimeError):
    """What a library of figures raises."""


def fail(*_):
    raise Failed


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"label": [1] * 80 + [0] * 200, "race": ["a", "b"] * 40 + [""] * 200, "dataset": "theirs"})
    rows["image_id"], rows["score"] = [f"{i}.jpg" for i in range(280)], rng.normal(2 * rows["label"], 1)
    rows.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def by_audit(table, out, monkeypatch):
    monkeypatch.setattr(AuditFigures, "all", fail)
    raised = command("audit", "--predictions", table, "--out", out).exception
    assert isinstance(raised, Failed)
    return "group_report.csv"


def by_study(table, out, monkeypatch):
    groups = figures_of_detectors(gather(Config(), table=table), 0.05, out)
    figures = SimpleNamespace(groups=groups, all=fail)
    monkeypatch.setattr(StudyFigures, "of", lambda _: figures)
    with pytest.raises(Failed):
        write_study(None)
    return "group_report.csv"


def by_pictures(table, out, monkeypatch):
    monkeypatch.setattr(PictureFigures, "all", fail)
    home = table.parent
    photos = made.folder(home, [200] * 6 + [0] * 6, {"race": ["a", "b"] * 6})
    asked = PictureQuestion(
        ("picture_detectors:bright",), str(photos), home / "labels.csv", made.scenes(home / "s", 20)
    )
    with pytest.raises(Failed):
        asked.answer(Config(data_dir=str(home / "data")), out)
    return "points.csv"


@pytest.mark.parametrize("way", [by_audit, by_study, by_pictures])
def test_a_figure_that_fails_leaves_the_tables_and_no_verdict(way, table, tmp_path, monkeypatch):
    kept = way(table, tmp_path / "out", monkeypatch)
    assert (tmp_path / "out" / kept).exists() and not (tmp_path / "out" / "verdict.json").exists()
