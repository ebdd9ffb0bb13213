"""Remove and retrain, and its smooth control."""

from __future__ import annotations

import pytest
import torch

from facebias.detectors.networks import build_model
from facebias.saliency.benchmarks import removal_order, retrain
from facebias.saliency.benchmarks.retrain import balanced, train_briefly
from facebias.saliency.benchmarks.sanity import blurred_random, matching_width, smoothness
from made import face_set


@pytest.mark.parametrize("width", [0.0, 1.5, 4.0, 8.0])
def test_the_control_is_as_smooth_as_the_method(width):
    maps = blurred_random(24, 64, width, 1)
    assert matching_width(maps) == pytest.approx(width, rel=0.12)
    assert smoothness(maps) <= width


def test_a_brief_training_learns_and_repeats_itself(tiny):
    config, data = tiny.with_(model="standard_cnn"), face_set()
    one, two = (train_briefly(config, data, 3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    initial = build_model(config).state_dict()
    assert not torch.equal(one.head.weight, initial["head.weight"]) and not one.training
    outcome = retrain.retrain(config, retrain.Splits(data, face_set(1), face_set(2)), 16)
    assert outcome.accuracy.mean() > 0.9 and outcome.recall.mean() > 0.9 and len(outcome.recall) == 32


def test_removing_what_matters_lowers_recall_and_removing_a_corner_does_not(tiny):
    splits, config = retrain.Splits(face_set(), face_set(1), face_set(2)), tiny.with_(model="standard_cnn")
    good, bad = torch.zeros(2, 64, 1, 64, 64)
    good[..., 24:40, 24:40], bad[..., :16, :16] = 1, 1
    share, fill, right = 100 * 256 / 4096, retrain.channel_mean(splits.train), []
    for maps in (good, bad):
        order = removal_order(maps, "most")
        changed = retrain.Splits(*(retrain.without(data, order, share, fill) for data in splits.each()))
        right.append(retrain.retrain(config, changed, 16).recall.mean())
    assert right[0] < 0.5 < 0.9 < right[1]
    gone = retrain.without(splits.train, removal_order(good, "most"), share, fill)
    assert (gone.images[:, 30, 30] == fill.numpy()).all() and (gone.images[:, :16] == splits.train.images[:, :16]).all()


def test_a_sample_is_balanced_and_drawn_without_replacement():
    part = balanced(face_set(), 20, 3)
    assert len(part.faces) == len(part.negatives) == 10 and part.table["image_id"].is_unique
    assert (part.labels == part.table["image_id"] % 2).all()
