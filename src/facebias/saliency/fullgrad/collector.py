"""Settles terms while backward runs: the sum for each image, and the rescaled map psi(df/dv * r) of spatial ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from facebias.saliency.fullgrad.layout import Layout, per_image
from facebias.saliency.fullgrad.residuals import Channel, Residual
from facebias.saliency.fullgrad.tracer import Term

# What keeps a constant map from a division by zero: the authors' code has 1e-6, grad-cam, which goes by channel, 1e-7.
EPSILON = {"layer": 1e-6, "channel": 1e-7}
# Elements worked on at a time, so that they stay in the processor's cache and copies stay small.
BLOCK = 1 << 18
_WHOLE = slice(None)


class Collector:
    """Takes terms one by one; holds a sum (N,) for each, and one map for each resolution.

    Maps are summed over channels and over the layers of one resolution before they are resized: resizing is linear.

    Args:
        images: (N, C, *spatial).
        scope: "layer" or "channel", what is rescaled to 0..1 at a time; None for sums alone.
        keep_maps: keep every term's full map.
        weighted: False leaves the biases out of the map, and terms without an explicit bias (SimpleFullGrad).
    """

    def __init__(self, images: Tensor, scope: str | None, keep_maps: bool = False, weighted: bool = True) -> None:
        self.images, self.scope, self.keep_maps, self.weighted = images, scope, keep_maps, weighted
        self.sums: dict[str, Tensor] = {}
        self.maps: dict[str, Tensor] = {}
        self.spatial: set[str] = set()
        self.faults: dict[str, Tensor] = {}
        self._planes: dict[torch.Size, Tensor] = {}

    def settle(self, term: Term, gradient: Tensor) -> None:
        """Takes one term and df/dv: its sum for each image, and its map if it is laid out like the images."""
        residual, layout = term.residual, term.layout
        if term.expected is not None:
            fault = self._sum(gradient, term.expected, layout)
            self.faults[term.name] = fault if residual is None else fault - self._sum(gradient, residual, layout)
        if residual is None:
            return
        like_images = gradient.dim() == self.images.dim() > 2 and layout.batch == 0
        channel = layout.channel if like_images and len(gradient) == len(self.images) else None
        if channel is not None:
            self.spatial.add(term.name)
        if self.keep_maps:
            product = gradient * residual.full(gradient)
            self.maps[term.name] = product if channel is None else product.movedim(channel, 1)
        if channel is not None and self.scope:
            self.sums[term.name] = self._sum_and_draw(gradient, residual, channel, self.scope)
        else:
            self.sums[term.name] = self._sum(gradient, residual, layout)

    def draw(self, term: Tensor) -> None:
        """Adds psi of a term's full map (N, C, *spatial), if maps are wanted; overwrites the term."""
        if self.scope:
            for rows in _blocks(term):
                self._add(rows, _psi(term[rows].flatten(2).abs_(), self.scope), term.shape[2:])

    def map(self, align_corners: bool) -> Tensor:
        """The sum of all maps, (N, 1, *spatial), at the size of the images."""
        size = self.images.shape[2:]
        total = self.images.new_zeros((len(self.images), *size))
        for spatial, plane in self._planes.items():
            plane = plane.view(len(plane), *spatial)
            for dim in range(len(size), 0, -1):
                plane = _resized(plane, dim, size[dim - 1], align_corners)
            total += plane
        return total.unsqueeze(1)

    def _sum(self, gradient: Tensor, residual: Residual, layout: Layout) -> Tensor:
        usual = layout.batch == 0 and layout.inner == 1
        if isinstance(residual, Channel) and residual.axis == 1 and usual and len(gradient) == len(self.images):
            by_channel = gradient.flatten(2).sum(2) if gradient.dim() > 2 else gradient
            return by_channel.double() @ residual.vector.double()
        return per_image(gradient * residual.full(gradient), layout, len(self.images))

    def _sum_and_draw(self, gradient: Tensor, residual: Residual, channel: int, scope: str) -> Tensor:
        explicit, sums = isinstance(residual, Channel), []
        spatial = gradient.shape[2:] if channel == 1 else gradient.movedim(channel, 1).shape[2:]
        for rows in _blocks(gradient):
            part = gradient if rows == _WHOLE else gradient[rows]
            values = _planes_of(part * residual.full(gradient, rows), channel)
            sums.append(values.sum((1, 2)))
            if explicit and not self.weighted:
                self._add(rows, _psi(_planes_of(part, channel).abs(), scope), spatial)
            elif self.weighted:
                self._add(rows, _psi(values.abs_(), scope), spatial)
        return (sums[0] if len(sums) == 1 else torch.cat(sums)).double()

    def _add(self, rows: slice, plane: Tensor, spatial: torch.Size) -> None:
        if spatial in self._planes:
            self._planes[spatial][rows].add_(plane)
        elif plane.shape[0] == self.images.shape[0]:
            self._planes[spatial] = plane
        else:
            self._planes[spatial] = plane.new_zeros((len(self.images), plane.shape[1]))
            self._planes[spatial][rows] = plane


def _planes_of(term: Tensor, channel: int) -> Tensor:
    return (term if channel == 1 else term.movedim(channel, 1)).flatten(2)


def _resized(plane: Tensor, dim: int, size: int, align_corners: bool) -> Tensor:
    # Linear interpolation is separable, and as a matrix product several times faster than `interpolate` on one channel.
    if plane.shape[dim] == size:
        return plane
    weights = _interpolation(plane.shape[dim], size, align_corners, plane.dtype, plane.device)
    if dim == plane.dim() - 1:
        return torch.matmul(plane, weights)
    rest = plane.shape[dim + 1 :]
    return torch.matmul(weights.T, plane.flatten(dim + 1)).unflatten(-1, rest)


@lru_cache(maxsize=64)
def _interpolation(before: int, after: int, align_corners: bool, dtype: torch.dtype, device: torch.device) -> Tensor:
    unit = torch.eye(before, dtype=torch.float64)
    weights = functional.interpolate(unit[None], size=after, mode="linear", align_corners=align_corners)[0]
    return weights.to(device, dtype)


def _blocks(gradient: Tensor) -> Iterator[slice]:
    count, size = gradient.shape[0], gradient.numel()
    if size <= BLOCK:
        yield _WHOLE
        return
    images = max(1, BLOCK * count // size)
    for start in range(0, count, images):
        yield slice(start, start + images)


def _psi(values: Tensor, scope: str) -> Tensor:
    """Rescales absolute values (n, C, S) to 0..1, a channel or an image at a time, and sums them over channels."""
    if scope == "channel":
        values = values.contiguous()  # maxima along a strided dimension are some forty times slower
        low, high = values.amin(2), values.amax(2)
        scale = 1 / (high - low + EPSILON[scope])
        return torch.bmm(scale[:, None], values)[:, 0] - (low * scale).sum(1, keepdim=True)
    low, high = values.amin((1, 2))[:, None], values.amax((1, 2))[:, None]
    # With channels last, a product with ones sums them twice as fast.
    summed = values.sum(1) if values.stride(2) == 1 else torch.matmul(values.new_ones(values.shape[1]), values)
    return torch.sub(summed, low, alpha=values.shape[1]).div_(high.sub_(low).add_(EPSILON[scope]))
