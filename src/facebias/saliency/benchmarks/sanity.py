"""Sanity checks (Adebayo et al. 2018): a map that does not change when the weights are drawn anew is not of the model.

Cascading randomisation redraws layers from the output downwards, one more at each step; independent randomisation
redraws one layer alone. Maps are compared with those of the trained network image by image. How like a network without
knowledge is depends much on the weights it was given, so the last step, all layers redrawn, is repeated.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata
from skimage.metrics import structural_similarity
from torch import Tensor, nn
from torch.nn import functional

from facebias.core.errors import FacebiasError
from facebias.detectors.inference import as_input, inference
from facebias.saliency.fullgrad import FullGrad

SIGNED = ("fullgrad", "input_gradient", "input_x_gradient")  # methods whose map exists with its sign as well
METRICS = ("spearman", "spearman_signed", "ssim")
DRAWS = 10  # of all weights: one draw's rank correlation has a standard deviation of 0.14 on the face network


_LAGS = (1, 2, 4)


def layers(model: nn.Module, images: Tensor) -> list[str]:
    """Names of the modules that hold weights, from the output to the input; modules that are not run are left out."""
    found: list[str] = []
    hooks = []
    for name, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            hooks.append(module.register_forward_hook(lambda *_, name=name: found.append(name)))
    try:
        with inference(model):
            model(images[:1])
    finally:
        for hook in hooks:
            hook.remove()
    return list(dict.fromkeys(found))[::-1]


def redraw(model: nn.Module, names: list[str], seed: int) -> nn.Module:
    """A copy of the model whose named modules have initial weights (and initial batch statistics).

    A layer is given the same weights whichever others are redrawn with it.

    Raises:
        FacebiasError: a module that does not know how to.
    """
    changed = copy.deepcopy(model)
    for name in names:
        module = changed.get_submodule(name)
        reset = getattr(module, "reset_parameters", None)
        if reset is None:
            raise FacebiasError(
                "SALIENCY_MODEL", name, f"{type(module).__name__} has no reset_parameters", "Give its class one"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(np.random.SeedSequence([seed, *name.encode()]).generate_state(1)[0]))
            reset()
    return changed


def randomisations(model: nn.Module, images: Tensor, seed: int) -> Iterator[tuple[str, int, str, nn.Module]]:
    """Kind, step (number of layers redrawn, or place from the output), name of the newest layer, and the network."""
    order = layers(model, images)
    for step in range(1, len(order) + 1):
        yield "cascading", step, order[step - 1], redraw(model, order[:step], seed)
    for step, name in enumerate(order, start=1):
        yield "independent", step, name, redraw(model, [name], seed)


def over_draws(results: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Means (N,) over draws, by key; NaN, where a map was constant, is left out."""
    out = {}
    for key in results[0]:
        values = np.stack([result[key] for result in results])
        count = np.isfinite(values).sum(0)
        total = np.where(np.isfinite(values), values, 0).sum(0)
        out[key] = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return out


def signed_maps(name: str, model: nn.Module, images: Tensor) -> np.ndarray:
    """(N, H, W) with signs, summed over channels: df/dx, df/dx * x, or with every spatial bias term (fullgrad).

    Args:
        name: one of SIGNED.
        model: takes pixels in 0..1.
        images: stored uint8 (N, 3, H, W).
    """
    device, parts = next(model.parameters()).device, []
    for part in images.split(32):
        pixels = as_input(part, device)
        terms = FullGrad(model).decompose(pixels, keep_maps=name == "fullgrad")
        plane = terms.input_gradient if name == "input_gradient" else terms.input_gradient * pixels
        plane = plane.sum(1, keepdim=True)
        for term in terms.spatial_maps.values() if name == "fullgrad" else ():
            layer = term.sum(1, keepdim=True)
            plane = plane + functional.interpolate(layer, size=plane.shape[2:], mode="bilinear", align_corners=True)
        parts.append(plane[:, 0].cpu().numpy())
    return np.concatenate(parts)


def spearman(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(N,) rank correlation of maps (N, H, W), image by image; NaN where a map is constant."""
    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (one, other)]
    first, second = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    scale = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return np.where(scale > 0, (first * second).sum(1) / np.where(scale > 0, scale, 1), np.nan)


def ssim(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(N,) structural similarity of maps (N, H, W), each rescaled to 0..1; NaN where a map is constant."""
    first, second = _unit(one), _unit(other)
    return np.array([structural_similarity(a, b, data_range=1.0) for a, b in zip(first, second, strict=True)])


def _unit(maps: np.ndarray) -> np.ndarray:
    maps = maps.astype(np.float64)
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    return np.where(high > low, (maps - low) / np.where(high > low, high - low, 1), np.nan)


def smoothness(maps: Tensor) -> float:
    """Width in pixels of the Gaussian that would make white noise as smooth as maps (N, 1, H, W); 0 for noise.

    White noise under a Gaussian of width s has the autocorrelation exp(-d^2 / 4 s^2) at distance d; s is found at
    1, 2 and 4 pixels, over both axes and all images, and the median is taken. It comes out too small where blobs are
    large for the picture; `matching_width` makes up for that.
    """
    planes = maps[:, 0].double()
    planes = planes - planes.mean((1, 2), keepdim=True)
    variance = planes.square().mean((1, 2))
    used = variance > 0
    if not used.any():
        return float(maps.shape[-1])
    planes, variance = planes[used], variance[used]
    widths = []
    for lag in _LAGS:
        down = (planes[:, lag:] * planes[:, :-lag]).mean((1, 2)) / variance
        across = (planes[:, :, lag:] * planes[:, :, :-lag]).mean((1, 2)) / variance
        correlation = float((down + across).mean() / 2)
        # Under exp(-20) a correlation is noise's own; over 0.9999 the width would exceed the picture
        correlation = min(max(correlation, np.exp(-20)), 0.9999)
        widths.append(lag / (2 * np.sqrt(-np.log(correlation))))
    width = float(np.median(widths))
    return width if width > 0.5 else 0.0


def matching_width(maps: Tensor) -> float:
    """Width in pixels of the Gaussian under which random maps have the same `smoothness` as maps (N, 1, H, W)."""
    wanted, side = smoothness(maps), maps.shape[-1]
    low, high = 0.0, side / 2
    if not wanted:
        return 0.0
    for _ in range(12):  # the same noise each time: smoother with every wider Gaussian
        middle = (low + high) / 2
        less = smoothness(blurred_random(32, side, middle, 0)) < wanted
        low, high = (middle, high) if less else (low, middle)
    return (low + high) / 2


def blurred_random(count: int, side: int, width: float, seed: int) -> Tensor:
    """Random maps (count, 1, side, side) float32 under a Gaussian of `width` pixels; another one for each image."""
    rng = np.random.default_rng([seed, 7])
    noise = rng.standard_normal((count, side, side), dtype=np.float32)
    if width:
        noise = gaussian_filter(noise, width, axes=(1, 2), mode="reflect")
    return torch.from_numpy(noise)[:, None]
