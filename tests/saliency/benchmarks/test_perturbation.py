"""Which pixels are removed, and what the score loses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from facebias.core.errors import FacebiasError
from facebias.saliency.benchmarks import perturbation_changes, removal_order, remove
from facebias.saliency.benchmarks.perturbation import pixel_count


class Sum(nn.Module):
    """Weighs each pixel by a known amount; the answer is known for every pixel that is removed."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(weight, dtype=torch.float32))

    def forward(self, images):
        return (images.mean(1) * self.weight).sum((1, 2))


def white(count=2, side=20):
    return torch.full((count, 3, side, side), 255, dtype=torch.uint8)


def test_ties_are_broken_by_pixel_index_in_both_directions():
    maps = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    assert removal_order(maps, "least").tolist() == [[1, 3, 0, 2]]
    assert removal_order(maps, "most").tolist() == [[0, 2, 1, 3]]
    with pytest.raises(FacebiasError, match="least or most"):
        removal_order(maps, "both")


def test_only_the_chosen_pixels_are_filled_and_the_original_stays():
    images = torch.arange(12, dtype=torch.uint8).view(1, 3, 2, 2) + 1
    gone = remove(images, torch.tensor([[3, 0, 1, 2]]), 2, torch.tensor([7, 8, 9]))
    assert gone.tolist() == [[[[7, 2], [3, 7]], [[8, 6], [7, 8]], [[9, 10], [11, 9]]]]
    assert int(images.sum()) == 78 and gone.dtype == torch.uint8


def test_the_change_is_the_share_of_the_score_that_the_removed_pixels_carried():
    weight = torch.ones(20, 20)
    weight[0] = 19  # the first row, 5 % of the pixels, carries half of the score
    model, maps = Sum(weight), weight.expand(2, 1, 20, 20).contiguous()
    most = perturbation_changes(model, white(), maps, (5.0, 10.0), "most")
    least = perturbation_changes(model, white(), maps, (5.0, 10.0), "least")
    np.testing.assert_allclose(most, [[0.5, 0.5 + 20 / 760]] * 2, rtol=1e-5)
    np.testing.assert_allclose(least, [[20 / 760, 40 / 760]] * 2, rtol=1e-5)


def test_the_change_is_in_the_class_that_was_highest_before():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, images):
            light = images.mean((1, 2, 3)) * self.scale
            return torch.stack([light, 0.95 - 0 * light], dim=1)

    ramp = torch.arange(400.0).view(1, 1, 20, 20)
    change = perturbation_changes(Two(), white(1), ramp, (10.0,))
    # a tenth of the light is gone and the other class wins; the first class' change is still the answer
    np.testing.assert_allclose(change, [[0.1]], rtol=1e-5)


def test_a_score_of_zero_has_no_relative_change():
    with pytest.raises(FacebiasError, match="exactly 0"):
        perturbation_changes(Sum(torch.ones(20, 20)), 0 * white(), torch.rand(2, 1, 20, 20))


def test_at_least_one_pixel_goes():
    assert [pixel_count(share, 4096) for share in (0.001, 0.1, 1, 10)] == [1, 4, 41, 410]
