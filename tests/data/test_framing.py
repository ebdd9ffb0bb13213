"""Framing is measured: the eyes of the mean face tell how faces were cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facebias.core.errors import FacebiasError
from facebias.core.words import IMAGE_SIZE
from facebias.data.framing import Eyes, MeanFace, refuse_other_framing
from facebias.data.sources.celeba import CelebA
from facebias.data.sources.fairface import FairFace
from facebias.data.sources.utkface import UTKFace

TIGHT = Eyes(0.30, 0.36)


def faces(height: float, distance: float, count: int = 80, seed: int = 0) -> np.ndarray:
    """uint8 (count, 64, 64, 3): two dark spots and a mouth on a bright oval, each a little elsewhere, on noise."""
    rng, grid = np.random.default_rng(seed), np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE] + 0.5
    images = rng.integers(60, 200, (count, IMAGE_SIZE, IMAGE_SIZE)).astype(float)
    for image in images:
        row, middle = height * IMAGE_SIZE + rng.normal(0, 0.7), 32 + rng.normal(0, 0.7)
        half = distance * IMAGE_SIZE / 2
        image[((grid[0] - row - half) ** 2 / 2 + (grid[1] - middle) ** 2) < (1.8 * half) ** 2] += 60
        for y, x in ((row, middle - half), (row, middle + half), (row + 2 * half, middle)):
            image[(grid[0] - y) ** 2 + (grid[1] - x) ** 2 < 9] *= 0.4
    return np.repeat(images.clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def mean(*blocks: np.ndarray) -> MeanFace:
    found = MeanFace()
    for block in blocks:
        found.add(block)
    return found


@pytest.mark.parametrize("expected", [TIGHT, Eyes(0.43, 0.23), Eyes(0.38, 0.36), Eyes(0.23, 0.48)])
def test_eyes_are_found_where_they_are_within_a_pixel(expected):
    found = mean(faces(*expected)).eyes()
    assert found is not None and np.abs(np.array(found) - expected).max() * IMAGE_SIZE <= 1


def test_blocks_of_any_length_give_what_one_gives():
    images = faces(*TIGHT)
    one, many = mean(images), mean(images[:1], images[1:4], images[4:51], images[51:])
    assert one.eyes() == many.eyes() and (one.drawn() == many.drawn()).all()


@pytest.mark.parametrize("count", [0, 9])
def test_fewer_than_ten_faces_tell_nothing(count):
    few = mean(faces(0.43, 0.23, count))
    assert few.eyes() is None
    refuse_other_framing(few, TIGHT, "celeba")


@pytest.mark.parametrize("seed", range(3))
def test_pictures_without_any_face_tell_nothing(seed):
    noise = mean(np.random.default_rng(seed).integers(0, 256, (200, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8))
    assert noise.eyes() is None
    refuse_other_framing(noise, TIGHT, "celeba")


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            Eyes(0.43, 0.23),
            r"eyes at height 0\.4\d, 0\.2\d apart; as published eyes at height 0\.30, 0\.36 apart: [89] p",
        ),
        (Eyes(0.43, 0.23), r"likely cut wider, 1\.[56] times the side"),
        (Eyes(0.23, 0.48), r"likely cut tighter, 0\.[78] times the side"),
        (Eyes(0.38, 0.36), r"likely moved or squeezed"),
    ],
)
def test_another_framing_is_refused_with_numbers_and_the_likely_cause(found, says):
    with pytest.raises(FacebiasError, match=says):
        refuse_other_framing(mean(faces(*found, 100)), TIGHT, "celeba")
    for few in (10, 40):  # ten are enough to see it, and too few to stop
        with pytest.warns(UserWarning, match=says):
            refuse_other_framing(mean(faces(*found, few)), TIGHT, "celeba")


@pytest.mark.parametrize("count", [10, 40, 200])
def test_what_lies_within_two_pixels_passes(count):
    for shifted in (TIGHT, Eyes(0.32, 0.38)):
        refuse_other_framing(mean(faces(*shifted, count)), TIGHT, "celeba")


def test_what_may_lie_within_two_pixels_in_other_faces_of_the_kind_passes():
    between = np.concatenate([faces(*TIGHT, 20), faces(0.36, 0.36, 20)])  # the mean has eyes at neither place
    refuse_other_framing(mean(between), TIGHT, "celeba")


@pytest.mark.parametrize("source", [CelebA, FairFace, UTKFace])
def test_published_photographs_are_framed_as_it_is_said_of_them_and_wider_ones_are_not(test_data, source):
    from facebias.data.pack.workers import decode

    samples = list(source(test_data / source.name))[:1200]
    refuse_other_framing(mean(decode(samples, IMAGE_SIZE).block.images), source.eyes, source.name)
    wide = [replace(sample, crop=0.8) for sample in samples[:: len(samples) // 120]]
    with pytest.raises(FacebiasError, match="FRAMING"):
        refuse_other_framing(mean(decode(wide, IMAGE_SIZE).block.images), source.eyes, source.name)
