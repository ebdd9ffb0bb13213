"""Means of found and missed faces: of many, never of few."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import picture_detectors as made
from facebias.analyses.whole_pictures.audited import audit_detectors
from facebias.analyses.whole_pictures.figures import PictureFigures
from facebias.analyses.whole_pictures.find import Spec
from facebias.analyses.whole_pictures.means import face_crops, mean_pictures
from facebias.core.config import Config
from facebias.core.outputs import OutputFolder
from facebias.plots import FigureFolder


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Forty bright and forty dim faces of group a; forty bright ones and one dim of group b."""
    levels, groups = [200] * 40 + [50] * 40 + [200] * 40 + [50], ["a"] * 80 + ["b"] * 41
    return made.sets(tmp_path_factory.mktemp("means"), levels, groups)[0]


def found(faces):
    return {"bright": pd.Series([True] * 40 + [False] * 40 + [True] * 40 + [False], index=faces.faces["image_id"])}


def test_each_face_is_cut_from_its_own_box(faces):
    crops = list(face_crops(faces, 8))
    assert len(crops) == 121 and (crops[0][2:6, 2:6] > 180).all() and abs(int(crops[40][4, 4, 0]) - 50) < 3
    round_it = next(face_crops(faces, 30, sides=1.5))
    assert (round_it[15, 15] == 200).all() and (round_it[1, 1] == 0).all()


def test_found_and_missed_are_averaged_apart(faces):
    table, (mean,) = mean_pictures(faces, found(faces), ("ethnicity",))
    assert table[["model", "group", "found", "missed"]].to_numpy().tolist() == [["bright", "a", 40, 40]]
    assert (mean[0, 32, 32] == 200).all() and (mean[1, 32, 32] == 50).all()
    assert table["light_found"].iloc[0] > 3.9 * table["light_missed"].iloc[0]


def test_a_mean_of_fewer_than_thirty_is_not_made(faces):
    few = {"bright": found(faces)["bright"].where(np.arange(121) >= 11)}  # 29 found; the others were not read
    assert mean_pictures(faces, few, ("ethnicity",))[1] == []


def test_without_boxes_there_is_none(tmp_path):
    folder = made.folder(tmp_path, [200] * 4, {"ethnicity": ["a", "b"] * 2}, boxes=False)
    central = made.own_set(folder, tmp_path / "labels.csv", "central")
    assert mean_pictures(central, {"bright": pd.Series(True, central.faces["image_id"])}, ("ethnicity",))[1] == []


def test_the_figure_of_an_audit_is_of_those_lost_as_shipped(tmp_path):
    faces, negatives = made.sets(tmp_path, [200] * 35 + [0] * 35 + [200] * 30, ["a"] * 70 + ["b"] * 30)
    config = Config.make(data_dir=str(tmp_path / "data"), workers=1)
    audit = audit_detectors(config, [Spec(f"{made.__file__}:bright")], faces, negatives)
    (drawn,) = PictureFigures(audit, FigureFolder(OutputFolder(tmp_path / "out", "made"), synthetic=False)).means()
    assert drawn.path.name == "whole-means-made-ethnicity.png" and "bright, a" in drawn.words
