"""The blurred-map control: a random map as smooth as a method's, that knows neither model nor image.

Remove and retrain rewards blurred maps whatever they show: a blob leaves its surroundings for the network to read
(arXiv 2304.13836). A method is worth what it has over blobs of its own smoothness.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

_LAGS = (1, 2, 4)


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
