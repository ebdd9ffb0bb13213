"""Where the images, and the places on them, are in a tensor.

Attention puts the sequence first, Swin folds windows into the batch, ConvNeXt works with channels last, and a model
may crop, flip, roll or transpose what it is given. So entries are numbered: which image they belong to, and which cell
of each of the image's axes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor

NONE = -1  # the number of what has no place on the image, like a class token


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
        width, step = len(self.frame) / self.cells, chosen[1] - chosen[0] if len(chosen) > 1 else 1
        low, high = min(chosen), max(chosen) + abs(step)
        if chosen != list(range(chosen[0], chosen[0] + step * len(chosen), step)):
            frame = tuple(p for cell in chosen for p in self.frame[round(cell * width) : round((cell + 1) * width)])
            return self._replace(cells=len(chosen), frame=frame)
        if abs(step) > 1:  # every second cell and the like stand for their neighbours
            low, high = (0, self.cells) if low < abs(step) and high >= self.cells else (low, min(high, self.cells))
        frame = self.frame[round(low * width) : round(high * width)]
        return self._replace(cells=len(chosen), frame=frame[:: 1 if step > 0 else -1])

    def widen(self, low: int, high: int) -> Field:
        """The frame with cells added at both ends, beyond the image; cut where negative."""
        field = self.select(list(range(max(-low, 0), self.cells + min(high, 0))))
        width, step = len(field.frame) / field.cells, field.frame[1] - field.frame[0] if len(field.frame) > 1 else 1
        before = [field.frame[0] - step * n for n in range(round(low * width), 0, -1)]
        after = [field.frame[-1] + step * n for n in range(1, round(high * width) + 1)]
        return field._replace(cells=field.cells + max(low, 0) + max(high, 0), frame=(*before, *field.frame, *after))

    def resize(self, cells: int) -> Field:
        """Other cells over the same frame, less the padding that the windows of a convolution have taken in."""
        taken = max(0, self.cells - cells * max(1, round(self.cells / cells)))
        taken = round((taken + 1) // 2 * len(self.frame) / self.cells)
        inside = [0 <= place < self.pixels for place in self.frame]
        low, high = min(taken, inside.index(True)), min(taken, inside[::-1].index(True))
        return self._replace(cells=cells, frame=self.frame[low : len(self.frame) - high])

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
        if self.cells != other.cells:
            return False
        at, own, its = (np.linspace(0, 1, n) for n in (self.cells, len(self.frame), len(other.frame)))
        apart = np.interp(at, own, self.frame) - np.interp(at, its, other.frame)
        return bool(np.abs(apart).max() < 2 * len(self.frame) / self.cells)


class Placing(NamedTuple):
    """Brings a tensor to (N, C, *cells): permutes dimensions, then `entries` of those that count something."""

    dims: tuple[int, ...]
    cells: tuple[int, ...]  # the number of images first
    images: Tensor
    entries: Tensor | None = None
    counted: int = 0

    @property
    def whole(self) -> bool:
        """Whether every entry has a place."""
        return self.entries is None or len(self.entries) == self.counted

    def __call__(self, term: Tensor, count: int) -> Tensor:
        """The tensor, or some of its rows where images come first; of `count` images, if there are less."""
        term = term.permute(self.dims)
        if self.entries is None:
            found = term.reshape(min(count, self.cells[0]), -1, *self.cells[1:])
        else:
            lines = term.reshape(self.counted, -1)[self.entries.to(term.device)]
            found = lines.reshape(*self.cells, -1).movedim(-1, 1)
        if self.cells[0] >= count:
            return found
        return found.new_zeros(count, *found.shape[1:]).index_copy(0, self.images.to(found.device), found)


@dataclass(frozen=True, eq=False)
class Layout:
    """Of a tensor of this shape: the field of the images, one for each axis, and the operation that lost one."""

    shape: tuple[int, ...]
    fields: tuple[Field, ...]
    lost: str = ""

    @property
    def placed(self) -> bool:
        """Whether dimensions count the cells of every axis that has more than one."""
        axes = self.fields[1:]
        return any(field.carriers for field in axes) and all(field.carriers or field.cells == 1 for field in axes)

    @property
    def frames(self) -> tuple[tuple[int, ...], ...]:
        """Those of the axes."""
        return tuple(field.frame for field in self.fields[1:])

    @cached_property
    def by_image(self) -> Placing | None:
        """How the tensor is brought to (N, all entries); None where images are not to be told apart."""
        return self._placing(self.fields[:1])

    @cached_property
    def by_place(self) -> Placing | None:
        """How the tensor is brought to (N, C, *cells); None where it is not laid out over the image."""
        if self.lost or (not self.placed and len(self.shape) < len(self.fields) + 1):
            return None
        return self._placing(self.fields)

    def _placing(self, fields: tuple[Field, ...]) -> Placing | None:
        images = fields[0].numbers.unique().long()
        if (images < 0).any():
            return None
        own = [dim for field in fields for dim in field.carriers]
        carriers, rest = sorted(set(own)), [dim for dim in range(len(self.shape)) if dim not in own]
        cells = (len(images), *(field.cells for field in fields[1:]))
        lines = [images, *map(torch.arange, cells[1:])]
        if len(own) == len(carriers) and all(
            torch.equal(field.numbers.flatten().long(), line) for field, line in zip(fields, lines, strict=True)
        ):
            first = len(fields[0].carriers)
            return Placing((*own[:first], *rest, *own[first:]), cells, images)
        numbers = [line.flatten().long().numpy() for line in torch.broadcast_tensors(*(f.numbers for f in fields))]
        known = np.flatnonzero(np.min(numbers, axis=0) >= 0)
        numbers[0] = np.searchsorted(images.numpy(), numbers[0])
        target = np.ravel_multi_index([line[known] for line in numbers], cells, mode="clip")
        times, left = divmod(len(known), math.prod(cells))
        if left or not times or (np.bincount(target, minlength=math.prod(cells)) != times).any():
            return None
        entries = torch.from_numpy(known[np.argsort(target, kind="stable")])
        return Placing((*carriers, *rest), cells, images, entries, len(numbers[0]))


_KNOWN: WeakValueDictionary[tuple, Layout] = WeakValueDictionary()


def known(shape: tuple[int, ...], fields: tuple[Field, ...], lost: str = "") -> Layout:
    """The one layout that says this, so that what follows from it is looked up and not worked out again."""
    told = ((f.numbers.shape, f.numbers.numpy().tobytes(), f.cells, f.frame) for f in fields)
    return _KNOWN.setdefault((shape, lost, *told), Layout(shape, fields, lost))


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
def usual(shape: tuple[int, ...], pixels: tuple[int, ...]) -> Layout:
    """Images first, channels second, then the image's own axes, whose sizes in the image are `pixels`."""
    images = Field(line(shape[0], 0, len(shape)), shape[0])
    axes = ((dim, shape[dim], size) for dim, size in enumerate(pixels, start=2))
    return known(
        shape, (images, *(Field(line(n, dim, len(shape)), n, tuple(range(size)), size) for dim, n, size in axes))
    )


@lru_cache(maxsize=1024)
def unknown(shape: tuple[int, ...], pixels: tuple[int, ...], count: int) -> Layout:
    """Nothing is known but that a single image is the only one."""
    nothing = torch.zeros([1] * len(shape))
    images = Field(nothing if count == 1 else nothing + NONE, count)
    return known(shape, (images, *(Field(nothing, size, tuple(range(size)), size) for size in pixels)))
