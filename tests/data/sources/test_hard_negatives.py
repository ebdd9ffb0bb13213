"""Hard negatives: made by rule from pictures of their own split, in the share that is asked for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.data.dataset import FaceDataset
from facebias.data.describe import negative_kinds, report
from facebias.data.pack import pack_training
from facebias.data.skin_tone import MONK_HEX
from facebias.data.sources import further_negatives
from facebias.data.sources.base import Box
from facebias.data.sources.celeba import CelebA
from facebias.data.sources.hard_negatives import KINDS, HardNegatives, Part, Tinted, UpsideDown
from facebias.data.sources.negatives import Folder
from facebias.data.sources.rendered import Rendered
from facebias.data.splits import split_of
from made import picture, pixels, raw

DOG, BIRD = "n02102040_1.jpg", "n01530575_1.jpg"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = raw(tmp_path_factory.mktemp("hard") / "raw")
    for seed, name in enumerate((DOG, BIRD), 300):
        picture(folder / "nonfaces" / name, seed, 140, 100)
    return folder


@pytest.fixture(scope="module")
def samples(root):
    source = HardNegatives(CelebA(root / "celeba"), Folder(root / "nonfaces", 2), cap=0, share=0.5, seed=0)
    return list(source)


def kinds(samples) -> Counter:
    return Counter(dict(one.more)["factor_kind"] for one in samples)


def test_kinds_are_alike_in_number_and_make_up_the_share(samples):
    # 32 pictures with two squares each are 64 plain ones; a single dog gives no more than 8 squares
    assert kinds(samples) == {"upside_down": 16, "part": 16, "skin_colour": 16, "animal": 8}


def test_they_are_non_faces_of_unknown_people_with_an_identity_and_a_name_of_their_own(samples, root):
    assert {one.label for one in samples} == {0} and {one.gender for one in samples} == {""}
    assert len({one.image_id for one in samples}) == len(samples)
    people = {face.image_id: face.identity for face in CelebA(root / "celeba")}
    turned = [one for one in samples if one.image_id.startswith("upside_down/")]
    assert all(one.identity == people[one.image_id.removeprefix("upside_down/")] for one in turned)


def test_animals_are_the_pictures_with_the_wordnet_id_of_a_mammal(samples):
    assert {one.identity for one in samples if one.image_id.startswith("animal/")} == {DOG}


def test_who_is_taken_and_what_is_cut_follow_from_the_seed(samples, root):
    faces, pictures = CelebA(root / "celeba"), Folder(root / "nonfaces", 2)
    again, other = (list(HardNegatives(faces, pictures, 0, 0.5, seed)) for seed in (0, 1))
    assert samples == again
    assert {one.image_id for one in samples} != {one.image_id for one in other}


def test_rendered_faces_give_none_and_say_so(root):
    source = HardNegatives(Rendered("faces", 8, 0), Folder(root / "nonfaces", 2), 0, 0.5, 0)
    with pytest.raises(FacebiasError, match=r"no photographs.*\n?.*hard_share"):
        list(source)
    with pytest.raises(FacebiasError, match="hard_share"):
        further_negatives(profile("tiny", negatives="lab", hard_share=0.5))


def test_upside_down_is_a_turn_by_180_degrees():
    image = pixels(1, 64, 64)
    turned = UpsideDown()(image)
    assert np.array_equal(turned[0, 0], image[-1, -1]) and np.array_equal(UpsideDown()(turned), image)


@pytest.mark.parametrize("tone", [0, 5, 9])
def test_a_tinted_square_has_the_colour_of_skin_and_the_light_of_its_picture(tone):
    image = np.repeat(np.linspace(60, 200, 64).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    found = Tinted(tone)(image)
    assert found.dtype == np.uint8 and (np.diff(found[0].astype(int), axis=0) >= 0).all()
    skin = np.array([int(MONK_HEX[tone][i : i + 2], 16) for i in (0, 2, 4)])
    nearest = found[0, np.abs(found[0].astype(int) - skin).sum(axis=1).argmin()]
    np.testing.assert_allclose(nearest, skin, atol=6)


def test_a_part_is_a_small_square_inside_the_face_and_the_picture():
    for seed in range(100):
        box = Part(Box(10, 20, 100), seed).box(178, 218)
        assert 30 <= box.side <= 50 and box.left >= 10 and box.left + box.side <= 110
        assert box.top >= 20 and box.top + box.side <= 120
        assert Part(Box(-30, -30, 100), seed).box(60, 60).left >= 0


@pytest.fixture(scope="module")
def packed(root, tmp_path_factory):
    shares = {"validation_share": 0.25, "test_share": 0.25, "train_size": 0, "negative_size": 0}
    config = profile("tiny", train_faces="celeba", negatives="folder", data_root=str(root), hard_share=0.5, **shares)
    config = config.with_(data_dir=str(tmp_path_factory.mktemp("packed")))
    return {split: FaceDataset.load(path) for split, path in pack_training(config).items()}


def test_no_person_and_no_picture_is_in_two_splits(packed):
    seen = [set(data.table["identity"]) for data in packed.values()]
    assert sum(map(len, seen)) == len(set().union(*seen))


def test_every_split_has_hard_negatives_and_tells_how_many_of_each_kind(packed):
    for data in packed.values():
        table = negative_kinds(data)
        assert {"random square", "upside down", "part", "skin colour"} <= set(table.index)
        assert table["n"].sum() == len(data.negatives) and "upside down" in report(data)


def test_a_packed_upside_down_face_is_that_face_turned(packed):
    data = packed["train"]
    names = data.table["image_id"].to_numpy()
    turned = next(i for i in data.negatives if names[i].startswith("upside_down/"))
    face = np.flatnonzero(names == names[turned].removeprefix("upside_down/"))[0]
    assert np.array_equal(data.images[turned], data.images[face][::-1, ::-1])


def test_without_a_share_data_are_as_they_were(root):
    config = profile("tiny", train_faces="celeba", negatives="folder", data_root=str(root))
    assert further_negatives(config) is None and further_negatives(config.with_(hard_share=0.5)) is not None
    assert set(KINDS) == {"upside_down", "part", "skin_colour", "animal"}
    assert config.with_(hard_share=0.0).data_key == config.data_key != config.with_(hard_share=0.5).data_key


def test_real_pictures_give_every_kind_in_every_split(test_data):
    faces, pictures = CelebA(test_data / "celeba"), Folder(test_data / "nonfaces", 1)
    found = list(HardNegatives(faces, pictures, cap=0, share=0.5, seed=0))
    assert set(kinds(found)) == set(KINDS) and min(kinds(found).values()) > 500
    splits = {(dict(one.more)["factor_kind"], split_of(one.identity, 0, 0.15, 0.15)) for one in found}
    assert len(splits) == 3 * len(KINDS)
