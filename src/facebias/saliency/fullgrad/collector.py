"""Settles terms while backward runs: the sum for each image, and the rescaled map psi(df/dv * r) of spatial ones."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facebias.saliency.fullgrad.layout import Frames
from facebias.saliency.fullgrad.residuals import Residual
from facebias.saliency.fullgrad.tracer import Term

# What keeps a constant map from a division by zero: the authors' code has 1e-6, grad-cam, which goes by channel, 1e-7.
EPSILON = {"layer": 1e-6, "channel": 1e-7}
# Elements worked on at a time, so that they stay in the processor's cache and copies stay small.
BLOCK = 1 << 18


class Collector:
    """Takes terms one by one; holds a sum (N,) for each, and one map for each resolution.

    Maps are summed over channels and over the layers of one resolution before they are resized: resizing is linear.

    Args:
        images: (N, C, *spatial).
        scope: "layer" or "channel", what is rescaled to 0..1 at a time; None for sums alone.
        keep_maps: keep every term's full map; for sums alone.
        weighted: False leaves the biases out of the map, and terms without an explicit bias (SimpleFullGrad).

    Attributes:
        sums: (N,) of each term; like `maps`, `frames` (`spatial` there), `lost`, `size` and `precision` as in a
            `Decomposition`.
    """

    def __init__(self, images: Tensor, scope: str | None, keep_maps: bool = False, weighted: bool = True) -> None:
        self.images, self.scope, self.keep_maps, self.weighted = images, scope, keep_maps, weighted
        self.count, self.precision = images.shape[0], images.dtype
        self.sums, self.maps = dict[str, Tensor](), dict[str, Tensor]()
        self.frames, self.lost = dict[str, Frames](), dict[str, str]()
        self.size = images.new_zeros(self.count, dtype=torch.promote_types(images.dtype, torch.float32))
        self._whole: Frames = tuple(tuple(range(size)) for size in images.shape[2:])
        self._planes: dict[tuple[torch.Size, Frames], Tensor] = {}

    def settle(self, term: Term, residual: Residual, gradient: Tensor) -> None:
        """Takes one term and df/dv: its sum for each image, and its map if it is laid out over the image."""
        self.precision = max(self.precision, gradient.dtype.to_real(), key=lambda kind: torch.finfo(kind).eps)
        if (placed := term.layout.by_place) is not None:
            self.frames[term.name] = placed.frames
        elif term.layout.lost:
            self.lost[term.name] = term.layout.lost
        if placed is None or self.scope is None:
            product = residual.product(gradient)
            if self.keep_maps:
                self.maps[term.name] = product if placed is None else placed(product)
            return self._sum(term, product)
        step = max(1, BLOCK * self.count // gradient.numel()) if placed.by_rows else self.count
        parts = []
        for start in range(0, self.count, step):
            rows = slice(start, start + step) if step < self.count else ...
            product = residual.product(gradient, rows)
            if not placed.whole:  # class tokens are in the sum, not in the map
                self._sum(term, product)
            plane, total, size = _psi(placed(product), self.scope)
            if not self.weighted:
                plane = _psi(placed(gradient[rows].abs()), self.scope)[0] if residual.explicit else plane.zero_()
            parts.append((plane, total, size))
        plane, total, size = map(torch.cat, zip(*parts, strict=True)) if parts[1:] else parts[0]
        self._add(self._planes, (placed.cells[1:], placed.frames), plane)
        if placed.whole:
            self._add(self.sums, term.name, total)
            self.size += size

    def draw(self, term: Tensor, frames: Frames = ()) -> Tensor:
        """Adds psi of a term's full map (N, C, *cells), which is overwritten; returns its sum (N,). The cells are laid
        over `frames`, or over the whole image."""
        plane, total, size = _psi(term, self.scope or "layer")
        self._add(self._planes, (term.shape[2:], frames or self._whole), plane)
        self.size += size
        return total.to(self.size)

    def map(self, align_corners: bool) -> Tensor:
        """The sum of all maps, (N, 1, *spatial), at the size of the images."""
        total = torch.zeros_like(self.images[:, 0])
        for (cells, frames), plane in self._planes.items():
            plane = plane.view(self.count, *cells)
            for dim, axis in enumerate(zip(cells, frames, total.shape[1:], self._whole, strict=True), start=1):
                if axis[:2] != axis[2:]:
                    # Interpolation is separable, and as a matrix product several times faster than `interpolate`.
                    weight = _interpolation(*axis[:3], align_corners, plane.dtype, plane.device)
                    plane = torch.matmul(plane.movedim(dim, -1), weight).movedim(-1, dim)
            total += plane
        return total.unsqueeze(1)

    def _sum(self, term: Term, product: Tensor) -> None:
        product = product.to(self.size)
        self._add(self.sums, term.name, term.layout.by_image(product))
        self.size += term.layout.by_image(product.abs())

    def _add(self, sums: dict[Any, Tensor], key: Any, part: Tensor) -> None:
        part = part.to(self.size)
        sums[key] = sums[key].add_(part) if key in sums else part


@lru_cache(maxsize=64)
def _interpolation(
    cells: int, frame: tuple[int, ...], size: int, align_corners: bool, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """(cells, size): cells laid evenly over a frame, whose places are pixels of the image, or lie outside of it."""
    places, line = np.array(frame), np.arange(len(frame))
    at = line * ((cells - 1) / max(len(frame) - 1, 1)) if align_corners else (line + 0.5) * (cells / len(frame)) - 0.5
    shares = np.stack([np.interp(at, np.arange(cells), unit) for unit in np.eye(cells)])  # (cells, places)
    weights, inside = np.zeros((cells, size)), (places >= 0) & (places < size)
    np.add.at(weights.T, places[inside], shares[:, inside].T)
    narrow = weights.astype(np.float64 if dtype == torch.float64 else np.float32)  # some devices have no float64
    return torch.from_numpy(narrow).to(device, dtype)


def _psi(term: Tensor, scope: str) -> tuple[Tensor, Tensor, Tensor]:
    """Of a term (n, C, *cells), which is overwritten, (n, S) and (n,): |values| rescaled to 0..1, a channel or an image
    at a time, and summed over channels; the sum of all values; the sum of all |values|."""
    values = term.flatten(2)
    total = values.sum((1, 2))
    values = values.abs_()
    if scope == "channel":
        values = values.contiguous()  # maxima along a strided dimension are some forty times slower
        low, high = values.amin(2), values.amax(2)
        scale = 1 / (high - low + EPSILON[scope])
        plane = torch.bmm(scale[:, None], values)[:, 0] - (low * scale).sum(1, keepdim=True)
        return plane, total, values.sum((1, 2))
    low, high = values.amin((1, 2))[:, None], values.amax((1, 2))[:, None]
    # With channels last, a product with ones sums them twice as fast.
    summed = values.sum(1) if values.stride(2) == 1 else torch.matmul(values.new_ones(values.shape[1]), values)
    size = summed.sum(1)
    return torch.sub(summed, low, alpha=values.shape[1]).div_(high.sub_(low).add_(EPSILON[scope])), total, size
