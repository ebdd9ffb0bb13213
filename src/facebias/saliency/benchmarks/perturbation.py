"""Pixel perturbation: blacken the least (or most) salient pixels and see how far the score moves.

Srinivas and Fleuret 2019, section 5.1. Removing what is *least* salient tells a good map (the score stays) without the
artefacts that come with removing the object itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from facebias.core.errors import FacebiasError
from facebias.core.progress import bar
from facebias.detectors.inference import as_input
from facebias.saliency.explain import maps_of, scores

SHARES = (0.1, 0.3, 1.0, 3.0, 5.0, 7.0, 10.0)  # percent of the pixels
DIRECTIONS = ("least", "most")
BATCH = 32
PIXELS = 1 << 18  # of all images of a pass: with more, activations leave the cache and a pass takes twice as long


def method_maps(name: str, model: nn.Module, images: Tensor, target: Tensor | None = None) -> Tensor:
    """Maps (N, 1, H, W) on the CPU, of stored images uint8 (N, 3, H, W), for the output that each is highest in.

    Raises:
        FacebiasError: a map that is not finite, or that the method cannot make.
    """
    device, parts, size = next(model.parameters()).device, [], min(BATCH, _images_a_pass(images))
    targets = [None] * len(images.split(size)) if target is None else target.split(size)
    with bar(total=len(images), desc=f"maps ({name})", unit="image") as progress:
        for part, aim in zip(images.split(size), targets, strict=True):
            aim = None if aim is None else aim.to(device)
            parts.append(maps_of(name, model, as_input(part, device), aim)[0].cpu())
            progress.update(len(part))
    maps = torch.cat(parts)
    if not maps.isfinite().all():
        raise FacebiasError("SALIENCY_MAP", name, "a map holds values that are not finite", "Leave the method out")
    return maps


def _images_a_pass(images: Tensor) -> int:
    return max(1, PIXELS // images.shape[2:].numel())


def removal_order(maps: Tensor, direction: str) -> Tensor:
    """Pixel indices (N, H * W), row by row, in the order of removal.

    Ties are broken by pixel index, from the upper left, in both directions (a stable sort).

    Args:
        maps: (N, 1, H, W).
        direction: "least" salient first, or "most".
    """
    if direction not in DIRECTIONS:
        raise FacebiasError("CONFIG", "direction", f"found {direction!r}, expected least or most", "Choose one")
    flat = maps.flatten(1)
    return torch.sort(flat if direction == "least" else -flat, dim=1, stable=True).indices


def pixel_count(share: float, pixels: int) -> int:
    """How many of `pixels` are `share` percent, at least one."""
    return max(1, round(share / 100 * pixels))


def remove(images: Tensor, order: Tensor, count: int, fill: Tensor) -> Tensor:
    """A copy of images (N, 3, H, W) whose first `count` pixels of `order` (N, H * W) are `fill` (3,)."""
    gone = torch.zeros(order.shape, dtype=torch.bool, device=order.device)
    gone.scatter_(1, order[:, :count], True)
    gone = gone.view(len(images), 1, *images.shape[2:]).to(images.device)
    return torch.where(gone, fill.to(images).view(1, 3, 1, 1), images)


def perturbation_changes(
    model: nn.Module, images: Tensor, maps: Tensor, shares: Sequence[float] = SHARES, direction: str = "least"
) -> np.ndarray:
    """|f(x) - f(x')| / |f(x)|, float64 (N, len(shares)); arguments and errors as for `score_changes`.

    Raises:
        FacebiasError: a score of exactly 0, against which no relative change can be measured.
    """
    score, change = score_changes(model, images, maps, shares, direction)
    return relative(score, change)


def relative(score: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Changes (..., N, K) over the sizes of scores (..., N)."""
    if not (score != 0).all():
        raise FacebiasError("SALIENCY_SCORE", "images", "a score is exactly 0", "Leave that image out")
    return change / np.abs(score)[..., None]


def score_changes(
    model: nn.Module, images: Tensor, maps: Tensor, shares: Sequence[float] = SHARES, direction: str = "least"
) -> tuple[np.ndarray, np.ndarray]:
    """f(x) (N,) and |f(x) - f(x')| (N, len(shares)), float64; f is the logit of the output that is highest at x.

    Args:
        model: takes pixels in 0..1; black is 0 there.
        images: uint8 (N, 3, H, W).
        maps: (N, 1, H, W).
        shares: percent of the pixels that are set to black.
        direction: "least" or "most" salient.

    Raises:
        FacebiasError: an unknown direction.
    """
    device, black = next(model.parameters()).device, torch.zeros(3)
    before, found, size = [], [], _images_a_pass(images)
    for part, mine in zip(images.split(size), maps.split(size), strict=True):
        order = removal_order(mine, direction)
        pixels = as_input(part, device)
        score, index = scores(model, pixels)
        after = [
            scores(model, remove(pixels, order, pixel_count(share, order.shape[1]), black), index.to(device))[0]
            for share in shares
        ]
        before.append(score.double())
        found.append((score.double()[:, None] - torch.stack(after, dim=1).double()).abs())
    return torch.cat(before).numpy(), torch.cat(found).numpy()
