from __future__ import annotations

import pytest

from facebias.core.errors import FacebiasError
from facebias.data.sources.negatives import Folder, RandomSquare
from made import nonfaces


def test_crops_of_a_picture_share_its_identity(tmp_path):
    samples = list(Folder(nonfaces(tmp_path), crops=3))
    assert len(samples) == 24 and len({s.image_id for s in samples}) == 24 and {s.label for s in samples} == {0}
    assert len({s.identity for s in samples}) == 8 and samples[0].identity == samples[2].identity == "class0/0.jpg"


def test_crops_depend_on_seed_and_name_alone(tmp_path):
    nonfaces(tmp_path)
    crops = {s.image_id: s.crop for s in Folder(tmp_path, 2, seed=1)}
    (tmp_path / "class0/0.jpg").unlink()
    fewer = {s.image_id: s.crop for s in Folder(tmp_path, 2, seed=1)}
    assert all(crops[name] == crop for name, crop in fewer.items()) and len(set(crops.values())) == 16
    assert not set(crops.values()) & {s.crop for s in Folder(tmp_path, 2, seed=2)}


@pytest.mark.parametrize("width, height", [(500, 375), (224, 224), (100, 300), (40, 50)])
def test_squares_lie_inside_and_magnify_only_small_pictures(width, height):
    for seed in range(200):
        box = RandomSquare(seed).box(width, height)
        assert box.left >= 0 and box.left + box.side <= width + 1e-9 and box.top >= 0
        assert box.top + box.side <= height + 1e-9
        assert box.side >= min(64, width, height)


def test_squares_have_many_scales():
    sides = [RandomSquare(seed).box(640, 640).side / 640 for seed in range(400)]
    assert min(sides) < 0.4 and max(sides) > 0.95 and 0.6 < sum(sides) / 400 < 0.75


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(FacebiasError, match="no picture is there"):
        list(Folder(tmp_path))
