from __future__ import annotations

import h5py
import numpy as np
import pytest

from facebias.core.errors import FacebiasError
from facebias.data.sources.lab_h5 import LabFile
from made import write


def lab(path, count=10, **change):
    images = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), np.uint8)
    labels = (np.arange(count) % 2).astype(np.uint8)[:, None]
    with h5py.File(path, "w") as file:
        file["images"], file["labels"] = change.get("images", images), change.get("labels", labels)
        if "drop" in change:
            del file[change["drop"]]
    return images


def test_faces_come_in_rgb_with_their_row(tmp_path):
    images = lab(tmp_path / "train_face.h5")
    (block,) = LabFile(tmp_path / "train_face.h5", label=1)
    assert np.array_equal(block.images, images[1::2, :, :, ::-1]) and block.images.flags.c_contiguous
    assert list(block.table["image_id"]) == [f"train_face.h5:{i}" for i in (1, 3, 5, 7, 9)]
    assert block.table["identity"].is_unique and (block.table["label"] == 1).all()


def test_is_read_in_pieces(tmp_path):
    lab(tmp_path / "t.h5", 1100)
    blocks = list(LabFile(tmp_path / "t.h5", label=0))
    assert [len(block.images) for block in blocks] == [256, 256, 38]


def test_does_not_claim_the_tight_framing():
    assert LabFile("x", 1).framing != "tight"


@pytest.mark.parametrize(
    "change, code, say",
    [
        (
            {"images": np.zeros((4, 32, 32, 3), np.uint8), "labels": np.zeros((4, 1))},
            "SCHEMA",
            r"\(4, 32, 32, 3\), expected",
        ),
        ({"images": np.zeros((4, 64, 64, 3), np.float32), "labels": np.zeros((4, 1))}, "SCHEMA", "float32"),
        ({"labels": np.zeros((3, 1))}, "SCHEMA", r"\(3, 1\), expected \(10, 1\)"),
        ({"labels": np.full((10, 1), 2)}, "LABEL", ":0: label 2"),
        ({"drop": "labels"}, "SCHEMA", "found images"),
    ],
)
def test_names_what_is_wrong_inside(tmp_path, change, code, say):
    lab(tmp_path / "t.h5", **change)
    with pytest.raises(FacebiasError, match=say) as caught:
        list(LabFile(tmp_path / "t.h5", 1))
    assert caught.value.code == code


def test_missing_html_and_cut_off_files(tmp_path):
    with pytest.raises(FacebiasError, match="MISSING"):
        list(LabFile(tmp_path / "none.h5", 1))
    with pytest.raises(FacebiasError, match="an HTML page"):
        list(LabFile(write(tmp_path / "page.h5", "<html>sign in</html>"), 1))
    lab(tmp_path / "t.h5")
    with pytest.raises(FacebiasError, match="HDF5"):
        list(LabFile(write(tmp_path / "cut.h5", (tmp_path / "t.h5").read_bytes()[:5000]), 1))
