"""Settles terms while backward runs: the sum for each image, and the rescaled map psi(df/dv * r) of spatial ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from facebias.saliency.layout import Layout, per_image
from facebias.saliency.residuals import Channel, Residual
from facebias.saliency.tracer import Term

# What keeps a constant map from a division by zero: the authors' code has 1e-6, grad-cam, which goes by channel, 1e-7.
EPSILON = {"layer": 1e-6, "channel": 1e-7}
# Elements worked on at a time, so that they stay in the processor's cache and copies stay small.
BLOCK = 1 << 18
_WHOLE = slice(None)
_kept = threading.local()


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
        spatial = (gradient.dim() == self.images.dim() > 2 and layout.batch == 0 and layout.channel is not None
                   and len(gradient) == len(self.images))
        if spatial:
            self.spatial.add(term.name)
        if self.keep_maps:
            product = gradient * residual.full(gradient)
            self.maps[term.name] = product.movedim(layout.channel, 1) if spatial else product
        if not (spatial and self.scope):
            self.sums[term.name] = self._sum(gradient, residual, layout)
            return
        self.sums[term.name] = self.draw(gradient, lambda rows: residual.full(gradient, rows), layout.channel,
                                         self.weighted)
        if not self.weighted and isinstance(residual, Channel):
            self.draw(gradient, channel=layout.channel)

    def draw(self, term: Tensor, factor: Callable[[slice], Tensor | float] = lambda rows: 1.0, channel: int = 1,
             drawn: bool = True) -> Tensor:
        """Adds psi of a term's full map, if maps are wanted; returns the sum (N,) of the term.

        Args:
            term: (N, C, *spatial), or with the channels at another place.
            factor: what some rows of it are multiplied by first.
            channel: the dimension of the channels.
            drawn: False for the sum alone.
        """
        spatial, sums = term.shape[1:channel] + term.shape[channel + 1:], []
        for rows in _blocks(term):
            part = term if rows is _WHOLE else term[rows]
            values, innermost = _product(part, factor(rows), channel)
            sums.append(values.sum(1))
            if drawn and self.scope:
                self._add(rows, spatial, *_psi(values.abs_(), part.shape[channel], innermost, self.scope))
        return sums[0] if len(sums) == 1 else torch.cat(sums)

    def map(self, align_corners: bool) -> Tensor:
        """The sum of all maps, (N, 1, *spatial), at the size of the images."""
        size, parts, sides = self.images.shape[2:], [], []
        total = self._planes[size].view(-1, *size)
        for spatial, plane in self._planes.items():
            if spatial == size:
                continue
            plane = plane.view(-1, *spatial)
            for dim in range(len(size), 1, -1):
                plane = _resized(plane, dim, size[dim - 1], align_corners)
            parts.append(plane.reshape(*plane.shape[:2], -1) if len(size) != 2 else plane)
            sides.append(spatial[0])
        if parts:  # along their first dimension all resolutions in one product
            weights = _interpolation(tuple(sides), size[0], align_corners, total.dtype, total.device)
            total = torch.baddbmm(total.view(*total.shape[:2], -1), weights.T.expand(len(total), -1, -1),
                                  torch.cat(parts, 1))
        return total.view(-1, 1, *size)

    def _sum(self, gradient: Tensor, residual: Residual, layout: Layout) -> Tensor:
        by_channel = isinstance(residual, Channel) and residual.axis == 1 and layout.batch == 0 and layout.inner == 1
        if by_channel and len(gradient) == len(self.images):
            return gradient.flatten(2).sum(2).double() @ residual.vector.double() if gradient.dim() > 2 \
                else gradient.double() @ residual.vector.double()
        return per_image(gradient * residual.full(gradient), layout, len(self.images))

    def _add(self, rows: slice, spatial: torch.Size, plane: Tensor, span: Tensor) -> None:
        if spatial not in self._planes:
            self._planes[spatial] = self.images.new_zeros((len(self.images), spatial.numel()))
        total = self._planes[spatial]
        (total if rows is _WHOLE else total[rows]).addcdiv_(plane, span)


def _product(part: Tensor, factor: Tensor | float, channel: int) -> tuple[Tensor, bool]:
    """A row (n, C * S) for each image, in the order that the part has in memory; whether its channels are innermost."""
    innermost = channel == part.dim() - 1
    if innermost != part.is_contiguous():
        innermost = channel == 1 and part.dim() == 4 and part.is_contiguous(memory_format=torch.channels_last)
    dtype = part.dtype if isinstance(factor, float) else torch.promote_types(part.dtype, factor.dtype)
    values = _scratch(part.numel(), dtype, part.device)
    if innermost or (channel == 1 and part.is_contiguous()):
        out = values.as_strided(part.shape, part.stride())
    else:
        out = values[:part.numel()].view(part.movedim(channel, 1).shape).movedim(1, channel)
    torch.mul(part, factor, out=out)
    rows = len(part)
    return values.as_strided((rows, part.numel() // rows), (part.numel() // rows, 1)), innermost


def _scratch(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    # Fresh memory costs more than what is done in it, so that each thread makes its products in the same one.
    if size > BLOCK or device.type != "cpu":
        return torch.empty(size, dtype=dtype, device=device)
    if dtype not in _kept.__dict__:
        with torch.inference_mode(False):  # what is made in inference mode may not be written to outside of it
            _kept.__dict__[dtype] = torch.empty(BLOCK, dtype=dtype)
    return _kept.__dict__[dtype]


def _resized(plane: Tensor, dim: int, size: int, align_corners: bool) -> Tensor:
    # Linear interpolation is separable, and as a matrix product several times faster than `interpolate` on one channel.
    if plane.shape[dim] == size:
        return plane
    weights = _interpolation((plane.shape[dim],), size, align_corners, plane.dtype, plane.device)
    if dim == plane.dim() - 1:
        return torch.mm(plane.view(-1, len(weights)), weights).view(*plane.shape[:-1], size)
    return torch.matmul(weights.T, plane.flatten(dim + 1)).unflatten(-1, plane.shape[dim + 1:])


@lru_cache(maxsize=64)
def _interpolation(before: tuple[int, ...], after: int, align_corners: bool, dtype: torch.dtype, device: torch.device,
                   ) -> Tensor:
    units = [torch.eye(side, dtype=torch.float64)[None] for side in before]
    weights = [functional.interpolate(unit, size=after, mode="linear", align_corners=align_corners)[0]
               for unit in units]
    return torch.cat(weights).to(device, dtype)


def _blocks(gradient: Tensor) -> Iterator[slice]:
    count, size = gradient.shape[0], gradient.numel()
    if size <= BLOCK:
        yield _WHOLE
        return
    images = max(1, BLOCK * count // size)
    for start in range(0, count, images):
        yield slice(start, start + images)


def _psi(values: Tensor, channels: int, innermost: bool, scope: str) -> tuple[Tensor, Tensor]:
    """Rescales absolute values (n, C * S) to 0..1, a channel or an image at a time, and sums them over channels.

    Returns:
        The sum (n, S), and what it is still to be divided by.
    """
    shape = (len(values), -1, channels) if innermost else (len(values), channels, -1)
    if scope == "channel":
        values = values.view(shape)
        values = values.mT.contiguous() if innermost else values  # maxima along a strided dimension are slow
        low, high = values.amin(2), values.amax(2)
        scale = 1 / (high - low + EPSILON[scope])
        summed = torch.bmm(scale[:, None], values)[:, 0] - (low * scale).sum(1, keepdim=True)
        return summed, _ones(1, values.dtype, values.device)
    low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
    # A product with ones sums what is innermost twice as fast.
    summed = (torch.mv(values.view(-1, channels), _ones(channels, values.dtype, values.device)).view(len(values), -1)
              if innermost else values.view(shape).sum(1))
    return summed.sub_(low, alpha=channels), high.sub_(low).add_(EPSILON[scope])


@lru_cache(maxsize=256)
def _ones(count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.ones(count, dtype=dtype, device=device)
