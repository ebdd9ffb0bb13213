"""Pictures of somebody's own, and what is wrong with them, each in one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import picture_detectors as made
from facebias.analyses.whole_pictures.known_sets import known_set
from facebias.analyses.whole_pictures.own_set import own_set
from facebias.analyses.whole_pictures.sets import EDGES, face_free
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.data.rendering.pictures import render_pictures


def refused(said, *given, **more):
    with pytest.raises(FacebiasError, match=said) as error:
        own_set(*given, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def given(tmp_path):
    """A folder of three pictures and its CSV, as (folder, csv, table)."""
    folder = made.folder(tmp_path, [200, 150, 120], {"ethnicity": ["a", "b", "b"]})
    csv = tmp_path / "labels.csv"
    return folder, csv, pd.read_csv(csv)


def test_faces_have_their_box_and_their_groups(given):
    found = own_set(*given[:2], name="mine")
    assert found.faces["image_id"].tolist() == ["0.png", "1.png", "2.png"]
    assert found.faces["ethnicity"].tolist() == ["a", "b", "b"]
    assert found.faces[list(EDGES)].to_numpy().tolist() == [list(made.FACE)] * 3
    assert (found.pictures[0].width, found.pictures[0].height) == (made.SIDE, made.SIDE)


def test_a_picture_with_two_faces_has_two_rows(given):
    folder, csv, table = given
    second = table.iloc[[0]].assign(x1=0, y1=0, x2=10, y2=10)
    pd.concat([table, second]).to_csv(csv, index=False)
    found = own_set(folder, csv)
    assert found.faces["image_id"].tolist() == ["0.png", "1.png", "2.png", "0.png#1"]
    assert found.faces["picture"].tolist() == [0, 1, 2, 0] and len(found.pictures) == 3


def test_squares_are_boxes_too(given, tmp_path):
    table = render_pictures(tmp_path / "rendered", 4)
    found = own_set(tmp_path / "rendered", table)
    given = pd.read_csv(table)
    assert found.faces["x2"].tolist() == (given["left"] + given["side"]).tolist()
    assert "side" not in found.faces


def test_no_boxes_and_no_rule(given):
    folder, csv, table = given
    table.drop(columns=list(EDGES)).to_csv(csv, index=False)
    refused("no column says where the faces are.*--faces central", folder, csv)
    found = own_set(folder, csv, "central")
    assert found.faces[list(EDGES)].isna().all().all() and "central half" in found.truth


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((12, 12, 49, 36), r"labels.csv:3: box 12, 12, 49, 36 of .*1.png \(48 x 48 pixels\) is empty or leaves it"),
        ((-1, 12, 30, 36), "is empty or leaves it"),
        ((30, 12, 30, 36), "is empty or leaves it"),
    ],
)
def test_a_box_outside_the_picture_or_none(given, box, said):
    folder, csv, table = given
    table.loc[1, list(EDGES)] = box
    table.to_csv(csv, index=False)
    refused(said, folder, csv)


def test_a_box_that_is_no_number_and_a_box_in_part(given):
    folder, csv, table = given
    table.astype({"x1": object}).assign(x1=[1, "left", 3]).to_csv(csv, index=False)
    refused(r"labels.csv:3: no box \('left'", folder, csv)
    table.drop(columns="y2").to_csv(csv, index=False)
    refused("of x1, y1, x2, y2 only x1, y1, x2. Give all", folder, csv)


def test_other_names_than_the_pictures(given):
    folder, csv, table = given
    table.assign(file=["a.jpg", "b.jpg", "c.jpg"]).to_csv(csv, index=False)
    refused("3 of 3 names are no picture of .*the first 'a.jpg'; its pictures are called like '0.png'", folder, csv)


def test_a_row_without_a_picture_and_a_picture_without_a_row(given):
    folder, csv, table = given
    (folder / "2.png").unlink()
    refused("1 of 3 names are no picture of .*the first '2.png'", folder, csv)
    made.picture(0, 0).save(folder / "more.png")
    table.iloc[:2].to_csv(csv, index=False)
    refused(r"1 picture\(s\) have no row in labels.csv, the first 'more.png'", folder, csv)


def test_one_face_twice(given):
    folder, csv, table = given
    pd.concat([table, table.iloc[[1]]]).to_csv(csv, index=False)
    refused("labels.csv:5: the face of 1.png is there twice", folder, csv)


def test_a_column_that_means_something_else_no_rows_and_no_csv(given):
    folder, csv, table = given
    table.assign(score=1).to_csv(csv, index=False)
    refused("score means something else", folder, csv)
    csv.write_text("file,ethnicity\n")
    refused("no rows", folder, csv)
    refused("no such file", folder, csv.with_name("absent.csv"))


def test_a_hundred_thousand_rows_are_read(given):
    folder, csv, _ = given
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 20, (100_000, 2)).round(4)
    boxes = pd.DataFrame(np.hstack([corners, corners + 10]), columns=list(EDGES))
    boxes.assign(file=[f"{n % 3}.png" for n in range(100_000)], ethnicity="a").to_csv(csv, index=False)
    found = own_set(folder, csv)
    assert len(found.faces) == 100_000 and found.faces["image_id"].is_unique and len(found.pictures) == 3


def test_no_face_free_picture(tmp_path):
    with pytest.raises(FacebiasError, match=r"no picture is there\. Name a folder of pictures without faces"):
        face_free(tmp_path)


def test_a_part_of_the_face_free_pictures_is_drawn_by_its_seed(tmp_path):
    folder = made.scenes(tmp_path / "scenes", 12)
    drawn = [face_free(folder, 5, seed).faces["image_id"].tolist() for seed in (0, 0, 1)]
    assert len(drawn[0]) == 5 and drawn[0] == drawn[1] != drawn[2]


def test_the_face_of_fairface_is_the_middle_of_its_picture(test_data):
    found = known_set(Config.make(data_root=str(test_data), audit_size=12), "fairface-1.25")
    picture = found.pictures[0]
    x1, y1, x2, y2 = found.faces.loc[0, list(EDGES)]
    assert x2 - x1 == pytest.approx(picture.width / 3.5) and x1 + x2 == pytest.approx(picture.width)
    assert y1 + y2 == pytest.approx(picture.height) and len(found.faces) == 12


def test_an_unknown_set_is_told_with_those_that_are_known(tmp_path):
    with pytest.raises(FacebiasError, match=r"Use rendered, fairface-1\.25, celeba, utkface, ppb"):
        known_set(Config.make(data_root=str(tmp_path)), "imagenet")
