"""Infidelity and sensitivity (Yeh et al., NeurIPS 2019), measured by captum; lower is better for both."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from captum.metrics import infidelity, sensitivity_max
from torch import Tensor, nn

from facebias.core.errors import FacebiasError
from facebias.detectors.inference import as_input, inference
from facebias.saliency.explain import maps_of, scores
from facebias.saliency.methods import Logits

NOISE = 0.05  # standard deviation of the noise that infidelity takes away, in pixels of 0..1
RADIUS = 0.02  # how far pixels move at most where sensitivity looks for another map
DRAWS = 10  # perturbations of an image
BATCH = 8  # images at a time, times the draws


def faithfulness(name: str, model: nn.Module, images: Tensor, maps: Tensor, seed: int = 0) -> dict[str, np.ndarray]:
    """Both measures of one method, float64 (N,) each.

    Infidelity: the mean of (<I, map> - (f(x) - f(x - I)))^2 over Gaussian noise I, in squared logits, the map scaled as
    fits an image best. A map has no sign and one channel, which stands for all colours. Sensitivity: the largest
    |map(x + r) - map(x)| / |map(x)| over uniform noise r.

    Args:
        name: of the method.
        model: takes pixels in 0..1; f is the logit of the output that is highest at x.
        images: uint8 (N, 3, H, W).
        maps: (N, 1, H, W) of these images.
        seed: of the noise; every method meets the same.

    Raises:
        FacebiasError: a measure that is not finite, as of a map that is 0 everywhere.
    """
    device, found = next(model.parameters()).device, []
    for start, (part, mine) in enumerate(zip(images.split(BATCH), maps.split(BATCH), strict=True)):
        pixels = as_input(part, device)
        target = scores(model, pixels)[1].to(device)
        # captum draws from the global generator: forked, so that the caller's is left alone
        with torch.random.fork_rng(devices=[pixels.device] if pixels.is_cuda else []), warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="captum")
            torch.manual_seed(seed + start)
            found.append(
                [_infidelity(model, pixels, mine.to(device), target), _sensitivity(name, model, pixels, target)]
            )
    values = {
        metric: torch.cat(parts).double().cpu().numpy()
        for metric, parts in zip(("infidelity", "sensitivity"), zip(*found, strict=True), strict=True)
    }
    for metric, value in values.items():
        if not np.isfinite(value).all():
            raise FacebiasError("SALIENCY_MAP", name, f"its {metric} is not finite", "Leave the method out")
    return values


def _infidelity(model: nn.Module, pixels: Tensor, maps: Tensor, target: Tensor) -> Tensor:
    logits = Logits(model)

    def score(images: Tensor, index: Tensor) -> Tensor:
        """(n,) logits of the outputs that are explained."""
        out = logits(images)
        return (out if out.dim() > 1 else out[:, None]).gather(1, index[:, None])[:, 0]

    def perturb(images: Tensor) -> tuple[Tensor, Tensor]:
        """Noise, and images less that noise."""
        noise = NOISE * torch.randn_like(images)
        return noise, images - noise

    with inference(model):
        return infidelity(
            score,
            perturb,
            pixels,
            maps.expand_as(pixels),
            additional_forward_args=target,
            n_perturb_samples=DRAWS,
            normalize=True,
        )


def _sensitivity(name: str, model: nn.Module, pixels: Tensor, target: Tensor) -> Tensor:
    def explain(images: Tensor, target: Tensor) -> tuple[Tensor]:
        """Maps of noisy images for the target of the clean ones."""
        images = images[0] if isinstance(images, tuple) else images
        return (maps_of(name, model, images.detach(), target)[0].contiguous(),)

    return sensitivity_max(explain, pixels, perturb_radius=RADIUS, n_perturb_samples=DRAWS, target=target)
