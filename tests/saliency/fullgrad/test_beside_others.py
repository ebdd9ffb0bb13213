"""FullGrad beside other work: other threads, other images of the batch, weights and models of every making."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from facebias.core.errors import FacebiasError
from facebias.detectors.networks import StandardCNN
from facebias.saliency import METHODS, CompletenessError, FullGrad, SmoothFullGrad, method
from facebias.saliency.benchmarks.networks import harden, network
from small_networks import INNER, Call, noise, small


def test_another_thread_infers_and_a_third_explains_meanwhile():
    explained, other, images = StandardCNN().train(), small(torch.float32), noise(2, 64, torch.float32)
    with torch.no_grad():
        expected = other(images)
    alone, errors, done = FullGrad(explained).saliency(images), [], threading.Event()

    def infer() -> None:
        while not done.is_set():
            try:
                with torch.no_grad():
                    errors.extend([] if torch.equal(other(images), expected) else ["another output"])
            except Exception as error:
                errors.append(repr(error))

    def explain() -> None:
        for _ in range(10):
            if not torch.equal(FullGrad(explained).saliency(images), alone):
                errors.append("another map")

    threads = [threading.Thread(target=infer), threading.Thread(target=explain)]
    for thread in threads:
        thread.start()
    explain()
    threads[1].join()
    done.set()
    threads[0].join()
    assert not errors and explained.training and all(module.training for module in explained.modules())


def test_nothing_is_hung_on_any_module(monkeypatch):
    model = small()

    def refuse(*args, **kwargs):
        raise AssertionError("a hook on a module")

    for name in ("register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"):
        monkeypatch.setattr(nn.Module, name, refuse)
    for name in ("register_module_forward_hook", "register_module_forward_pre_hook"):
        monkeypatch.setattr(nn.modules.module, name, refuse)
    assert "1.batch_norm" in FullGrad(model).decompose(noise()).bias_terms


def test_weights_made_in_inference_mode_are_explained_and_left_as_they_were():
    with torch.inference_mode():
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.SiLU(), nn.Flatten(), nn.Linear(3600, 2)).eval()
    before = [parameter.requires_grad for parameter in model.parameters()]
    images = noise(dtype=torch.float32)
    assert FullGrad(model).check_completeness(images).max() < 1e-4
    assert method("input_gradient", model)(images).max() > 0
    assert [parameter.requires_grad for parameter in model.parameters()] == before


@pytest.mark.parametrize(
    "act",
    [nn.ReLU(inplace=True), Call(lambda x: x.mul_(2)), Call(lambda x: x.add_(0.5)), nn.SiLU(inplace=True)],
    ids=["relu_", "mul_", "add_", "silu_"],
)
def test_a_bias_before_an_operation_in_place_on_tokens_is_not_lost(act):
    patches, linear, head = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 8), nn.Linear(8, 3)
    model = Call(
        lambda x: head(act(linear(patches(x).flatten(2).transpose(1, 2).contiguous())).mean(1)), patches, linear, head
    )
    result = FullGrad(harden(model).double().eval()).decompose(noise())
    assert result.relative_error.max() < 1e-12 and "modules_.1.linear" in result.bias_terms


def chosen(x: torch.Tensor) -> torch.Tensor:
    bright = x.detach().mean((1, 2, 3)) > 0
    return INNER(x).index_put((bright,), INNER(x[bright]) * 2)


TOLD_APART = {
    "repeated": lambda x: INNER(x.repeat_interleave(2, 0)).view(len(x), 2, 3).mean(1),
    "tiled": lambda x: INNER(x.repeat(2, 1, 1, 1)).view(2, len(x), 3).mean(0),
    "split and joined": lambda x: torch.cat([INNER(part) for part in x.split(1)]),
    "a loop": lambda x: torch.stack([INNER(image[None])[0] for image in x]),
    "unbound": lambda x: torch.cat([INNER(image[None]) for image in x.unbind(0)]),
    "some of them": chosen,
    "one twice": lambda x: INNER(x[[0, *range(len(x))]])[1:],
    "turned round": lambda x: INNER(x.flip(0)).flip(0),
    "one dark": lambda x: INNER(x) * (x.detach().mean((1, 2, 3)) > 0)[:, None],
    "sorted by brightness": lambda x: (lambda order: INNER(x[order])[torch.argsort(order)])(
        x.detach().mean((1, 2, 3)).argsort()
    ),
}


@pytest.mark.parametrize("name", TOLD_APART)
def test_an_image_has_the_same_map_and_terms_alone_and_in_a_batch(name):
    images, explain = noise(3), FullGrad(Call(TOLD_APART[name], INNER))
    together, result = explain.explain(images, 1)
    assert result.relative_error.max() < 1e-12
    for place in range(3):
        alone, terms = explain.explain(images[place : place + 1], 1)
        torch.testing.assert_close(together[place : place + 1], alone, rtol=1e-9, atol=1e-9)
        total = sum(terms.bias_terms.values())
        torch.testing.assert_close(sum(result.bias_terms.values())[place : place + 1], total, rtol=1e-9, atol=1e-9)


def test_what_is_zero_but_for_rounding_is_no_layer():
    for norm in (lambda x: x.std((2, 3), keepdim=True), lambda x: torch.linalg.vector_norm(x, dim=1, keepdim=True)):
        found = {}
        for dtype in (torch.float32, torch.float64):
            inner = small(dtype)
            found[dtype] = FullGrad(Call(lambda x, inner=inner, norm=norm: inner(x / norm(x)))).explain(
                noise(dtype=dtype)
            )
            assert not any(name.endswith(("std", "vector_norm")) for name in found[dtype].decomposition.bias_terms)
        exact = found[torch.float64].map
        assert float((found[torch.float32].map - exact).abs().max() / exact.max()) < 1e-5


def test_terms_that_cancel_a_thousandfold_pass_in_float32():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(7200, 1))
    model, images = harden(model).eval(), noise(dtype=torch.float32)
    with torch.no_grad():
        hidden, weight = model[:3](images), model[3].weight
        parts = hidden[0] * weight[0]
        weight -= (parts.sum() - 1e-3 * parts.abs().sum()) / hidden[0].square().sum() * hidden[0]
    result = FullGrad(model).decompose(images)
    assert result.relative_error[0] > 1e-6  # rounding of a sum a thousand times smaller than its terms
    FullGrad(model).saliency(images)
    fewer = {name: term for name, term in result.bias_terms.items() if name != "0.conv2d"}
    with pytest.raises(CompletenessError):
        replace(result, bias_terms=fewer).check()


@pytest.mark.parametrize("shape", [(1, 8, 4, 4), (2, 8, 4, 1), (2, 8, 1, 4)])
def test_batch_norm_is_given_gradients_that_its_backward_pass_reads_right(shape):
    norm, head = nn.BatchNorm2d(8), nn.Linear(8, 1)
    model = Call(
        lambda x: head(torch.tanh(norm(x.reshape(len(x), 8, *shape[2:])).flatten(2).transpose(1, 2)).sum(1)), norm, head
    )
    harden(model).double().eval()
    images = torch.randn((shape[0], 8, *shape[2:]), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert FullGrad(model).check_completeness(images).max() < 1e-12
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    with torch.no_grad():
        slope = 1 - torch.tanh(norm(images)).square()
        expected = (slope * (scale * head.weight[0]).view(1, 8, 1, 1)).abs().sum(1, keepdim=True)
    torch.testing.assert_close(method("input_gradient", model)(images), expected)


class NoDouble(TorchDispatchMode):
    """A device without float64, as Apple's is."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if any(isinstance(leaf, torch.Tensor) and leaf.dtype == torch.float64 for leaf in tree_leaves(out)):
            raise TypeError("float64")
        return out


@pytest.mark.parametrize("name", METHODS)
def test_no_method_needs_float64_on_the_device(name):
    explain = method(name, StandardCNN().eval(), **({"num_samples": 2} if name == "smooth_fullgrad" else {}))
    images = noise(2, 64, torch.float32)
    with NoDouble():
        maps = explain(images)
    assert maps.dtype == torch.float32


def test_a_model_in_lower_precision_inside_is_held_to_that():
    result = FullGrad(Call(lambda x: INNER.float()(x.float()).double())).decompose(noise())
    INNER.double()
    assert result.precision == torch.float32 and not result.failing()


def test_a_smoothed_map_follows_pixels_that_move():
    model = network("standard_cnn").double()
    images = noise(2, 64)
    smooth = SmoothFullGrad(Call(lambda x: model(x.flip(3))), num_samples=1, std_spread=0.0)
    expected = SmoothFullGrad(model, num_samples=1, std_spread=0.0).saliency(images.flip(3)).flip(3)
    torch.testing.assert_close(smooth.saliency(images), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_images_that_no_method_can_explain_are_named(name):
    explain = method(name, small())
    for wrong, reason in ((noise() * torch.nan, "not-a-number"), (noise(0), "there are none"), ([1.0], "a tensor")):
        with pytest.raises(FacebiasError, match=reason):
            explain(wrong)
