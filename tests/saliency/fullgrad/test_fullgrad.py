"""FullGrad: a check that is sharp, one pass a batch, no side effects, and the variants."""

from __future__ import annotations

import copy
import gc
import os
import subprocess
import sys
import textwrap
import weakref
from dataclasses import replace

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from facebias.core.errors import FacebiasError
from facebias.detectors.networks import StandardCNN
from facebias.saliency import CompletenessError, FullGrad, SimpleFullGrad, SmoothFullGrad
from facebias.saliency.benchmarks.networks import harden, network
from facebias.saliency.fullgrad import residuals
from facebias.saliency.fullgrad.collector import Collector


def noise(count: int = 2, side: int = 64, dtype: torch.dtype = torch.float64, channels: int = 3) -> torch.Tensor:
    return torch.randn((count, channels, side, side), generator=torch.Generator().manual_seed(1), dtype=dtype)


def test_dropping_any_term_fails_the_check():
    result = FullGrad(network("mobilenet_v3_small").double()).decompose(noise())
    result.check()
    *others, head = result.bias_terms
    assert not result.bias_terms[head].any()  # a hardened network's head has no bias
    for name in others:
        fewer = {other: term for other, term in result.bias_terms.items() if other != name}
        with pytest.raises(CompletenessError):
            replace(result, bias_terms=fewer).check()
    with pytest.raises(CompletenessError):
        replace(result, input_term=torch.zeros_like(result.input_term)).check()


def test_swapping_two_equal_shaped_biases_fails_the_check_and_is_named(monkeypatch):
    model = network("squeezenet1_1").double()
    first, second = model.features[3].squeeze.bias, model.features[4].squeeze.bias
    assert first.shape == second.shape
    genuine = residuals.bias

    def swapped(value, trailing):
        return genuine(second if value.data_ptr() == first.data_ptr() else value, trailing)

    FullGrad(model).saliency(noise(1))
    monkeypatch.setattr(residuals, "bias", swapped)
    with pytest.raises(CompletenessError, match=r"features\.3\.squeeze\.conv2d"):
        FullGrad(model).saliency(noise(1))
    assert FullGrad(model).saliency(noise(1), check=False).shape == (1, 1, 64, 64)


def test_an_operation_hidden_from_pytorch_functions_fails_the_check():
    class Hidden(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.square()

        @staticmethod
        def backward(ctx, gradient):
            return 2 * ctx.saved_tensors[0] * gradient

    class Model(nn.Module):
        def forward(self, x):
            return Hidden.apply(x).sum((1, 2, 3))

    with pytest.raises(CompletenessError, match=r"custom autograd\.Function"):
        FullGrad(Model()).check_completeness(noise())


def test_agrees_with_the_formula_of_the_authors_code_by_layer():
    model, images = network("standard_cnn").double(), noise()
    result = FullGrad(model).decompose(images, keep_maps=True)
    expected = torch.zeros(2, 1, 64, 64, dtype=torch.float64)
    for term in (result.input_gradient * images, *(result.maps[name] for name in result.spatial)):
        term = term.abs()
        term = term - term.amin((1, 2, 3), keepdim=True)
        term = term / (term.amax((1, 2, 3), keepdim=True) + 1e-6)
        expected += functional.interpolate(term, size=(64, 64), mode="bilinear", align_corners=True).sum(1, True)
    torch.testing.assert_close(FullGrad(model).saliency(images), expected)


def test_runs_one_forward_and_one_backward_pass(monkeypatch):
    model, forward, backward = network("resnet18"), [], []
    model.register_forward_hook(lambda *_: forward.append(1))
    grad = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: backward.append(1) or grad(*a, **k))
    FullGrad(model).saliency(noise(4, dtype=torch.float32))
    assert (len(forward), len(backward)) == (1, 1)


class Faulty(nn.Module):
    """A small network with everything that could be left changed, and a fault on demand."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5))
        self.head = nn.Linear(4, 2)
        self.fault = False

    def forward(self, x):
        x = self.body(x.sub_(0.1))
        if self.fault:
            raise ValueError("a fault in the middle")
        return self.head(x.mean((2, 3)))


def state_of(model: nn.Module) -> dict:
    return {
        "state": {key: value.clone() for key, value in model.state_dict().items()},
        "flags": [(module.training, getattr(module, "inplace", None)) for module in model.modules()],
        "asking": [parameter.requires_grad for parameter in model.parameters()],
        "gradients": [parameter.grad for parameter in model.parameters()],
        "hooks": [
            (len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks))
            for module in model.modules()
        ],
        "global": [
            len(getattr(nn.modules.module, name))
            for name in ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")
        ],
        "random": torch.get_rng_state(),
    }


@pytest.mark.parametrize("fault", [False, True])
@pytest.mark.parametrize("kind", [FullGrad, SimpleFullGrad, SmoothFullGrad])
def test_leaves_no_trace_also_after_an_exception(kind, fault):
    model = Faulty()
    model.train()
    model.body[1].eval()
    model.head.weight.requires_grad_(False)
    model.head.bias.grad = torch.ones(2)
    model.fault = fault
    images = noise(2, 8, torch.float32)
    before, pixels = state_of(model), images.clone()
    if fault:
        with pytest.raises(ValueError, match="in the middle"):
            kind(model).saliency(images)
    else:
        maps = kind(model).saliency(images)
        assert not maps.requires_grad and maps.grad_fn is None
    after = state_of(model)
    torch.testing.assert_close(after.pop("state"), before.pop("state"), rtol=0, atol=0)
    torch.testing.assert_close(after.pop("random"), before.pop("random"))
    assert after.pop("gradients")[-1] is before.pop("gradients")[-1]
    assert after == before
    assert not images.requires_grad and images.grad is None and torch.equal(images, pixels)


def test_keeps_no_graph_alive():
    model, seen = network("efficientnet_b0"), []
    handle = model.features[2].register_forward_hook(lambda *a: seen.append(weakref.ref(a[2])))
    result = FullGrad(model).explain(noise(1, dtype=torch.float32))
    handle.remove()
    gc.collect()
    assert seen[0]() is None and result.map.grad_fn is None
    assert all(term.grad_fn is None for term in result.decomposition.bias_terms.values())


def test_batch_statistics_are_a_named_error():
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.Flatten(), nn.LazyLinear(1))
    model(noise(2, 8, torch.float32))
    with pytest.raises(FacebiasError, match="BATCH_STATISTICS"):
        FullGrad(model).decompose(noise(2, 8, torch.float32))


def test_batch_norm_buffers_are_read_at_call_time():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    model.double().eval()
    method = FullGrad(model)
    method.check_completeness(noise(2, 8))
    model[1].running_mean.add_(1.0)
    model[1].running_var.mul_(3.0)
    assert method.check_completeness(noise(2, 8)).max() < 1e-12


def test_the_worst_image_decides_where_errors_of_images_cancel():
    result = FullGrad(network("standard_cnn").double()).decompose(noise())
    name = next(iter(result.bias_terms))
    moved = {**result.bias_terms, name: result.bias_terms[name] + torch.tensor([0.5, -0.5])}
    with pytest.raises(CompletenessError, match="2 of 2 images"):
        replace(result, bias_terms=moved).check()


@pytest.mark.parametrize("shape", [(2, 3, 32), (2, 3, 12, 10), (2, 3, 6, 8, 7)])
def test_signals_pictures_and_volumes(shape):
    rank = len(shape) - 2
    conv, norm = (getattr(nn, f"{kind}{rank}d") for kind in ("Conv", "BatchNorm"))
    model = nn.Sequential(conv(3, 5, 3), norm(5), nn.SiLU(), conv(5, 6, 3, stride=2), nn.Flatten(), nn.LazyLinear(4))
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    model.eval()(images)
    harden(model).double()
    method = FullGrad(model)
    assert method.check_completeness(images.double()).max() < 1e-12
    assert method.saliency(images.double()).shape == (2, 1, *shape[2:])
    assert len(method.decompose(images.double()).spatial) == 4


def test_simple_fullgrad_leaves_biases_out():
    model, images = network("standard_cnn").double(), noise()
    simple, full = SimpleFullGrad(model), FullGrad(model)
    before = simple.saliency(images)
    assert not torch.allclose(before, full.saliency(images))
    torch.testing.assert_close(simple.decompose(images).total, full.decompose(images).total)


def test_smooth_fullgrad_without_noise_is_fullgrad_with_colours_summed_first():
    model, images = network("standard_cnn").double(), noise()
    smooth = SmoothFullGrad(model, num_samples=2, std_spread=0.0)
    colours = Collector(images, "layer")
    product = FullGrad(model).decompose(images).input_gradient * images
    colours.draw(product.sum(1, keepdim=True))
    summed, colours = colours.map(True), Collector(images, "layer")
    colours.draw(product)
    apart = colours.map(True)
    torch.testing.assert_close(smooth.saliency(images), FullGrad(model).saliency(images) - apart + summed)
    noisy = SmoothFullGrad(model, num_samples=2).saliency(images)
    assert not torch.allclose(noisy, FullGrad(model).saliency(images))
    torch.testing.assert_close(SmoothFullGrad(model, num_samples=2).saliency(images[1:]), noisy[1:])


def test_kept_maps_add_up_to_their_terms():
    result = FullGrad(network("convnext_tiny").double()).decompose(noise(), keep_maps=True)
    assert list(result.maps) == list(result.bias_terms)
    for name in result.spatial:
        torch.testing.assert_close(result.maps[name].flatten(1).sum(1), result.bias_terms[name], rtol=1e-7, atol=1e-9)


def test_maps_that_are_summed_term_by_term_are_the_same_bytes_in_every_process():
    """The order of a set of names is another in each process, and so is the rounding of a sum in that order."""
    code = """
        import hashlib, torch
        from facebias.detectors.networks import StandardCNN
        from facebias.saliency import SmoothFullGrad
        from facebias.saliency.benchmarks.sanity import signed_maps
        torch.manual_seed(0)
        model, pixels = StandardCNN().eval(), torch.randint(256, (4, 3, 64, 64), dtype=torch.uint8)
        smooth = SmoothFullGrad(model, num_samples=2).saliency(pixels / 255).numpy()
        signed = signed_maps("fullgrad", model, pixels)
        print(hashlib.sha256(signed.tobytes() + smooth.tobytes()).hexdigest())
    """
    found = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_memory_does_not_grow_with_calls():
    import psutil

    method, images = FullGrad(StandardCNN()), noise(4, dtype=torch.float32)
    for _ in range(30):
        method.saliency(images)
    gc.collect()
    before = psutil.Process().memory_info().rss
    for _ in range(100):
        method.saliency(images)
    gc.collect()
    assert psutil.Process().memory_info().rss - before < 10e6


def test_works_inside_no_grad_and_inference_mode():
    model = network("standard_cnn")
    images = noise(2, dtype=torch.float32)
    expected = FullGrad(model).saliency(images)
    with torch.no_grad():
        torch.testing.assert_close(FullGrad(model).saliency(images), expected)
    with torch.inference_mode():
        torch.testing.assert_close(FullGrad(model).saliency(images.clone()), expected)


def test_a_copied_model_is_explained_alike():
    model = network("standard_cnn").double()
    torch.testing.assert_close(FullGrad(copy.deepcopy(model)).saliency(noise()), FullGrad(model).saliency(noise()))


def test_flags_of_torchvision_models_in_training_mode_come_back():
    model = torchvision.models.squeezenet1_1().train()
    FullGrad(model).saliency(noise(1, dtype=torch.float32))
    assert all(module.training for module in model.modules())
