"""Each closed form against forward-mode differentiation, and graphs that are hard to follow."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from facebias.core.errors import FacebiasError
from facebias.saliency import FullGrad
from facebias.saliency.fullgrad.residuals import Call, by_forward_mode, in_place, live, rule


def live_input(*shape: int) -> torch.Tensor:
    values = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return values.requires_grad_().clone()


WEIGHT = torch.linspace(0.5, 2, 6, dtype=torch.float64)
ELEMENTWISE = [
    (functional.relu6, {}),
    (functional.silu, {}),
    (functional.gelu, {}),
    (functional.gelu, {"approximate": "tanh"}),
    (functional.hardswish, {}),
    (functional.hardsigmoid, {}),
    (torch.sigmoid, {}),
    (torch.tanh, {}),
    (functional.hardtanh, {"min_val": -0.5, "max_val": 1.5}),
    (functional.softmax, {"dim": 1}),
    (functional.layer_norm, {"normalized_shape": (5,), "weight": WEIGHT[:5], "bias": WEIGHT[:5].flip(0)}),
    (functional.layer_norm, {"normalized_shape": (6, 4, 5), "eps": 0.5}),
    (functional.layer_norm, {"normalized_shape": (5,), "weight": WEIGHT[:5], "eps": 0.5}),
    (functional.group_norm, {"num_groups": 3, "weight": WEIGHT, "bias": -WEIGHT, "eps": 0.5}),
    (functional.pad, {"pad": (1, 2), "value": 0.7}),
]
IN_PLACE = [
    (functional.relu6, {"inplace": True}),
    (functional.silu, {"inplace": True}),
    (functional.hardswish, {"inplace": True}),
    (functional.hardsigmoid, {"inplace": True}),
    (torch.Tensor.sigmoid_, {}),
    (torch.Tensor.tanh_, {}),
    (torch.Tensor.add_, {"other": 0.3}),
]


def residual(func, *args, **kwargs):
    """What the table says, after the operation has run."""
    args = list(args)
    if "normalized_shape" in kwargs:
        args.append(kwargs.pop("normalized_shape"))
    if "num_groups" in kwargs:
        args.append(kwargs.pop("num_groups"))
    if "other" in kwargs:
        args.append(kwargs.pop("other"))
    call = Call(func.__name__.strip("_"), func, tuple(args), kwargs, list(filter(live, args)))
    found = rule(call, in_place(call))
    (expected,) = by_forward_mode(call)
    ones = torch.ones_like(out := func(*args, **kwargs)).detach()
    (found,) = found(out) if callable(found) else found
    return found.product(ones), expected.product(ones)


@pytest.mark.parametrize(("func", "kwargs"), ELEMENTWISE + IN_PLACE, ids=lambda value: getattr(value, "__name__", ""))
def test_closed_form_equals_forward_mode(func, kwargs):
    found, expected = residual(func, live_input(2, 6, 4, 5), **kwargs)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("func", [torch.mul, torch.Tensor.mul_, torch.matmul])
def test_products_of_two_activations_equal_forward_mode(func):
    a = live_input(2, 4, 5, 5)
    b = torch.sigmoid(live_input(2, 4, 5, 5) if func is torch.matmul else live_input(2, 4, 1, 1))
    found, expected = residual(func, a, b)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["relu", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "leaky_relu", "interpolate"]
)
def test_homogeneous_operations_have_no_residual(name):
    x = live_input(2, 3, 8, 8)
    kwargs = {
        "max_pool2d": {"kernel_size": 2},
        "avg_pool2d": {"kernel_size": 2},
        "interpolate": {"scale_factor": 2},
        "adaptive_avg_pool2d": {"output_size": 3},
    }.get(name, {})
    call = Call(name, getattr(functional, name), (x,), kwargs, [x])
    assert rule(call, False) == [] and by_forward_mode(call) == [None]


class Graph(nn.Module):
    """A convolution, a function of its output that has to be traced, and a linear head."""

    def __init__(self, function):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.conv, self.head = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(6, 3)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)
        self.function = function

    def forward(self, x):
        return self.head(self.function(self.conv(x)).mean((2, 3)))


def set_a_region(x):
    x = x.clone()
    x[:, 2:4] = functional.silu(x[:, 4:] + 1)
    x[:, :2] = 0.7
    return x * 2


def in_place_on_a_view(x):
    x = x.clone()
    x[:, :3].add_(0.5)
    functional.silu(x[:, 1:4], inplace=True)
    x[:, 3:].mul_(torch.sigmoid(x.mean((2, 3), keepdim=True))[:, :3])
    return x


def chain_in_place(x):
    return functional.relu(functional.silu(x.mul_(2).add_(0.3), inplace=True).sub_(0.1), inplace=True)


def attention(x):
    tokens = x.flatten(2).transpose(1, 2)
    scores = (tokens @ tokens.transpose(1, 2) / 4).masked_fill(torch.ones(64, 64).triu(1).bool(), -torch.inf)
    weights = scores.softmax(-1)
    return (weights @ tokens).transpose(1, 2).unflatten(2, (8, 8))


def sequence_first(x):
    n, c, h, w = x.shape
    tokens = x.flatten(2).permute(2, 0, 1) + torch.linspace(0, 1, 64, dtype=x.dtype)[:, None, None]
    values = functional.gelu(tokens).transpose(0, 1)
    keys = tokens.transpose(0, 1)
    out = functional.scaled_dot_product_attention(keys, keys, values).transpose(0, 1)
    return out.permute(1, 2, 0).reshape(n, c, h, w)


def less_the_mean_image(x):
    return x - x.mean(0, keepdim=True)


GRAPHS = {
    "set_a_region": set_a_region,
    "in_place_on_a_view": in_place_on_a_view,
    "chain_in_place": chain_in_place,
    "attention": attention,
    "sequence_first": sequence_first,
    "gate": lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)),
    "gate_of_chunks": lambda x: torch.cat([a * torch.sigmoid(b) for a, b in [x.chunk(2, 1)]], 1).repeat(1, 2, 1, 1),
    "constants": lambda x: 1 - torch.cat([x[:, 1:], torch.full_like(x[:, :1], 0.4)], 1) / 2 + 0.5 * x,
    "where": lambda x: torch.where(x > 0, x, 0.3) + torch.maximum(x, torch.tensor(0.2)) + x.clamp(-1, 2),
    "quotient": lambda x: x / (1 + x.abs()) + 1 / (2 + x.square()),
    "rare": lambda x: functional.mish(x) + functional.elu(x) + functional.softplus(x) + x.exp().log1p() + x**3,
    "instance_norm": lambda x: functional.instance_norm(x, eps=0.5) + functional.normalize(x, dim=1),
    "folded_batch": lambda x: (
        functional.gelu(x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).reshape(-1, 6, 4, 4))
        .reshape(-1, 2, 2, 6, 4, 4)
        .permute(0, 3, 1, 4, 2, 5)
        .reshape(-1, 6, 8, 8)
        + x
    ),
    "reused": lambda x: functional.silu(functional.silu(x) + x),
    "detached": lambda x: x - x.detach().mean((2, 3), keepdim=True) + x * x.detach(),
    "lists": lambda x: (
        torch.stack([x, x.flip(3)]).sum(0) + torch.stack(x.unbind(1), 1) - torch.split(x, 3, 1)[0].repeat(1, 2, 1, 1)
    ),
    "padded": lambda x: functional.pad(x, (1, 1, 1, 1), value=0.5)[:, :, 1:, 1:],
    "tail": lambda x: torch.einsum("nchw,nchw->nchw", x, functional.softmax(x.flatten(2), 2).view_as(x)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_is_complete_for_every_image(name):
    images = torch.randn((3, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    method = FullGrad(Graph(GRAPHS[name]).double().eval())
    assert method.check_completeness(images, 1).max() < 1e-11
    batch = method.decompose(images, 1).bias_terms
    for place in range(3):  # also where the batch has the size of another dimension
        alone = method.decompose(images[place : place + 1], 1).bias_terms
        for term in batch:
            torch.testing.assert_close(batch[term][place : place + 1], alone[term], rtol=1e-9, atol=1e-9)


def test_a_model_that_couples_images_is_refused():
    images = torch.randn((3, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with pytest.raises(FacebiasError, match="depends on the others"):
        FullGrad(Graph(less_the_mean_image).double().eval()).decompose(images, 1)


def test_multi_head_attention_with_as_many_tokens_as_images():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.TransformerEncoderLayer(6, 2, 12, activation="gelu")  # sequence first
            self.head = nn.Linear(6, 2)

        def forward(self, x):  # (N, 6, 4): four tokens
            return self.head(self.encoder(x.permute(2, 0, 1)).mean(0))

    torch.manual_seed(0)
    images = torch.randn((4, 6, 4), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert FullGrad(Model().double().eval()).check_completeness(images).max() < 1e-11


def test_a_module_used_twice_gets_two_terms():
    conv = nn.Conv2d(3, 3, 3, padding=1)
    model = nn.Sequential(conv, nn.ReLU(), conv, nn.Flatten(), nn.Linear(192, 2)).eval()
    result = FullGrad(model).decompose(torch.randn((2, 3, 8, 8), generator=torch.Generator().manual_seed(1)))
    assert list(result.bias_terms) == ["0.conv2d", "0.conv2d#2", "4.linear"]


def test_an_operation_without_forward_derivative_is_complete():
    class Rare(nn.Module):
        def forward(self, x):
            chances = x.flatten(1).view(4, 1, 12).log_softmax(2)
            one, four = torch.tensor([1]), torch.tensor([4])
            return functional.ctc_loss(chances, one[None], four, one).reshape(1)

    assert FullGrad(Rare()).check_completeness(torch.rand(1, 3, 4, 4, dtype=torch.float64)).max() < 1e-12


def test_terms_that_are_drawn_in_parts_take_one_pass_and_give_the_same_map(monkeypatch):
    model = Graph(lambda x: functional.elu(x) + functional.silu(x) * functional.normalize(x, dim=1)).double().eval()
    images = torch.randn((3, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    whole, passes, grad = FullGrad(model).saliency(images, 1), [], torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: passes.append(1) or grad(*a, **k))
    monkeypatch.setattr("facebias.saliency.fullgrad.collector.BLOCK", 1)
    torch.testing.assert_close(FullGrad(model).saliency(images, 1), whole, rtol=1e-12, atol=1e-12)
    assert len(passes) == 1
