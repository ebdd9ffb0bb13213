"""Augmentation treats whole batches alike and is repeatable."""

from __future__ import annotations

import pytest
import torch

from facebias.core.config import Config
from facebias.training.augmentation import augment


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_nothing_asked_for_changes_nothing(images):
    still = Config(flip=False, scale=0.0, shift=0.0)
    torch.testing.assert_close(augment(images, still, generator()), images, atol=1e-5, rtol=0)


def test_flip_alone_mirrors_about_half_of_the_images(images):
    out = augment(images, Config(flip=True, scale=0.0, shift=0.0), generator())
    mirrored = [torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(out, images, strict=True)]
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(out, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 0 < sum(mirrored) < len(images)


@pytest.mark.parametrize("photometric", [False, True])
def test_the_same_generator_gives_the_same_batch_and_values_stay_in_range(images, photometric):
    config = Config(photometric=photometric)
    a, b = (augment(images.clone(), config, generator()) for _ in range(2))
    assert torch.equal(a, b)
    assert a.min() >= 0 and a.max() <= 1
    assert a.shape == images.shape
    assert not torch.equal(a, images)


def test_the_input_is_not_changed(images):
    before = images.clone()
    augment(images, Config(photometric=True), generator())
    assert torch.equal(images, before)


def test_enlarged_views_have_no_black_border():
    white = torch.ones(16, 3, 64, 64)
    assert augment(white, Config(scale=0.5, shift=0.2), generator()).min() > 0.999
