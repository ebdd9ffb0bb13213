"""The other attribution methods behind FullGrad's call: a name gives saliency(images, target) -> (N, 1, H, W).

Through captum; random and edges are the controls that any method has to beat. Maps of pixel methods are the sum over
colours of absolute values, so that all maps are not negative and a larger value means more salient.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from captum.attr import (
    DeepLift,
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    LayerGradCam,
    NoiseTunnel,
    Occlusion,
    Saliency,
)
from skimage.filters import sobel
from torch import Tensor, nn
from torch.nn import functional

from facebias.core.errors import FacebiasError
from facebias.saliency.activations import ByCall
from facebias.saliency.fullgrad import FullGrad, SimpleFullGrad, SmoothFullGrad
from facebias.saliency.fullgrad.tracer import quiet
from facebias.saliency.targets import HeadTracer, Target, indices, refuse_images

Method = Callable[..., Tensor]
_IN_PLACE = "inplace"  # what modules call their flag


class Logits(nn.Module):
    """A model that answers with logits (N, K), also where the model itself ends in a sigmoid or a softmax.

    Args:
        model: the model.
        score: a callable target, whose score is then the only output.
    """

    def __init__(self, model: nn.Module, score: Callable[[Any], Tensor] | None = None) -> None:
        super().__init__()
        self.model, self.score = model, score

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, K)."""
        with HeadTracer() as tracer:
            out = self.model(images)
            out = tracer.logit(out if self.score is None else self.score(out))
        if not isinstance(out, Tensor):
            raise FacebiasError(
                "SALIENCY_TARGET",
                "target",
                f"the model returns a {type(out).__name__}, expected a tensor",
                "Give a callable target that returns one score an image",
            )
        return out.reshape(len(out), -1)


@contextmanager
def _prepared(model: nn.Module, target: Target, images: Tensor) -> Iterator[tuple[Logits, Tensor]]:
    """The model with logits, and the target of each image; the model is as before afterwards."""
    logits = Logits(model, target if callable(target) else None)
    with quiet(model) as modules, warnings.catch_warnings():
        # captum reads outputs of modules, which an operation in place would overwrite.
        in_place = [module for module in modules if getattr(module, _IN_PLACE, False) is True]
        # captum announces its hooks on every call; it removes what it sets.
        warnings.filterwarnings("ignore", message="(?s).*(hooks|required_grads|multi-dimensional attribution)")
        try:
            for module in in_place:
                setattr(module, _IN_PLACE, False)
            with torch.no_grad():
                outputs = logits(images)
            yield logits, indices(outputs, None if callable(target) else target)
        finally:
            for module in in_place:
                setattr(module, _IN_PLACE, True)


def _absolute(attributions: Tensor) -> Tensor:
    return attributions.detach().abs().sum(1, keepdim=True)


def _gradient_method(
    build: Callable[[nn.Module], Any], model: nn.Module, images: Tensor, target: Target = None, **settings: Any
) -> Tensor:
    images = images.detach().clone()
    with _prepared(model, target, images) as (logits, index):
        seen = ByCall(logits, images) if build in (GuidedBackprop, DeepLift) else logits
        return _absolute(build(seen).attribute(images.requires_grad_(), target=index, **settings))


def _integrated_gradients(model: nn.Module, images: Tensor, target: Target = None, steps: int = 32) -> Tensor:
    """Sundararajan 2017, from a black image, Gauss-Legendre in `steps` steps."""
    return _gradient_method(IntegratedGradients, model, images, target, n_steps=steps, internal_batch_size=64)


def _noisy(
    kind: str,
    model: nn.Module,
    images: Tensor,
    target: Target = None,
    samples: int = 25,
    spread: float = 0.15,
    seed: int = 0,
) -> Tensor:
    """SmoothGrad and its kin. Each image is given the same noise, so that maps do not depend on the batch."""
    maps = []
    with _prepared(model, target, images) as (logits, index):
        tunnel = NoiseTunnel(Saliency(logits))
        for image, chosen in zip(images.detach().split(1), index.split(1), strict=True):
            deviation = spread * float(image.max() - image.min())
            # captum draws from the global generator: forked, so that the caller's is left alone.
            with torch.random.fork_rng(devices=[image.device] if image.is_cuda else []):
                torch.manual_seed(seed)
                maps.append(
                    tunnel.attribute(
                        image.clone().requires_grad_(),
                        target=chosen,
                        nt_type=kind,
                        nt_samples=samples,
                        stdevs=deviation,
                        abs=False,
                    )
                )
    return _absolute(torch.cat(maps))


def _deeplift(model: nn.Module, images: Tensor, target: Target = None) -> Tensor:
    """Shrikumar 2017 (rescale rule), against a black image. Activations without a rule count by their gradient."""
    try:
        return _gradient_method(DeepLift, model, images, target)
    except (AssertionError, RuntimeError) as error:
        raise FacebiasError(
            "SALIENCY_METHOD",
            "deeplift",
            f"captum cannot explain {type(model).__name__}: {error}",
            "Choose another method",
        ) from error


def _occlusion(model: nn.Module, images: Tensor, target: Target = None, window: int = 0, stride: int = 0) -> Tensor:
    """Zeiler and Fergus 2014: change of the logit when a black square of 1/8 of the side covers a place."""
    side = min(images.shape[-2:])
    window = min(window or max(1, side // 8), side)
    stride = stride or max(1, window // 2)
    with _prepared(model, target, images) as (logits, index), torch.no_grad():
        out = Occlusion(logits).attribute(
            images.detach(),
            (images.shape[1], window, window),
            target=index,
            strides=(images.shape[1], stride, stride),
            baselines=0,
            perturbations_per_eval=max(1, 64 // len(images)),
        )
    return out[:, :1].detach().abs()


def _gradcam(model: nn.Module, images: Tensor, target: Target = None) -> Tensor:
    """Selvaraju 2017, at the last feature map with a spatial extent, positive part, bilinear."""
    with _prepared(model, target, images) as (logits, index):
        layer = _last_feature_map(logits, images)
        out = LayerGradCam(logits, layer).attribute(
            images.detach().clone().requires_grad_(), target=index, relu_attributions=True
        )
    return functional.interpolate(out.detach(), size=images.shape[-2:], mode="bilinear", align_corners=False)


def _last_feature_map(model: nn.Module, images: Tensor) -> nn.Module:
    found: list[nn.Module] = []

    def remember(module: nn.Module, inputs: object, output: object) -> None:
        """Keep the module if its output is a map that Grad-CAM can use."""
        pooling = "Pool" in type(module).__name__
        if isinstance(output, Tensor) and output.dim() == 4 and output.shape[2:].numel() > 1 and not pooling:
            found.append(module)

    hooks = [module.register_forward_hook(remember) for module in model.modules()]
    try:
        with torch.no_grad():
            model(images[:1])
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise FacebiasError(
            "SALIENCY_METHOD", "gradcam", "the model has no feature map (N, C, h, w)", "Choose another method"
        )
    return found[-1]


def _random(model: nn.Module, images: Tensor, target: Target = None, seed: int = 0) -> Tensor:
    """Uniform noise in 0..1, seeded by the image, so that an image has the same map in any batch."""
    maps = []
    for image in images.detach().cpu():
        key = zlib.crc32(image.contiguous().to(torch.float32).numpy().tobytes())
        maps.append(np.random.default_rng([seed, key]).random(images.shape[2:]))
    return _like(images, maps)


def _edges(model: nn.Module, images: Tensor, target: Target = None) -> Tensor:
    """Sobel edges of the mean colour: knows the image, not the model."""
    grey = images.detach().cpu().numpy().astype(np.float64).mean(1)
    return _like(images, [sobel(image) for image in grey])


def _like(images: Tensor, maps: list[np.ndarray]) -> Tensor:
    narrow = np.stack(maps).astype(np.float64 if images.dtype == torch.float64 else np.float32)
    return torch.from_numpy(narrow).to(images.device, images.dtype)[:, None]


def _ours(kind: type[FullGrad], model: nn.Module, images: Tensor, target: Target = None, **settings: Any) -> Tensor:
    return kind(model).saliency(images, target, **settings)


def _smooth(
    model: nn.Module,
    images: Tensor,
    target: Target = None,
    num_samples: int = 25,
    std_spread: float = 0.15,
    seed: int = 0,
    **settings: Any,
) -> Tensor:
    return SmoothFullGrad(model, num_samples, std_spread, seed=seed).saliency(images, target, **settings)


METHODS: dict[str, Method] = {
    "fullgrad": partial(_ours, FullGrad),
    "simple_fullgrad": partial(_ours, SimpleFullGrad),
    "smooth_fullgrad": _smooth,
    "input_gradient": partial(_gradient_method, Saliency, abs=False),
    "input_x_gradient": partial(_gradient_method, InputXGradient),
    "integrated_gradients": _integrated_gradients,
    "smoothgrad": partial(_noisy, "smoothgrad"),
    "smoothgrad_squared": partial(_noisy, "smoothgrad_sq"),
    "vargrad": partial(_noisy, "vargrad"),
    "gradcam": _gradcam,
    "guided_backprop": partial(_gradient_method, GuidedBackprop),
    "deeplift": _deeplift,
    "occlusion": _occlusion,
    "random": _random,
    "edges": _edges,
}


def method(name: str, model: nn.Module, **settings: Any) -> Callable[..., Tensor]:
    """The method of that name, bound to a model: a callable (images, target=None) -> maps (N, 1, H, W), detached.

    Args:
        name: one of `METHODS`.
        model: any module; a sigmoid or softmax head is explained at the logit.
        **settings: of the method, for example `samples` and `seed` of the SmoothGrad family.

    Raises:
        FacebiasError: there is no method of that name.
    """
    if name not in METHODS:
        raise FacebiasError(
            "SALIENCY_METHOD", "method", f"found {name!r}, expected one of {', '.join(METHODS)}", "Choose one of these"
        )

    def explain(images: Tensor, target: Target = None) -> Tensor:
        """Maps (N, 1, H, W), detached."""
        refuse_images(images, 3, finite=True)
        return METHODS[name](model, images, target, **settings)

    return explain
