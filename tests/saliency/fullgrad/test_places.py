"""Where a map is drawn when the model moves, cuts, pads or folds pixels; what cannot be followed is refused by name."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from facebias.core.errors import FacebiasError
from facebias.saliency import FullGrad
from facebias.saliency.benchmarks.networks import harden, network

SIDE = 32
ORDER = torch.randperm(SIDE, generator=torch.Generator().manual_seed(4))


def noise(count: int = 2, side: int = SIDE) -> torch.Tensor:
    return torch.randn((count, 3, side, side), generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class Then(nn.Module):
    """A function, then a network."""

    def __init__(self, function, inner):
        super().__init__()
        self.function, self.inner = function, inner

    def forward(self, x):
        return self.inner(self.function(x))


@pytest.fixture(scope="module")
def inner():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, stride=2),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 3),
    )
    return harden(model).double().eval()


def written(x: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    out = torch.zeros_like(x)
    out[..., columns] = x
    return out


MOVES = {
    "flip": (lambda x: x.flip(3), lambda m: m.flip(3)),
    "flip by index": (lambda x: x.index_select(3, torch.arange(SIDE - 1, -1, -1)), lambda m: m.flip(3)),
    "flip by gather": (lambda x: x.gather(3, torch.arange(SIDE - 1, -1, -1).expand(x.shape)), lambda m: m.flip(3)),
    "roll": (lambda x: x.roll((5, 3), (2, 3)), lambda m: m.roll((-5, -3), (2, 3))),
    "transpose": (lambda x: x.transpose(2, 3), lambda m: m.transpose(2, 3)),
    "transpose by einsum": (lambda x: torch.einsum("nchw->ncwh", x), lambda m: m.transpose(2, 3)),
    "turn": (lambda x: torch.rot90(x, 1, (2, 3)), lambda m: torch.rot90(m, -1, (2, 3))),
    "shift": (lambda x: functional.pad(x, (8, -8, 4, -4)), lambda m: functional.pad(m, (-8, 8, -4, 4))),
    "shift in two": (lambda x: functional.pad(x, (8, 0))[..., :-8], lambda m: functional.pad(m, (-8, 8))),
    "shift in the frequencies' order": (
        lambda x: torch.fft.fftshift(x, (2, 3)),
        lambda m: m.roll((SIDE // 2, SIDE // 2), (2, 3)),
    ),
    "flip by scatter": (
        lambda x: torch.zeros_like(x).scatter(3, torch.arange(SIDE - 1, -1, -1).expand(x.shape), x),
        lambda m: m.flip(3),
    ),
    "flip by writing": (lambda x: written(x, torch.arange(SIDE - 1, -1, -1)), lambda m: m.flip(3)),
    "halves changed": (lambda x: torch.cat([x[..., 16:], x[..., :16]], 3), lambda m: m.roll(16, 3)),
    "cut and joined": (lambda x: torch.cat(x.split(8, 3), 3), lambda m: m),
    "masked": (lambda x: x.masked_select(torch.ones(SIDE, SIDE, dtype=torch.bool)).view_as(x), lambda m: m),
    "there and back": (
        lambda x: functional.pixel_shuffle(functional.pixel_unshuffle(x.flip(3), 2), 2),
        lambda m: m.flip(3),
    ),
    "permutation": (lambda x: x[:, :, ORDER], lambda m: m[:, :, torch.argsort(ORDER)]),
    "crop": (lambda x: x[:, :, 8:24, 4:28], lambda m: functional.pad(m, (4, 4, 8, 8))),
    "narrow": (lambda x: x.narrow(2, 8, 16), lambda m: functional.pad(m, (0, 0, 8, 8))),
    "pad": (lambda x: functional.pad(x, (8, 8, 8, 8)), lambda m: m[:, :, 8:-8, 8:-8]),
    "windows": (
        lambda x: (
            x.unflatten(2, (4, 8))
            .unflatten(4, (4, 8))
            .permute(0, 2, 4, 1, 3, 5)
            .reshape(-1, 3, 8, 8)
            .unflatten(0, (-1, 4, 4))
            .permute(0, 3, 1, 4, 2, 5)
            .reshape(x.shape)
        ),
        lambda m: m,
    ),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_map_is_where_the_model_looked(inner, name):
    move, back = MOVES[name]
    expected = back(FullGrad(inner).saliency(move(noise())))
    found = FullGrad(Then(move, inner)).saliency(noise())
    # where a part of the image is cut away the input's own term has another minimum, some 1e-5 of the map
    close = 1e-4 if name in ("crop", "narrow", "pad") else 1e-12
    assert float((found - expected).abs().max() / expected.max()) < close


@pytest.mark.parametrize("name", ["resnet18", "convnext_tiny", "swin_t", "vision_transformer"])
def test_a_network_that_mirrors_its_input_has_a_mirrored_map(name):
    model, images = network(name).double(), noise(2, 64)
    expected = FullGrad(model).saliency(images.flip(3), 1).flip(3)
    found = FullGrad(Then(lambda x: x.flip(3), model)).saliency(images, 1)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


SCRAMBLES = {
    "sampled at a grid": lambda x: functional.grid_sample(
        x, torch.linspace(-1, 1, SIDE).double().flip(0).expand(len(x), 2, SIDE, SIDE).movedim(1, 3), align_corners=False
    ),
    "in frequencies": lambda x: torch.fft.fft2(x).real,
    "sorted": lambda x: x.sort(3).values,
    "rows joined": lambda x: x.reshape(len(x), 3, 16, 64).reshape(len(x), 3, 64, 16),
    "with its mirror image": lambda x: x + x.flip(3),
    "half of it mirrored": lambda x: torch.where(torch.arange(SIDE) < 16, x, x.flip(3)),
    "by strides": lambda x: x.contiguous().as_strided(x.shape, (3 * SIDE * SIDE, SIDE * SIDE, 1, SIDE)),
    "by offsets": lambda x: torchvision.ops.deform_conv2d(
        x, torch.zeros(len(x), 18, SIDE, SIDE).to(x), torch.ones(3, 3, 3, 3).to(x), padding=1
    ),
}


@pytest.mark.parametrize("name", SCRAMBLES)
def test_a_place_that_is_lost_is_refused_by_name(inner, name):
    method = FullGrad(Then(SCRAMBLES[name], inner))
    with pytest.raises(FacebiasError, match="SALIENCY_PLACE"):
        method.saliency(noise())
    assert method.decompose(noise()).relative_error.max() < 1e-12
    assert method.saliency(noise(), check=False).isfinite().all()


def test_a_sum_with_what_never_moved_has_a_place_again(inner):
    found = FullGrad(Then(lambda x: x + torch.fft.fft2(x).real, inner)).explain(noise())
    assert not found.decomposition.lost and len(found.decomposition.spatial) == 4


def test_tokens_are_in_the_map_and_class_tokens_are_not():
    model, images = network("vision_transformer").double(), noise(2, 64)
    found = FullGrad(model).explain(images, 1)
    assert float(found.decomposition.non_spatial_share.max()) < 1e-9
    assert "encoder.layers.encoder_layer_0.mlp.1.gelu" in found.decomposition.spatial
    maps = FullGrad(model).decompose(images, 1, keep_maps=True).maps
    assert maps["encoder.layers.encoder_layer_0.mlp.1.gelu"].shape == (2, 64, 4, 4)


def test_padding_of_one_side_that_a_convolution_takes_in_moves_nothing():
    model = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 4, 3, stride=2), nn.Flatten(), nn.LazyLinear(2))
    model(noise().float())
    found = FullGrad(harden(model).double()).explain(noise())
    assert found.decomposition.spatial["1.conv2d"] == (tuple(range(SIDE)),) * 2
