"""FullGrad on hardened networks of every family, image by image, and beside grad-cam."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from completeness import NETWORKS

from facebias.saliency import FullGrad
from facebias.saliency.benchmarks.networks import network, smallest_side


def noise(count: int = 2, side: int = 64, dtype: torch.dtype = torch.float64, channels: int = 3) -> torch.Tensor:
    return torch.randn((count, channels, side, side), generator=torch.Generator().manual_seed(1), dtype=dtype)


@pytest.mark.parametrize("name", NETWORKS)
def test_terms_add_up_for_every_image_of_a_hardened_network(name):
    model, images = network(name), noise(2, smallest_side(name))
    single = FullGrad(model).decompose(images.float())
    exact = FullGrad(model.double()).decompose(images)
    assert single.relative_error.max() < 1e-5
    assert exact.relative_error.max() < 1e-12
    assert len(exact.bias_terms) >= 8 and exact.output.abs().min() > 1e-3


@pytest.mark.parametrize("name", ["resnet18", "vgg16_bn"])
def test_agrees_with_grad_cam_by_channel(name):
    from pytorch_grad_cam import FullGrad as Peer
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model, images = network(name), noise(2, 64, torch.float32)
    with Peer(model, []) as peer:
        theirs = peer(images, [ClassifierOutputTarget(3)] * 2)
    ours = FullGrad(model).saliency(images, 3, scope="channel", align_corners=False)
    for mine, other in zip(ours.numpy(), theirs, strict=True):
        assert np.corrcoef(mine.ravel(), other.ravel())[0, 1] >= 0.999


@pytest.mark.parametrize(
    "name", ["standard_cnn", "convnext_tiny", "vision_transformer", "swin_t", "shufflenet_v2_x1_0"]
)
def test_an_image_has_the_same_map_alone_in_a_batch_and_in_another_order(name):
    method, images = FullGrad(network(name).double()), noise(3)
    together, order = method.saliency(images), torch.tensor([2, 0, 1])
    torch.testing.assert_close(method.saliency(images[order]), together[order], rtol=1e-5, atol=1e-8)
    terms, alone = method.decompose(images).bias_terms, method.explain(images[1:2])
    torch.testing.assert_close(alone.map, together[1:2], rtol=1e-5, atol=1e-8)
    for term in terms:
        torch.testing.assert_close(terms[term][1:2], alone.decomposition.bias_terms[term], rtol=1e-8, atol=1e-9)
