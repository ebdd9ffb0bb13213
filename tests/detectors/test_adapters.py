"""Detectors of other libraries as detectors of crops."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_audit, pack_training
from facebias.detectors.adapters import facenet, lbp_cascade, mtcnn


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> tuple[np.ndarray, np.ndarray]:
    """Rendered faces, and rendered non-faces."""
    config = Config(
        train_size=64, negative_size=160, audit_size=96, data_dir=str(tmp_path_factory.mktemp("rendered")), workers=1
    )
    data = FaceDataset.load(pack_training(config)["train"])
    return FaceDataset.load(pack_audit(config, "synthetic")).images, data.images[data.negatives]


class TestCascade:
    def test_rendered_faces_score_above_non_faces(self, rendered):
        faces, others = (lbp_cascade(images) for images in rendered)
        above = (faces[:, None] > others).mean() + (faces[:, None] == others).mean() / 2
        assert above > 0.8

    def test_scores_are_stages_below_zero_and_windows_above(self, rendered):
        scores = np.concatenate([lbp_cascade(images) for images in rendered])
        assert (scores == scores.round()).all() and (scores != 0).all()
        assert scores.min() >= -20 and (scores < 0).any() and (scores > 0).any()

    def test_a_blank_crop_scores_low_and_an_image_scores_the_same_alone(self, rendered):
        faces = rendered[0][:4]
        blank = np.zeros((1, 64, 64, 3), np.uint8)
        assert lbp_cascade(blank)[0] < 0
        assert lbp_cascade(np.concatenate([blank, faces]))[1:].tolist() == [lbp_cascade(f[None])[0] for f in faces]

    def test_stages_passed_agree_with_a_search_from_the_first(self, rendered):
        from facebias.detectors.adapters import cascade

        images = rendered[1][lbp_cascade(rendered[1]) < 0][:5]
        _, stages = cascade._cascade()
        for image, score in zip(images, lbp_cascade(images), strict=True):
            from skimage.color import rgb2gray

            grey = np.pad(rgb2gray(image), cascade.SEARCH.margin, mode="edge")
            passes = [cascade._windows(grey, cascade.SEARCH, k, cascade._APART) > 0 for k in range(1, stages + 1)]
            assert passes == [k <= score + stages for k in range(1, stages + 1)]

    def test_no_images_have_no_scores(self):
        assert lbp_cascade(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0,)


class Stub(torch.nn.Module):
    """In the place of facenet-pytorch's MTCNN: odds of 2 in a bright crop, -40 in a grey one, none in a dark one."""

    def __init__(self, **options):
        super().__init__()
        self.onet = torch.nn.Module()
        self.onet.softmax6_1 = torch.nn.Softmax(dim=1)
        self.options = options

    def detect(self, images):
        assert images.shape[1:] == (facenet.SIDE, facenet.SIDE, 3)
        found = []
        for value in images.mean((1, 2, 3)).tolist():
            odds = 2.0 if value > 200 else -40.0
            both = self.onet.softmax6_1(torch.tensor([[0.0, odds], [0.0, odds - 1]]))[:, 1]
            found.append([None] if value < 50 else both.numpy())
        return None, found


class TestMtcnn:
    @pytest.fixture(autouse=True)
    def fresh(self):
        facenet._detector.cache_clear()
        yield
        facenet._detector.cache_clear()

    def test_the_best_candidates_log_odds_are_the_score_and_none_is_below_all(self, monkeypatch):
        module = types.ModuleType("facenet_pytorch")
        module.MTCNN = Stub
        monkeypatch.setitem(sys.modules, "facenet_pytorch", module)
        levels = np.resize(np.array([250, 100, 0], np.uint8), (70, 1, 1, 1))
        images = np.broadcast_to(levels, (70, 64, 64, 3)).copy()
        assert mtcnn(images)[:3].tolist() == [2.0, facenet._LOWEST, facenet.NO_CANDIDATE]
        assert mtcnn(images).shape == (70,)

    def test_where_it_is_not_installed_one_line_says_how_to_install_it(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "facenet_pytorch", None)
        with pytest.raises(FacebiasError, match="pip install --no-deps facenet-pytorch") as error:
            mtcnn(np.zeros((1, 64, 64, 3), np.uint8))
        assert "\n" not in str(error.value)

    def test_rendered_faces_score_above_non_faces(self, rendered):
        pytest.importorskip("facenet_pytorch", reason="pip install --no-deps facenet-pytorch")
        faces, others = mtcnn(rendered[0][:40]), mtcnn(rendered[1][:40])
        assert np.median(faces) > 0 > np.median(others)
