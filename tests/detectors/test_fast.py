from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from facebias.core.config import Config
from facebias.detectors.fast import Folded
from facebias.detectors.inference import as_input, inference, posterior, posterior_sd
from facebias.detectors.networks import build_model

GENERATOR = torch.Generator().manual_seed(1)
# from dark to bright, so that logits differ: all noise looks alike
IMAGES = (torch.rand(9, 3, 64, 64, generator=GENERATOR) * torch.linspace(10, 255, 9).view(-1, 1, 1, 1)).to(torch.uint8)


def trained(**settings) -> nn.Module:
    """A network whose normalisation has seen data: with its initial statistics, folding could forget the shift."""
    model, generator = build_model(Config(**settings)).eval(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.uniform_(-1, 1, generator=generator)
                layer.running_var.uniform_(0.05, 2, generator=generator)
                layer.weight.uniform_(-1, 2, generator=generator)
                layer.bias.uniform_(-1, 1, generator=generator)
    return model


@pytest.mark.parametrize("model", ["standard_cnn", "db_vae"])
@pytest.mark.parametrize("size", ["lab", "paper"])
def test_logits_are_those_of_the_network(model, size):
    network = trained(model=model, size=size)
    with inference(network):
        expected = network(as_input(IMAGES))
    found = Folded(network)(IMAGES)
    assert found.shape == (9,) and found.dtype == torch.float32
    assert (found - expected).abs().max() < 1e-3 * expected.std()


@pytest.mark.parametrize("size", ["lab", "paper"])
def test_latents_are_those_of_the_network_in_whatever_mode_it_is(size):
    network = trained(model="db_vae", size=size)
    with inference(network):
        expected = network.encode(as_input(IMAGES))
    mu, nats = posterior(network.train(), IMAGES, batch_size=4)
    assert (mu - expected.mu).abs().max() < 1e-3 * expected.mu.std()
    kl = 0.5 * (expected.log_variance.exp() + expected.mu.square() - 1 - expected.log_variance)
    torch.testing.assert_close(nats, kl.double().mean(0), rtol=1e-3, atol=1e-6)
    spread = posterior_sd(network, IMAGES, np.arange(3, 9))
    torch.testing.assert_close(spread, (expected.log_variance[3:] / 2).exp(), rtol=1e-3, atol=0)
    assert network.training


def test_pixels_of_another_range_are_refused():
    with pytest.raises(TypeError, match="uint8"):
        Folded(trained(model="standard_cnn"))(IMAGES / 255)


def test_the_network_itself_stays_as_it_was():
    network = trained(model="standard_cnn")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    Folded(network)(IMAGES)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_weights_are_those_of_the_time_of_folding():
    network = trained(model="standard_cnn")
    folded = Folded(network)
    first = folded(IMAGES)
    with torch.no_grad():
        network.head.bias.add_(1)
    assert torch.equal(folded(IMAGES), first)
    torch.testing.assert_close(Folded(network)(IMAGES), first + 1)
