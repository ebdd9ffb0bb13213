"""Which detection finds which face."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_iou

from facebias.analyses.whole_pictures.matching import NEVER, best, ious
from facebias.detectors.pictures import Detections

FACE = np.array([10.0, 10.0, 30.0, 30.0])
SIZE = (40, 40)


def score(box, rule, face=FACE):
    return best(Detections(np.array([box], float), np.array([0.7])), face, SIZE, rule)


@pytest.mark.parametrize(
    ("box", "centre", "iou"),
    [
        ((10, 10, 30, 30), True, True),
        ((15, 15, 25, 25), True, False),  # half of the side: a quarter of the area
        ((16, 16, 25, 25), False, False),  # smaller than half
        ((0, 0, 40, 40), True, False),  # twice the side
        ((25, 10, 45, 30), False, False),  # the centre is at 35
        ((20, 10, 40, 30), True, False),  # the centre on the edge, a third shared
        ((12, 8, 32, 28), True, True),
    ],
)
def test_centre_and_side_or_half_of_the_union(box, centre, iou):
    assert (score(box, "centre") == 0.7) == centre
    assert (score(box, "iou") == 0.7) == iou


def test_the_best_of_several_matches_counts_and_never_one_that_does_not_match():
    boxes = np.array([[10, 10, 30, 30], [11, 11, 31, 31], [0, 0, 4, 4]], float)
    found = Detections(boxes, np.array([0.2, 0.6, 9.0]))
    assert best(found, FACE, SIZE) == 0.6
    assert best(Detections(np.empty((0, 4)), np.empty(0)), FACE, SIZE) == NEVER
    assert best(Detections(boxes[2:], np.array([9.0])), FACE, SIZE) == NEVER


def test_without_a_box_a_detection_in_the_middle_and_of_a_tenth_of_the_side_counts():
    nowhere = np.full(4, np.nan)
    for rule in ("centre", "iou"):
        assert score((18, 18, 22, 22), rule, nowhere) == 0.7
        assert score((18, 18, 21, 21), rule, nowhere) == NEVER  # three pixels of forty
        assert score((0, 0, 10, 10), rule, nowhere) == NEVER


@given(st.lists(st.tuples(*[st.floats(0, 50), st.floats(0, 50), st.floats(1, 40), st.floats(1, 40)]), min_size=1))
def test_shares_of_the_union_are_those_of_torchvision(rows):
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in rows])
    expected = box_iou(torch.from_numpy(boxes), torch.from_numpy(FACE[None]))[:, 0]
    assert ious(boxes, FACE) == pytest.approx(expected.numpy())
    found = Detections(boxes, np.ones(len(boxes)))
    assert (best(found, FACE, SIZE, "iou") == 1) == bool((expected >= 0.5).any())
