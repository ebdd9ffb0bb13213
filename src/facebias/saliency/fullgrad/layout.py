"""Where the images, and the places on them, are in a tensor.

Attention puts the sequence first, Swin folds windows into the batch, ConvNeXt works with channels last, and a model
may crop, flip, roll or transpose what it is given. So entries are numbered: which image they belong to, and which cell
of each of the image's axes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import pairwise
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor

NONE = -1  # the number of what has no place on the image, like a class token
Frames = tuple[tuple[int, ...], ...]


class Field(NamedTuple):
    """The images, or one axis of them.

    Attributes:
        numbers: of each entry, with a size of 1 along dimensions where they do not change.
        cells: how many images, or how many cells, laid evenly over the frame. After a stride there are fewer.
        frame: the image's pixel at each place, outside the image where the model padded it; empty for the images.
        pixels: of the image along the axis.
    """

    numbers: Tensor
    cells: int
    frame: tuple[int, ...] = ()
    pixels: int = 0

    @property
    def carriers(self) -> list[int]:
        """Dimensions along which the number changes."""
        return [dim for dim, size in enumerate(self.numbers.shape) if size > 1]

    @property
    def straight(self) -> bool:
        """Whether one dimension counts the cells of an axis, and nothing else."""
        return bool(self.frame) and len(self.carriers) == 1 and self.numbers.numel() == self.cells

    def renumbered(self) -> Field:
        """Other cells than before, counted in order by the dimension that counted those."""
        return self._replace(numbers=line(self.cells, self.carriers[0], self.numbers.dim()))

    def numbered(self, numbers: Tensor) -> Field:
        """The same field with other numbers, of any shape."""
        for dim, size in enumerate(numbers.shape):
            first = numbers.narrow(dim, 0, min(size, 1))
            if size > 1 and (numbers.stride(dim) == 0 or torch.equal(numbers, first.expand_as(numbers))):
                numbers = first
        return self._replace(numbers=numbers.contiguous())

    def mixed(self, dims: Iterable[int]) -> Field | None:
        """After a sum or the like along some dimensions; None where that mixes places in a way of its own."""
        numbers = self.numbers
        for dim in set(dims) & set(self.carriers):
            first = numbers.narrow(dim, 0, 1)
            if self.numbered(numbers - first).numbers.numel() > numbers.shape[dim]:
                return None
            numbers = first.clamp(min=0) if self.frame else torch.full_like(first, NONE)
        return self.numbered(numbers)

    def select(self, chosen: list[int]) -> Field:
        """The frame of only these of the cells, in this order."""
        width, steps = len(self.frame) / self.cells, {after - before for before, after in pairwise(chosen)}
        step = steps.pop() if len(steps) == 1 else 1
        span, low = abs(step), min(chosen)  # every second cell and the like stand for their neighbours
        whole = low < span and max(chosen) + span >= self.cells
        spans = [(0 if whole and cell == low else cell, min(cell + span, self.cells)) for cell in chosen]
        parts = [self.frame[round(first * width) : round(last * width)] for first, last in spans]
        frame = tuple(pixel for part in parts for pixel in part[:: 1 if step > 0 else -1])
        return self._replace(cells=len(chosen), frame=frame)

    def widen(self, low: int, high: int) -> Field:
        """The frame with cells added at both ends, beyond the image; cut where negative."""
        field = self.select(list(range(max(-low, 0), self.cells + min(high, 0))))
        width, step = len(field.frame) / field.cells, field.frame[1] - field.frame[0] if len(field.frame) > 1 else 1
        before = [field.frame[0] - step * n for n in range(round(low * width), 0, -1)]
        after = [field.frame[-1] + step * n for n in range(1, round(high * width) + 1)]
        cells, frame = field.cells + max(low, 0) + max(high, 0), (*before, *field.frame, *after)
        return field._replace(cells=cells, frame=frame).renumbered()

    def resize(self, cells: int) -> Field:
        """Other cells over the same frame, less the padding that the windows of a convolution have taken in."""
        taken = max(0, self.cells - cells * max(1, round(self.cells / cells)))
        taken = round((taken + 1) // 2 * len(self.frame) / self.cells)
        inside = [0 <= place < self.pixels for place in self.frame]
        low, high = min(taken, inside.index(True)), min(taken, inside[::-1].index(True))
        return self._replace(cells=cells, frame=self.frame[low : len(self.frame) - high]).renumbered()

    def settle(self) -> Field:
        """The cells that are left, numbered from 0 in the order in which they stand."""
        placed = self.numbers >= 0
        known = self.numbers[placed]
        if not (self.frame and self.carriers and len(known)):
            return self
        distinct, ranks = known.unique(return_inverse=True)
        if len(self.carriers) == 1 and len(distinct) == len(known):  # in whatever order
            distinct, ranks = known, torch.arange(len(known))
        numbers = torch.full_like(self.numbers, NONE).masked_scatter_(placed, ranks.to(known))
        return self.select(distinct.int().tolist())._replace(numbers=numbers)

    def like(self, other: Field) -> bool:
        """Whether another field has as many cells, in the same places to less than two cells."""
        at, own, its = (np.linspace(0, 1, n) for n in (self.cells, len(self.frame), len(other.frame)))
        apart = np.interp(at, own, self.frame) - np.interp(at, its, other.frame)
        return self.cells == other.cells and bool(np.abs(apart).max() < 2 * len(self.frame) / self.cells)


class Placing(NamedTuple):
    """Brings a tensor to (N, C, *cells): permutes dimensions, then `entries` of those that count something."""

    frames: Frames  # of the axes
    cells: tuple[int, ...]  # the number of images that have entries first
    images: Tensor  # which these are
    in_all: int  # how many images there are
    dims: tuple[int, ...]
    entries: Tensor | None = None
    counted: int = 0
    whole: bool = True  # whether every entry has a place
    by_rows: bool = False  # whether a row of the tensor is an image, so that it may be brought there in parts

    def __call__(self, term: Tensor) -> Tensor:
        """The tensor, or some of its rows; zero for images that have no entries."""
        term = term.permute(self.dims)
        if self.entries is None:
            found = term.reshape(len(term) if self.by_rows else self.cells[0], -1, *self.cells[1:])
        else:
            lines = term.reshape(self.counted, -1)[self.entries.to(term.device)]
            found = lines.reshape(*self.cells, -1).movedim(-1, 1)
        if self.cells[0] == self.in_all:
            return found
        return found.new_zeros(self.in_all, *found.shape[1:]).index_copy(0, self.images.to(found.device), found)


@dataclass(frozen=True, eq=False)
class Layout:
    """Of a tensor: the field of the images, one for each axis, and the operation that lost one."""

    fields: tuple[Field, ...]
    lost: str = ""

    @property
    def placed(self) -> bool:
        """Whether dimensions count the cells of every axis that has more than one."""
        axes = self.fields[1:]
        return any(field.carriers for field in axes) and all(field.carriers or field.cells == 1 for field in axes)

    @cached_property
    def apart(self) -> bool:
        """Whether images are to be told apart: every entry belongs to one, and all that have entries have as many."""
        images, counts = self.fields[0].numbers.unique(return_counts=True)
        return bool((images >= 0).all()) and len(counts.unique()) < 2

    def by_image(self, term: Tensor) -> Tensor:
        """The sum (N,) of a tensor for each image; not-a-number where images are not to be told apart."""
        numbers, count = self.fields[0].numbers, self.fields[0].cells
        if not self.apart:
            return term.new_full((count,), math.nan)
        own = numbers.flatten().to(term.device, torch.long)
        return term.new_zeros(count).index_add(0, own, term.sum_to_size(numbers.shape).flatten())

    @cached_property
    def by_place(self) -> Placing | None:
        """How the tensor is brought to (N, C, *cells); None where it is not laid out over the image."""
        fields, images, rank = self.fields, self.fields[0].numbers.unique().long(), self.fields[0].numbers.dim()
        if self.lost or not fields[1:] or not self.apart or (not self.placed and rank < len(fields) + 1):
            return None
        own = [dim for field in fields for dim in field.carriers]
        carriers, rest = sorted(set(own)), [dim for dim in range(rank) if dim not in own]
        cells = (len(images), *(field.cells for field in fields[1:]))
        place = partial(Placing, tuple(field.frame for field in fields[1:]), cells, images, fields[0].cells)
        lines = [images, *map(torch.arange, cells[1:])]
        if len(own) == len(carriers) and all(
            torch.equal(field.numbers.flatten().long(), line) for field, line in zip(fields, lines, strict=True)
        ):
            first, by_rows = len(fields[0].carriers), own[:1] == [0] and 1 < len(images) == fields[0].cells
            return place((*own[:first], *rest, *own[first:]), by_rows=by_rows)
        numbers = [line.flatten().long().numpy() for line in torch.broadcast_tensors(*(f.numbers for f in fields))]
        known = np.flatnonzero(np.min(numbers, axis=0) >= 0)
        numbers[0] = np.searchsorted(images.numpy(), numbers[0])
        target = np.ravel_multi_index([line[known] for line in numbers], cells, mode="clip")
        times, left = divmod(len(known), math.prod(cells))
        if left or not times or (np.bincount(target, minlength=math.prod(cells)) != times).any():
            return None
        entries = torch.from_numpy(known[np.argsort(target, kind="stable")])
        return place((*carriers, *rest), entries, len(numbers[0]), len(known) == len(numbers[0]))


_KNOWN: WeakValueDictionary[tuple, Layout] = WeakValueDictionary()


def known(fields: tuple[Field, ...], lost: str = "") -> Layout:
    """The one layout that says this, so that what follows from it is looked up and not worked out again."""
    told = ((f.numbers.shape, f.numbers.numpy().tobytes(), f.cells, f.frame) for f in fields)
    return _KNOWN.setdefault((lost, *told), Layout(fields, lost))


def filled(numbers: Tensor) -> Tensor:
    """Entries without a place have that of the others along a dimension where these have but one."""
    for dim in range(numbers.dim()):
        most = numbers.amax(dim, keepdim=True)
        if ((numbers == most) | (numbers < 0)).all():
            numbers = most
    return numbers


def line(size: int, dim: int, rank: int) -> Tensor:
    """0, 1, 2 and so on along one of `rank` dimensions."""
    return torch.arange(size, dtype=torch.float32).view([-1 if place == dim else 1 for place in range(rank)])


@lru_cache(maxsize=1024)
def untold(shape: tuple[int, ...], pixels: tuple[int, ...], count: int, usual: bool) -> Layout:
    """Of a tensor without a note: images first, channels second, then the image's own axes, whose sizes in the image
    are `pixels`, where it is as usual; otherwise nothing is known but that a single image is the only one."""
    rank, nothing = len(shape), torch.zeros([1] * len(shape))
    numbers = [nothing if count == 1 else nothing + NONE, *[nothing] * len(pixels)]
    if usual:
        numbers = [line(shape[dim], dim, rank) for dim in (0, *range(2, rank))]
    cells, frames = (count, *(shape[2:] if usual else pixels)), ((), *(tuple(range(size)) for size in pixels))
    return known(tuple(map(Field, numbers, cells, frames, (0, *pixels))))
