"""Near-misses: mined from training pictures alone, the same for every arm, and part of training alone."""

from __future__ import annotations

import numpy as np
import pytest

from facebias.core.files import read_json
from facebias.core.profiles import profile
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_training
from facebias.training import near_misses as mining
from facebias.training.fit import fit
from facebias.training.near_misses import MOST, near_misses, training_bytes, training_split
from made import raw
from trainings import quiet


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mined")
    sizes = {"train_size": 0, "negative_size": 0, "validation_share": 0.25, "test_share": 0.25, "hard_share": 0.5}
    places = {"data_root": str(raw(folder / "raw")), "data_dir": str(folder / "data"), "runs_dir": str(folder / "runs")}
    return profile("tiny", train_faces="celeba", negatives="folder", audit_sets="fairface", **sizes, **places)


def test_they_are_squares_of_training_pictures_few_of_each(config):
    mined, files = FaceDataset.load(near_misses(config)), pack_training(config)
    train = FaceDataset.load(files["train"])
    assert len(mined) and not len(mined.faces) and set(mined.table["factor_kind"]) == {"near_miss"}
    assert set(mined.table["identity"]) <= set(train.table["identity"])
    assert mined.table["identity"].value_counts().max() <= MOST
    assert not set(mined.table["image_id"]) & set(train.table["image_id"])


def test_every_arm_has_the_same_and_they_are_found_again(config, monkeypatch):
    first = near_misses(config.for_arm("cnn", 0))
    monkeypatch.setattr(mining, "short_training", lambda *_: pytest.fail("mined twice"))
    assert near_misses(config.for_arm("dbvae-0.01", 3)) == first


def test_mining_again_gives_the_same_bytes(config, tmp_path):
    again = config.with_(data_dir=str(tmp_path / "data"), threads=2)
    assert near_misses(again).read_bytes() == near_misses(config).read_bytes()


def test_they_stand_below_the_training_split_whose_rows_keep_their_numbers(config):
    path = pack_training(config)["train"]
    packed, mined, whole = FaceDataset.load(path), FaceDataset.load(near_misses(config)), training_split(config, path)
    assert len(whole) == len(packed) + len(mined)
    np.testing.assert_array_equal(whole.faces, packed.faces)
    np.testing.assert_array_equal(whole.images[len(packed) :], mined.images)


def test_a_run_records_the_bytes_of_both_files(config):
    path = pack_training(config)["train"]
    run = fit(config.for_arm("cnn", 0), quiet)
    assert read_json(run.path / "DONE.json")["train_sha256"] == training_bytes(config, path)
    assert training_bytes(config, path).count("+") == 1
    assert len(run.sampling_faces) == len(FaceDataset.load(path).faces)


def test_what_a_second_detector_takes_for_a_face_is_left_out(monkeypatch):
    images = np.zeros((6, 64, 64, 3), np.uint8)
    images[[1, 3]] = 1
    monkeypatch.setattr(mining, "lbp_cascade", lambda some: np.where(some[:, 0, 0, 0] == 1, 2.0, -5.0))
    assert list(mining._no_faces(images, 3)) == [0, 2, 4]
    assert list(mining._no_faces(images, 9)) == [0, 2, 4, 5]
    assert list(mining._no_faces(images, 0)) == []


def test_without_hard_negatives_nothing_is_mined(config):
    assert near_misses(config.with_(hard_share=0.0)) is None
    assert near_misses(profile("tiny", hard_share=0.5)) is None  # rendered ones are hard by rule alone
