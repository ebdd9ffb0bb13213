"""A folder of somebody's own, from its pictures to rates by its own groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from facebias.audit import Audit
from facebias.audit.groups import MOST, own_groupings
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.folder_sets import FolderSet
from facebias.core.profiles import profile
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_audit
from facebias.data.rendering.pictures import HEIGHT, render_pictures
from facebias.data.sources.user_folder import UserFolder
from facebias.training.fit import fit
from facebias.training.score import score
from made import own_folder, picture, write


@pytest.fixture
def folder(tmp_path):
    return own_folder(tmp_path / "pictures")


def source(folder):
    return UserFolder(FolderSet.parse(f"folder:mine={folder}"))


def config(tmp_path, folder, **more):
    return profile(
        "tiny",
        audit_sets=f"folder:mine={folder}",
        **{f"{name}_dir": str(tmp_path / name) for name in ("runs", "data", "studies")},
        **more,
    )


def test_samples_have_the_known_columns_and_their_own(folder):
    samples = list(source(folder))
    assert [sample.image_id for sample in samples] == ["a.jpg", "sub/b.jpg", "c.jpg", "d.jpg"]
    first = samples[0]
    assert (first.gender, first.race, first.age) == ("Female", "", "30")
    assert first.more == (("hat", "yes"),) and first.where == "mine/labels.csv:2" and first.crop == 1.0
    assert [sample.identity for sample in samples] == ["p1", "p1", "p2", "d.jpg"]


def test_a_box_is_cut_and_one_that_is_none_is_one_line(folder):
    write(folder / "labels.csv", "file,left,top,side\na.jpg,10,20,50\n")
    for name in ("sub/b.jpg", "c.jpg", "d.jpg"):
        (folder / name).unlink()
    (sample,) = source(folder)
    assert (sample.crop.left, sample.crop.top, sample.crop.side) == (10, 20, 50)
    for side in ("0", "-1", "nan", "inf", "wide", ""):
        write(folder / "labels.csv", f"file,left,top,side\na.jpg,10,20,{side}\n")
        with pytest.raises(FacebiasError, match="box") as caught:
            list(source(folder))
        assert "labels.csv:2" in str(caught.value) and "\n" not in str(caught.value)


def test_a_picture_without_a_row_and_content_that_changed_are_one_line(folder):
    named = source(folder)
    picture(folder / "loose.png", 9)
    with pytest.raises(FacebiasError, match=r"1 pictures have no row in labels.csv, the first loose.png"):
        list(named)
    (folder / "loose.png").unlink()
    picture(folder / "a.jpg", 10)
    with pytest.raises(FacebiasError, match="holds something else than when it was named"):
        list(named)


def test_it_is_packed_with_its_groups_and_found_again_without_the_folder(folder, tmp_path):
    tiny = config(tmp_path, folder)
    packed = FaceDataset.load(pack_audit(tiny, "mine"))
    assert packed.table["hat"].tolist() == ["yes", "no", "yes", ""] and packed.attrs["framing"] == "as given"
    assert packed.table["gender"].tolist() == ["Female", "Male", "Female", "Male"]
    assert not packed.table["where"].str.contains(str(folder)).any()
    (folder / "labels.csv").unlink()
    assert pack_audit(Config.make(**tiny.as_dict()), "mine") == packed.path


def test_an_edited_folder_is_packed_anew(folder, tmp_path):
    first = pack_audit(config(tmp_path, folder), "mine")
    picture(folder / "a.jpg", 10)
    second = pack_audit(config(tmp_path, folder), "mine")
    assert first != second and not np.array_equal(FaceDataset.load(first).images, FaceDataset.load(second).images)


def test_its_own_groups_are_audited_beside_other_sets(tmp_path):
    render_pictures(tmp_path / "pictures", 70)
    tiny = config(tmp_path, tmp_path / "pictures").with_(audit_sets=f"synthetic,folder:mine={tmp_path / 'pictures'}")
    with pytest.warns(UserWarning, match="framing differs"):
        predictions = score(fit(tiny.for_arm("cnn", 0)), tiny)
    assert set(predictions.loc[predictions["dataset"] != "mine", "glasses"]) == {""}
    audit = Audit(predictions, 0.05, sets=tiny.audit_names)
    assert ("glasses",) in audit.groupings
    rows = audit.summary.query("dataset == 'mine' and grouping == 'glasses' and metric == 'TPR'")
    assert rows["n"].sum() == 70 and {"none"} < set(rows["group"])


def test_a_column_with_a_value_a_picture_is_kept_and_not_grouped_by(tmp_path):
    table = pd.DataFrame(
        {"camera": [f"c{i}" for i in range(MOST + 1)], "same": "x", "hat": ["a", "b", *[""] * (MOST - 1)]}
    )
    grouped, many = own_groupings(table)
    assert grouped == {"hat": 2} and many == {"camera": MOST + 1}


def test_rendered_pictures_hold_their_face_where_the_table_says(tmp_path):
    labels = render_pictures(tmp_path / "pictures", 8, 3)
    again = render_pictures(tmp_path / "again", 8, 3)
    assert labels.read_bytes() == again.read_bytes()
    assert (labels.parent / "000.png").read_bytes() == (again.parent / "000.png").read_bytes()
    table = pd.read_csv(labels, keep_default_na=False)
    assert (table["side"] < HEIGHT).all() and set(table["gender"]) == {"Female", "Male"}
    write(tmp_path / "again" / "diary.txt", "dear")
    with pytest.raises(FacebiasError, match=r"holds other files, such as diary.txt"):
        render_pictures(tmp_path / "again", 8, 3)
    with pytest.raises(FacebiasError, match="outside 1"):
        render_pictures(tmp_path / "none", 0)
