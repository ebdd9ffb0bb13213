"""Maps of networks whose weights are drawn anew."""

from __future__ import annotations

import numpy as np
import torch

from facebias.detectors.networks import StandardCNN, build_model
from facebias.saliency.benchmarks import sanity


def test_layers_are_those_that_run_from_the_output_down(tiny):
    model = build_model(tiny.with_(model="db_vae"))
    found = sanity.layers(model, torch.zeros(1, 3, 64, 64))
    assert found[:2] == ["head", "encoder.hidden"] and found[-1] == "encoder.convolutions.0"
    assert not any(name.startswith("decoder") for name in found)


def test_redrawing_changes_the_named_layers_alone_and_in_the_same_way_each_time():
    model = StandardCNN()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    one = sanity.redraw(model, ["head"], 3)
    two = sanity.redraw(model, ["head", "encoder.hidden"], 3)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    changed = {name for name, value in one.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"head.weight", "head.bias"}
    assert torch.equal(one.head.weight, two.head.weight)
    assert not torch.equal(sanity.redraw(model, ["head"], 4).head.weight, one.head.weight)


def test_similarities_know_equal_opposite_unrelated_and_constant_maps():
    rng = np.random.default_rng(0)
    maps = rng.random((3, 16, 16))
    np.testing.assert_allclose(sanity.spearman(maps, np.exp(maps)), 1)
    np.testing.assert_allclose(sanity.spearman(maps, -maps), -1)
    np.testing.assert_allclose(sanity.ssim(maps, 3 * maps + 1), 1)
    other = rng.random((3, 16, 16))
    assert np.abs(sanity.spearman(maps, other)).max() < 0.25 and np.abs(sanity.ssim(maps, other)).max() < 0.3
    assert np.isnan(sanity.spearman(maps, np.ones_like(maps))).all()
    assert np.isnan(sanity.ssim(maps, np.ones_like(maps))).all()


def test_signed_maps_of_fullgrad_add_up_to_the_spatial_terms():
    model = StandardCNN().eval()
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    plain = sanity.signed_maps("input_x_gradient", model, images)
    gradient = sanity.signed_maps("input_gradient", model, images)
    assert (plain < 0).any() and (plain > 0).any() and np.abs(gradient).sum() > np.abs(plain).sum()
    full = sanity.signed_maps("fullgrad", model, images)
    assert full.shape == (2, 64, 64) and not np.allclose(full, plain)
