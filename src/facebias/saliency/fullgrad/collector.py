"""Settles terms while backward runs: the sum for each image, and the rescaled map psi(df/dv * r) of spatial ones."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facebias.saliency.fullgrad.tracer import Term

# What keeps a constant map from a division by zero: the authors' code has 1e-6, grad-cam, which goes by channel, 1e-7.
EPSILON = {"layer": 1e-6, "channel": 1e-7}
# Elements worked on at a time, so that they stay in the processor's cache and copies stay small.
BLOCK = 1 << 18

Frames = tuple[tuple[int, ...], ...]


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
        apart: whether the images could be told apart in every term.
    """

    def __init__(self, images: Tensor, scope: str | None, keep_maps: bool = False, weighted: bool = True) -> None:
        self.images, self.scope, self.keep_maps, self.weighted = images, scope, keep_maps, weighted
        self.count, self.apart, self.precision = images.shape[0], True, images.dtype
        self.sums: dict[str, Tensor] = {}
        self.maps: dict[str, Tensor] = {}
        self.frames: dict[str, Frames] = {}
        self.lost: dict[str, str] = {}
        self.size = images.new_zeros(self.count, dtype=torch.promote_types(images.dtype, torch.float32))
        self._whole: Frames = tuple(tuple(range(size)) for size in images.shape[2:])
        self._planes: dict[tuple[torch.Size, Frames], Tensor] = {}

    def settle(self, term: Term, gradient: Tensor) -> None:
        """Takes one term and df/dv: its sum for each image, and its map if it is laid out over the image."""
        residual, layout, shape = term.residual, term.layout, gradient.shape
        if residual is None or not gradient.numel():
            return
        self.precision = max(self.precision, gradient.dtype.to_real(), key=lambda kind: torch.finfo(kind).eps)
        placed = None if term.whole else layout.by_place
        if placed is not None:
            self.frames[term.name] = layout.frames
        elif layout.lost and not term.whole:
            self.lost[term.name] = layout.lost
        if placed is None or self.scope is None:
            product = _product(gradient, residual.of(shape))
            if self.keep_maps:
                self.maps[term.name] = product if placed is None else placed(product, self.count)
            return self._sum(term, product)
        by_rows = placed.entries is None and placed.dims[0] == 0 and shape[0] == placed.cells[0] == self.count
        step = max(1, BLOCK * self.count // gradient.numel()) if by_rows else self.count
        for start in range(0, self.count, step):
            rows = slice(start, start + step) if step < self.count else None
            part = gradient if rows is None else gradient[rows]
            product, count = _product(part, residual.of(shape, rows)), min(step, self.count - start)
            if not placed.whole:  # class tokens are in the sum, not in the map
                self._sum(term, product)
            shown = None if self.weighted else placed(part, count) if residual.explicit else part[:0]
            total = self._add(placed(product, count), layout.frames, start, placed.whole, shown)
            if placed.whole:
                self._gather(self.sums, term.name, start, total)

    def draw(self, term: Tensor, frames: Frames = ()) -> Tensor:
        """Adds psi of a term's full map, if maps are wanted; returns its sum (N,).

        Args:
            term: (N, C, *cells), is overwritten.
            frames: what its cells are laid over; none for the whole image.
        """
        return self._add(term, frames or self._whole).to(self.size)

    def map(self, align_corners: bool) -> Tensor:
        """The sum of all maps, (N, 1, *spatial), at the size of the images."""
        total, parts, weights = torch.zeros_like(self.images[:, 0]), [], []
        # Linear interpolation is separable, and as a matrix product several times faster than `interpolate`; one
        # product does the first axis of all resolutions.
        for (cells, frames), plane in self._planes.items():
            plane = plane.view(self.count, *cells)
            about = list(zip(cells, total.shape[1:], frames, strict=True))
            if about == list(zip(total.shape[1:], total.shape[1:], self._whole, strict=True)):
                total += plane
                continue
            along = [_interpolation(*each, align_corners, plane.dtype, plane.device) for each in about]
            for dim, weight in enumerate(along[1:], start=2):
                plane = torch.matmul(plane.movedim(dim, -1), weight).movedim(-1, dim)
            parts.append(plane.flatten(2) if plane.dim() > 2 else plane[..., None])
            weights.append(along[0])
        if parts:
            total += torch.matmul(torch.cat(weights).T, torch.cat(parts, 1)).view_as(total)
        return total.unsqueeze(1)

    def _sum(self, term: Term, product: Tensor) -> None:
        if (by_image := term.layout.by_image) is None:
            self.apart = False
            total = product.sum().expand(self.count) / self.count
        else:
            entries = by_image(product, self.count).to(self.size)
            total = entries.sum(1)
            self.size += entries.abs().sum(1)
        self._gather(self.sums, term.name, 0, total)

    def _add(
        self, term: Tensor, frames: Frames, start: int = 0, counted: bool = True, shown: Tensor | None = None
    ) -> Tensor:
        """Adds psi of rows of a term, or of what is shown in its place; returns their sum."""
        values, scope = term.flatten(2), self.scope or "layer"
        total = values.sum((1, 2))
        plane, size = _psi(values.abs_(), scope)
        if shown is not None:
            plane = _psi(shown.flatten(2).abs(), scope)[0] if len(shown) else plane.zero_()
        if counted:
            self.size.narrow(0, start, len(size)).add_(size)
        if self.scope:
            self._gather(self._planes, (term.shape[2:], frames), start, plane)
        return total

    def _gather(self, sums: dict[Any, Tensor], key: Any, start: int, part: Tensor) -> None:
        """Adds what some images, from `start` on, have of a sum."""
        if key not in sums and len(part) == self.count:
            sums[key] = part.to(self.size)
            return
        if key not in sums:
            sums[key] = self.size.new_zeros(self.count, *part.shape[1:])
        sums[key].narrow(0, start, len(part)).add_(part)


def _product(gradient: Tensor, residual: Tensor) -> Tensor:
    return (gradient.conj() * residual).real if gradient.is_complex() else gradient * residual


@lru_cache(maxsize=64)
def _interpolation(
    cells: int, size: int, frame: tuple[int, ...], align_corners: bool, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """(cells, size): cells laid evenly over a frame, whose places are pixels of the image, or lie outside of it."""
    places, line = np.array(frame), np.arange(len(frame))
    at = line * ((cells - 1) / max(len(frame) - 1, 1)) if align_corners else (line + 0.5) * (cells / len(frame)) - 0.5
    low = np.floor(at := at.clip(0, cells - 1)).astype(int)
    weights, inside = np.zeros((size, cells)), (places >= 0) & (places < size)
    np.add.at(weights, (places[inside], low[inside]), (1 - (at - low))[inside])
    np.add.at(weights, (places[inside], np.minimum(low + 1, cells - 1)[inside]), (at - low)[inside])
    narrow = weights.T.astype(np.float64 if dtype == torch.float64 else np.float32)  # some devices have no float64
    return torch.from_numpy(narrow).to(device, dtype)


def _psi(values: Tensor, scope: str) -> tuple[Tensor, Tensor]:
    """Rescales absolute values (n, C, S) to 0..1, a channel or an image at a time; sums over channels, and over all."""
    if scope == "channel":
        values = values.contiguous()  # maxima along a strided dimension are some forty times slower
        low, high = values.amin(2), values.amax(2)
        scale = 1 / (high - low + EPSILON[scope])
        plane = torch.bmm(scale[:, None], values)[:, 0] - (low * scale).sum(1, keepdim=True)
        return plane, values.sum((1, 2))
    low, high = values.amin((1, 2))[:, None], values.amax((1, 2))[:, None]
    # With channels last, a product with ones sums them twice as fast.
    summed = values.sum(1) if values.stride(2) == 1 else torch.matmul(values.new_ones(values.shape[1]), values)
    size = summed.sum(1)
    return torch.sub(summed, low, alpha=values.shape[1]).div_(high.sub_(low).add_(EPSILON[scope])), size
