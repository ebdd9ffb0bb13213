"""Targets, heads, the authors' names, and the other methods behind the same call."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torchvision
from captum.attr import DeepLift, GuidedBackprop
from torch import nn

from facebias.core.errors import FacebiasError
from facebias.detectors.networks import DBVAE, StandardCNN
from facebias.saliency import (
    METHODS,
    FullGrad,
    GradCAM,
    InputGradient,
    SimpleFullGrad,
    SmoothFullGrad,
    SmoothGrad,
    method,
)
from facebias.saliency.benchmarks.networks import harden, network


def images(count: int = 3, side: int = 64) -> torch.Tensor:
    return torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(5))


class Small(nn.Module):
    """Three outputs, through a head of one's choice."""

    def __init__(self, head=lambda x: x, outputs=3):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.conv, self.linear = nn.Conv2d(3, 4, 3, stride=4), nn.Linear(4, outputs)
        self.head = head

    def forward(self, x):
        return self.head(self.linear(torch.relu(self.conv(x)).mean((2, 3))))


@pytest.mark.parametrize(
    "target",
    [
        [2, 0, 1],
        torch.tensor([2, 0, 1]),
        torch.tensor([[2], [0], [1]]),
        (2, 0, 1),
        lambda out: out[torch.arange(3), torch.tensor([2, 0, 1])],
    ],
)
def test_a_target_for_each_image(target):
    model, x = Small().eval(), images()
    result = FullGrad(model).decompose(x, target)
    torch.testing.assert_close(result.output, model(x)[torch.arange(3), torch.tensor([2, 0, 1])].detach())
    assert result.relative_error.max() < 1e-5


def test_none_takes_the_highest_output_and_an_int_the_same_for_all():
    model, x = Small().eval(), images()
    torch.testing.assert_close(FullGrad(model).decompose(x).output, model(x).max(1).values.detach())
    torch.testing.assert_close(FullGrad(model).decompose(x, 1).output, model(x)[:, 1].detach())


@pytest.mark.parametrize(
    "head",
    [
        lambda z: z,
        lambda z: z[:, 0],
        torch.sigmoid,
        lambda z: torch.sigmoid(z).squeeze(1),
        lambda z: torch.sigmoid(z[:, 0]),
        nn.Sigmoid(),
    ],
)
def test_a_single_output_is_explained_at_the_logit(head):
    x = images()
    logit = FullGrad(Small(outputs=1).eval()).decompose(x).output
    for target in (None, 0):
        torch.testing.assert_close(FullGrad(Small(head, 1).eval()).decompose(x, target).output, logit)
    expected = FullGrad(Small(outputs=1).eval()).saliency(x)
    torch.testing.assert_close(FullGrad(Small(head, 1).eval()).saliency(x), expected)


@pytest.mark.parametrize("head", [nn.Softmax(1), nn.LogSoftmax(1), torch.sigmoid])
def test_many_outputs_are_explained_at_the_logit_unless_told_not_to(head):
    x, model = images(), Small(head).eval()
    logits = FullGrad(Small().eval()).decompose(x, 1).output
    torch.testing.assert_close(FullGrad(model).decompose(x, 1).output, logits)
    result = FullGrad(model, logits=False).decompose(x, 1)
    torch.testing.assert_close(result.output, model(x)[:, 1].detach())
    result.check()


@pytest.mark.parametrize(
    ("head", "pick"),
    [
        (lambda z: {"face": z, "other": z + 1}, lambda out: out["face"][:, 1]),
        (lambda z: (z + 1, z), lambda out: out[1][:, 1]),
        (lambda z: {"probability": z.softmax(1)}, lambda out: out["probability"][:, 1]),
    ],
)
def test_a_dict_or_tuple_through_a_callable(head, pick):
    x = images()
    result = FullGrad(Small(head).eval()).decompose(x, pick)
    torch.testing.assert_close(result.output, FullGrad(Small().eval()).decompose(x, 1).output)


def test_a_nonlinear_callable_is_traced_too():
    FullGrad(Small().double().eval()).check_completeness(images().double(), lambda out: out[:, 0].exp() * out[:, 1] + 1)


@pytest.mark.parametrize(
    ("head", "target", "message"),
    [
        (lambda z: {"face": z}, None, "a dict with 'face'"),
        (lambda z: (z, z), 0, "a tuple of 2"),
        (lambda z: z, 3, "3 to 3, but the model has 3"),
        (lambda z: z, [0, 1], "found 2 values"),
        (lambda z: z, 0.5, "float"),
        (lambda z: z[:, :, None, None].expand(-1, -1, 2, 2), None, r"\(3, 3, 2, 2\)"),
        (lambda z: z, lambda out: out.sum(), "a callable target"),
        (lambda z: z.detach(), None, "does not depend"),
    ],
)
def test_a_misfit_of_target_and_output_is_named(head, target, message):
    with pytest.raises(FacebiasError, match=message):
        FullGrad(Small(head).eval()).decompose(images(), target)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.saliency(images(), scope="image"), "SALIENCY_SCOPE"),
        (lambda m: m.saliency((255 * images()).byte()), "uint8"),
        (lambda m: m.saliency(torch.rand(2, 3)), "no spatial"),
    ],
)
def test_a_wrong_call_is_named(call, message):
    with pytest.raises(FacebiasError, match=message):
        call(FullGrad(Small().eval()))


def test_the_authors_names():
    model, x = network("resnet18"), images(2)
    old = FullGrad(model, (3, 64, 64))
    assert old.checkCompleteness().max() < 1e-5
    input_gradient, bias_gradients = old.fullGradientDecompose(x, torch.tensor([[1], [2]]))
    result = FullGrad(model).decompose(x, [1, 2])
    torch.testing.assert_close(input_gradient, result.input_gradient)
    total = (input_gradient * x).sum() + sum(term.sum() for term in bias_gradients)
    torch.testing.assert_close(total, result.output.sum(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(old.saliency(x, 1), FullGrad(model).saliency(x, target=1))
    assert SimpleFullGrad(model, im_size=(3, 64, 64)).saliency(x, 1).shape == (2, 1, 64, 64)


@pytest.mark.parametrize("with_forward", [True, False])
def test_a_model_of_the_early_interface_works_unchanged(with_forward):
    class Early(Small):
        def getBiases(self):
            return [0, self.conv.bias, self.linear.bias]

        def getFeatures(self, x):
            hidden = self.conv(x)
            out = self.linear(torch.relu(hidden).mean((2, 3)))
            return out, [x, hidden, out]

        forward = Small.forward if with_forward else nn.Module.forward

    x = images()
    torch.testing.assert_close(FullGrad(Early().eval()).saliency(x), FullGrad(Small().eval()).saliency(x))


@pytest.mark.parametrize("model", [StandardCNN, DBVAE], ids=["standard_cnn", "dbvae"])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_detached_maps_and_leaves_the_model_alone(name, model):
    torch.manual_seed(0)
    model = model().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    settings = {"samples": 3} if "smoothgrad" in name or name == "vargrad" else {}
    settings |= {"window": 16, "stride": 16} if name == "occlusion" else {}
    settings |= {"num_samples": 2} if name == "smooth_fullgrad" else {}
    random = torch.get_rng_state()
    explain, x = method(name, model, **settings), images()
    maps = explain(x)
    assert maps.shape == (3, 1, 64, 64) and not maps.requires_grad and maps.min() >= 0 and maps.isfinite().all()
    torch.testing.assert_close(explain(x[[2, 0, 1]]), maps[[2, 0, 1]], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(explain(x[1:2]), maps[1:2], rtol=1e-4, atol=1e-6)
    assert all(module.training and not module._forward_hooks for module in model.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize(
    "name", ["input_gradient", "integrated_gradients", "gradcam", "deeplift", "occlusion", "smoothgrad"]
)
def test_a_method_explains_the_logit_and_the_target(name):
    torch.manual_seed(0)
    x, plain = (
        images(2),
        nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(4, 4, 3, stride=4),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.LazyLinear(3),
        ).eval(),
    )
    plain(x)
    with_head = nn.Sequential(plain, nn.Softmax(1))
    expected = method(name, plain)(x, [2, 0])
    torch.testing.assert_close(method(name, with_head)(x, [2, 0]), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(method(name, with_head)(x, torch.tensor([2, 0])), expected, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(method(name, plain)(x, [1, 1]), expected)
    assert plain[1].inplace and plain[3].inplace


def test_input_gradient_is_the_gradient_of_the_decomposition():
    model, x = network("standard_cnn"), images()
    expected = FullGrad(model).decompose(x).input_gradient.abs().sum(1, keepdim=True)
    torch.testing.assert_close(method("input_gradient", model)(x), expected)


def test_random_maps_follow_the_image_and_the_seed():
    x, model = images(), Small()
    maps = method("random", model)(x)
    assert not torch.equal(maps[0], maps[1])
    assert torch.equal(method("random", model)(x.flip(0)), maps.flip(0))
    assert not torch.equal(method("random", model, seed=1)(x), maps)


def test_edges_are_where_the_image_changes():
    x = torch.zeros(1, 3, 16, 16)
    x[:, :, :, 8:] = 1
    edges = method("edges", Small())(x)[0, 0]
    assert edges[:, 7:9].min() > 0.3 and edges[:, :6].max() < 1e-9


def test_a_wrong_method_is_named():
    with pytest.raises(FacebiasError, match="expected one of fullgrad"):
        method("lime", Small())


def test_the_authors_word_for_the_target_in_every_class():
    model, x = network("resnet18"), images(2)
    for kind in (FullGrad, SimpleFullGrad, partial(SmoothFullGrad, num_samples=1)):
        torch.testing.assert_close(kind(model).saliency(x, target_class=1), kind(model).saliency(x, 1))
    for kind, name, settings in (
        (GradCAM, "gradcam", {}),
        (InputGradient, "input_gradient", {}),
        (partial(SmoothGrad, num_samples=3), "smoothgrad", {"samples": 3}),
    ):
        found = kind(model).saliency(x, target_class=torch.tensor([1, 2]))
        torch.testing.assert_close(found, method(name, model, **settings)(x, [1, 2]))


def test_the_authors_input_gradient_of_the_loss():
    model, x = Small().eval(), images(2).requires_grad_()
    (expected,) = torch.autograd.grad(model(x).log_softmax(1)[:, 1].sum(), x)
    found = InputGradient(model, loss=True).saliency(x.detach(), 1)
    torch.testing.assert_close(found, expected.abs().sum(1, keepdim=True))


class Functional(nn.Module):
    """The same network with functional activations and one ReLU used twice, where the other has modules."""

    def __init__(self, plain, relu=torch.relu):
        super().__init__()
        self.plain, self.relu = plain, relu

    def forward(self, x):
        x = nn.functional.max_pool2d(self.relu(self.plain[0](x)), 2)
        return self.plain[6](nn.functional.elu(self.plain[3](x)).flatten(1))


@pytest.mark.parametrize(("name", "peer"), [("guided_backprop", GuidedBackprop), ("deeplift", DeepLift)])
@pytest.mark.filterwarnings("ignore:Setting")
def test_a_method_that_needs_modules_is_itself_on_functional_activations_too(name, peer):
    plain = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.ELU(), nn.Flatten(), nn.Linear(6728, 3)
    )
    plain, x = harden(plain).eval(), images(2)
    expected = peer(plain).attribute(x.clone().requires_grad_(), target=1).abs().sum(1, keepdim=True).detach()
    for relu in (torch.relu, lambda z: z.clamp(min=0), lambda z: torch.maximum(z, torch.zeros(()))):
        torch.testing.assert_close(method(name, Functional(plain, relu))(x, 1), expected)
    for model in (plain, Functional(plain)):
        torch.testing.assert_close(method(name, model)(x, 1), expected)
    cnn = network("standard_cnn")  # its activations are functional
    gradient = {"guided_backprop": "input_gradient", "deeplift": "input_x_gradient"}[name]
    assert not torch.allclose(method(name, cnn)(x), method(gradient, cnn)(x), rtol=1e-3)
    assert method(name, torchvision.models.resnet18().eval())(x, 1).shape == (2, 1, 64, 64)  # one ReLU, used twice
