"""A detector of whole pictures, called with care."""

from __future__ import annotations

import numpy as np
import pytest

import picture_detectors as made
from facebias.core.errors import FacebiasError
from facebias.detectors.pictures import Card, PictureDetector

PICTURES = [np.array(made.picture(level, 0)) for level in (200, 0, 150)]


def test_boxes_and_scores_come_back_as_they_were_given():
    found = PictureDetector("bright", made.bright)(PICTURES)
    assert [len(one.scores) for one in found] == [1, 0, 1]
    assert found[0].boxes.tolist() == [list(map(float, made.FACE))]
    assert found[0].scores[0] > found[2].scores[0]


def test_one_that_takes_many_pictures_answers_as_one_that_takes_one():
    one, many = PictureDetector("a", made.bright), PictureDetector("b", made.many, batch=True)
    for left, right in zip(one(PICTURES), many(PICTURES), strict=True):
        assert left.boxes.tolist() == right.boxes.tolist() and left.scores.tolist() == right.scores.tolist()


def test_a_detector_that_paints_into_its_picture_changes_nothing():
    def paints(picture):
        picture[:] = 0
        return [], []

    before = PICTURES[0].copy()
    PictureDetector("paints", paints)([PICTURES[0]])
    assert (PICTURES[0] == before).all()


@pytest.mark.parametrize(
    ("find", "said"),
    [
        (made.not_a_number, "not finite"),
        (lambda picture: ([[0, 0, 1e39, 1e39]], [1.0]), "over 1e38"),
        (lambda picture: ([[0, 0, 5, 5]], [-1e39]), "over 1e38"),
        (made.upside_down, r"1 box\(es\) upside down or empty, the first 5, 5, 0, 0"),
        (made.wrong_shape, r"boxes \(2, 4\) and scores \(3,\), expected \(M, 4\) and \(M,\)"),
        (lambda picture: 3, "a int, expected boxes and scores"),
        (lambda picture: ("a", "b"), "a tuple of 2, expected boxes and scores"),
    ],
)
def test_an_answer_that_is_none_is_told_in_one_line(find, said):
    with pytest.raises(FacebiasError, match=said) as error:
        PictureDetector("odd", find)(PICTURES[:1])
    assert "\n" not in str(error.value) and "odd" in str(error.value)


def test_a_batch_of_another_length_is_refused():
    with pytest.raises(FacebiasError, match="3 pictures with a list of 1, expected a list as long"):
        PictureDetector("short", lambda pictures: made.many(pictures)[:1], batch=True)(PICTURES)


def test_another_version_weights_or_setting_is_another_key():
    cards = [Card(), Card("2"), Card(weights="ab"), Card(settings={"threshold": 1})]
    assert len({PictureDetector("one", made.bright, card=card).key for card in cards}) == len(cards)
