"""Settles terms while backward runs: the sum for each image, and the rescaled map psi(df/dv * r) of spatial ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from facebias.saliency.fullgrad.layout import Layout, Placing
from facebias.saliency.fullgrad.residuals import Channel, Residual
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
        keep_maps: keep every term's full map.
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
        residual, layout = term.residual, term.layout
        if residual is None or not gradient.numel():
            return
        kind = gradient.dtype
        if (
            kind != self.precision
            and kind.is_floating_point
            and torch.finfo(kind).eps > torch.finfo(self.precision).eps
        ):
            self.precision = kind
        placed = None if term.whole else layout.by_place
        if placed is not None:
            self.frames[term.name] = placed.frames
        elif layout.lost and not term.whole:
            self.lost[term.name] = layout.lost
        if self.keep_maps:
            product = _product(gradient, residual.full(gradient))
            self.maps[term.name] = product if placed is None else placed(product, self.count)
        found = self._draw(gradient, residual, placed) if placed and self.scope else None
        if found is None or placed is None or not placed.whole:  # class tokens are in the sum, not in the map
            found = self._sum(gradient, residual, layout)
        self.sums[term.name] = self.sums[term.name] + found if term.name in self.sums else found

    def draw(self, term: Tensor, frames: Frames = ()) -> Tensor:
        """Adds psi of a term's full map, if maps are wanted; returns its sum (N,).

        Args:
            term: (N, C, *cells), is overwritten.
            frames: what its cells are laid over; none for the whole image.
        """
        return self._add(((term[rows], None) for rows in _blocks(term)), frames or self._whole)

    def map(self, align_corners: bool) -> Tensor:
        """The sum of all maps, (N, 1, *spatial), at the size of the images."""
        total = torch.zeros_like(self.images[:, 0])
        for (cells, frames), plane in self._planes.items():
            plane = plane.view(self.count, *cells)
            for dim in range(len(cells), 0, -1):
                plane = _resized(plane, dim, total.shape[dim], frames[dim - 1], align_corners)
            total += plane
        return total.unsqueeze(1)

    def _sum(self, gradient: Tensor, residual: Residual, layout: Layout) -> Tensor:
        product = _product(gradient, residual.full(gradient)).to(self.size)
        if (by_image := layout.by_image) is None:
            self.apart = False
            return product.sum().expand(self.count) / self.count
        self.size += by_image(product.abs())
        return by_image(product)

    def _draw(self, gradient: Tensor, residual: Residual, placed: Placing) -> Tensor:
        """Adds psi of a term; returns the sum over what is drawn, for each image."""
        by_rows = placed.entries is None and placed.dims[0] == 0 and gradient.shape[0] == placed.cells[0] == self.count
        explicit = isinstance(residual, Channel)

        def parts() -> Iterator[tuple[Tensor, Tensor | None]]:
            """Block by block the term, and what is shown in its place where that is something else."""
            for rows in _blocks(gradient) if by_rows else (slice(None),):
                part = gradient[rows]
                count = len(part) if by_rows else self.count
                values = placed(_product(part, residual.full(gradient, rows)), count)
                yield values, None if self.weighted else placed(part, count).abs() if explicit else values[:, :0]

        return self._add(parts(), placed.frames, placed.whole)

    def _add(self, parts: Iterable[tuple[Tensor, Tensor | None]], frames: Frames, counted: bool = True) -> Tensor:
        found, scope = [], self.scope or "layer"
        for values, shown in parts:
            flat, cells = values.flatten(2), values.shape[2:]
            total, (plane, size) = flat.sum((1, 2)), _psi(flat.abs_(), scope)
            if shown is not None:
                plane = _psi(shown.flatten(2), scope)[0] if shown.numel() else torch.zeros_like(plane)
            found.append((total, size, plane))
        total, size, plane = found[0] if len(found) == 1 else map(torch.cat, zip(*found, strict=True))
        if counted:
            self.size += size
        if self.scope and (cells, frames) in self._planes:
            self._planes[cells, frames] += plane
        elif self.scope:
            self._planes[cells, frames] = plane
        return total.to(self.size)


def _product(gradient: Tensor, residual: Tensor) -> Tensor:
    return (gradient.conj() * residual).real if gradient.is_complex() else gradient * residual


def _resized(plane: Tensor, dim: int, size: int, frame: tuple[int, ...], align_corners: bool) -> Tensor:
    # Linear interpolation is separable, and as a matrix product several times faster than `interpolate` on one channel.
    if plane.shape[dim] == size and frame == tuple(range(size)):
        return plane
    weights = _interpolation(plane.shape[dim], size, frame, align_corners, plane.dtype, plane.device)
    if dim == plane.dim() - 1:
        return torch.matmul(plane, weights)
    rest = plane.shape[dim + 1 :]
    return torch.matmul(weights.T, plane.flatten(dim + 1)).unflatten(-1, rest)


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


def _blocks(gradient: Tensor) -> Iterator[slice]:
    count, size = gradient.shape[0], gradient.numel()
    images = max(1, BLOCK * count // size)
    return (slice(start, start + images) for start in range(0, count, images))


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
