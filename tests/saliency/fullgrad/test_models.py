"""Models of every making: compiled, checkpointed, recurrent, complex; and what is refused, for the true reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torchvision.ops import roi_align

from facebias.core.errors import FacebiasError
from facebias.saliency import CompletenessError, FullGrad
from facebias.saliency.benchmarks.networks import harden
from small_networks import INNER, Call, noise, small


class Square(torch.autograd.Function):
    """An operation that PyTorch's functions do not show."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2 * ctx.saved_tensors[0]


def own_forward() -> nn.Module:
    model, outer = small(), nn.Module()
    outer.inner, outer.forward = model, lambda x: model(x)
    return outer


def compiled_in_place() -> nn.Module:
    model = small()
    model.compile(backend="aot_eager")
    return model


def checkpointed(inplace: bool, reentrant: bool = False) -> nn.Module:
    body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.SiLU(inplace=inplace), nn.Conv2d(8, 4, 3))
    head = nn.Linear(4 * 28 * 28, 2)
    model = Call(lambda x: head(checkpoint(body, x, use_reentrant=reentrant).flatten(1)), body, head)
    return harden(model).double().eval()


def recurrent(kind: type) -> nn.Module:
    patches, body, head = nn.Conv2d(3, 8, 4, 4), kind(8, 6, batch_first=True), nn.Linear(6, 3)
    model = Call(lambda x: head(body(patches(x).flatten(2).transpose(1, 2))[0].mean(1)), patches, body, head)
    return harden(model).double().eval()


def written_over(x: torch.Tensor) -> torch.Tensor:
    hidden = functional.relu(x)
    return INNER(hidden.mul_(2))


def boxes(x: torch.Tensor) -> torch.Tensor:
    return torch.tensor([[float(image), 2, 3, 20, 25] for image in range(len(x))], dtype=x.dtype)


MODELS = {
    "compiled": lambda: torch.compile(small(), backend="aot_eager"),
    "compiled in place": compiled_in_place,
    "compiled inside": lambda: nn.Sequential(torch.compile(small(), backend="aot_eager"), nn.Softplus()),
    "a forward of its own": own_forward,
    "a plain function": lambda: lambda x: INNER(x),
    "checkpointed": lambda: checkpointed(False),
    "checkpointed, in place": lambda: checkpointed(True),
    "complex constants": lambda: Call(lambda x: ((INNER(x) + 1j) * (2 - 1j)).abs()),
    "frequencies": lambda: Call(
        lambda x: INNER(torch.fft.irfft2(torch.fft.rfft2(x) * (1 + 0.5j) + 0.1, s=x.shape[-2:]))
    ),
    "arguments by name": lambda: Call(
        lambda x: INNER(
            torch.add(input=torch.cat(tensors=[torch.flip(input=x, dims=(3,)), x + 1]), other=0.3)[: len(x)]
        )
    ),
    "LSTM": lambda: recurrent(nn.LSTM),
    "GRU": lambda: recurrent(nn.GRU),
    "a constant grid": lambda: Call(
        lambda x: INNER(
            functional.grid_sample(
                x,
                functional.affine_grid(torch.eye(2, 3).to(x).expand(len(x), 2, 3), x.shape, False),
                align_corners=False,
            )
        )
    ),
    "regions": lambda: Call(lambda x: INNER(roi_align(x, boxes(x), 8))),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", MODELS)
def test_models_of_every_making_are_complete(name):
    assert FullGrad(MODELS[name]()).check_completeness(noise()).max() < 1e-11


REFUSED = {
    "scripted": (lambda: torch.jit.trace(small(), noise()), noise, "TorchScript"),
    "scripted inside": (lambda: nn.Sequential(torch.jit.trace(small(), noise()), nn.Softplus()), noise, "TorchScript"),
    "quantised": (
        lambda: torch.ao.quantization.quantize_dynamic(small(torch.float32), {nn.Linear}),
        lambda: noise(dtype=torch.float32),
        "quantised",
    ),
    "reentrant": (lambda: checkpointed(False, True), noise, "reentrant"),
    "recomputed": (
        lambda: Call(lambda x: checkpoint(INNER, x, use_reentrant=False)),
        noise,
        "recomputes operations out of sight",
    ),
    "written over": (lambda: Call(written_over), noise, "overwrites what another one needs"),
    "a gradient inside": (
        lambda: Call(
            lambda x: INNER(x) + torch.autograd.grad(INNER(x).sum(), x, create_graph=True)[0].mean((1, 2, 3))[:, None]
        ),
        noise,
        "no derivative that can be followed",
    ),
    "complex scores": (lambda: Call(lambda x: INNER(x) * 1j), noise, "complex numbers"),
    "an array": (small, lambda: noise().numpy(), "expected a tensor"),
    "no images": (small, lambda: noise(0), "there are none"),
    "not a number": (small, lambda: noise() * float("nan"), "not-a-number"),
    "coupled": (lambda: Call(lambda x: INNER(x - x.mean(0, keepdim=True))), noise, "depends on the others"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_explained_is_refused_for_the_true_reason(name):
    model, images, reason = REFUSED[name]
    with pytest.raises(FacebiasError, match=reason):
        FullGrad(model()).saliency(images())


def test_an_operation_of_ones_own_is_refused_with_a_hint():
    with pytest.raises(CompletenessError, match=r"custom autograd\.Function"):
        FullGrad(Call(lambda x: Square.apply(INNER(x)))).saliency(noise())
