"""Infidelity and sensitivity tell a faithful map and a steady one from others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from facebias.core.errors import FacebiasError
from facebias.saliency.benchmarks.faithfulness import faithfulness


class Grey(nn.Module):
    """A logit that is the sum over all colours under positive weights: its gradient is its whole story."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.1, 2, 16 * 16).reshape(16, 16))

    def forward(self, images):
        return (images.sum(1) * self.weight).sum((1, 2))


def test_the_weights_of_a_linear_model_are_faithful_and_steady_and_noise_is_neither():
    model = Grey().eval()
    images = torch.randint(256, (10, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    weights = model.weight.detach().expand(10, 1, 16, 16)
    random = torch.get_rng_state()
    right = faithfulness("input_gradient", model, images, weights)
    assert torch.equal(torch.get_rng_state(), random)
    wrong = faithfulness("random", model, images, weights.flip(2, 3))
    assert right["infidelity"].shape == (10,) and right["infidelity"].max() < 1e-3 < wrong["infidelity"].min()
    assert right["sensitivity"].max() < 1e-5 < 0.1 < wrong["sensitivity"].min()
    again = faithfulness("input_gradient", model, images, 7 * weights)  # a map's scale says nothing
    np.testing.assert_allclose(again["infidelity"], right["infidelity"], atol=1e-5)


def test_a_map_that_is_not_finite_is_named():
    model, images = Grey().eval(), torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(FacebiasError, match="its infidelity is not finite"):
        faithfulness("input_gradient", model, images, torch.full((1, 1, 16, 16), torch.nan))
