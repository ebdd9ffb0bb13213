"""Where the images, and the places on them, are in a tensor: numbers along its dimensions that add up.

Attention puts the sequence first, Swin folds windows into the batch, ConvNeXt works with channels last, and a model
may crop, flip, roll or transpose what it is given. Entry (i, j, ...) of a tensor belongs to the image, and to the cell
of each of the image's axes, whose number is start + steps[0][i] + steps[1][j] + ...
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

NONE = -(10**9)  # the number of what has no place on the image, like a class token


class Field(NamedTuple):
    """The images, or one axis of them.

    Attributes:
        start: number of the first entry.
        steps: along each dimension, None where it does not change.
        cells: how many images, or how many cells, laid evenly over the frame. After a stride there are fewer.
        frame: the image's pixel at each place, outside the image where the model padded it; empty for the images.
        pixels: of the image along the axis.
    """

    start: int
    steps: tuple[np.ndarray | None, ...]
    cells: int
    frame: tuple[int, ...] = ()
    pixels: int = 0

    @property
    def carriers(self) -> list[int]:
        """Dimensions along which the number changes."""
        return [dim for dim, steps in enumerate(self.steps) if steps is not None]

    def over(self, dims: Sequence[int], shape: Sequence[int] | Mapping[int, int]) -> np.ndarray:
        """The numbers along these dimensions, one after the other."""
        lines = [np.zeros(shape[dim], int) if (line := self.steps[dim]) is None else line for dim in dims]
        return reduce(np.add.outer, lines, np.array(self.start)).reshape(-1)

    def along(self, dim: int, numbers: np.ndarray | None) -> Field:
        """The same with these numbers, or none, along one dimension."""
        if numbers is None:
            return self._replace(steps=(*self.steps[:dim], None, *self.steps[dim + 1 :]))
        line = None if (numbers == numbers[0]).all() else numbers - numbers[0]
        return self._replace(start=int(numbers[0]), steps=(*self.steps[:dim], line, *self.steps[dim + 1 :]))

    def select(self, chosen: np.ndarray) -> Field:
        """The frame of only these of the cells, in this order."""
        width, step = len(self.frame) / self.cells, int(chosen[1] - chosen[0]) if len(chosen) > 1 else 1
        low, high = int(chosen.min()), int(chosen.max()) + abs(step)
        if not np.array_equal(chosen, chosen[0] + step * np.arange(len(chosen))):
            frame = tuple(p for cell in chosen for p in self.frame[round(cell * width) : round((cell + 1) * width)])
            return self._replace(cells=len(chosen), frame=frame)
        if abs(step) > 1:  # every second cell and the like stand for their neighbours
            low, high = (0, self.cells) if low < abs(step) and high >= self.cells else (low, min(high, self.cells))
        frame = self.frame[round(low * width) : round(high * width)]
        return self._replace(cells=len(chosen), frame=frame[:: 1 if step > 0 else -1])

    def widen(self, low: int, high: int) -> Field:
        """The frame with cells added at both ends, beyond the image."""
        width, step = len(self.frame) / self.cells, self.frame[1] - self.frame[0] if len(self.frame) > 1 else 1
        before = [self.frame[0] - step * n for n in range(round(low * width), 0, -1)]
        after = [self.frame[-1] + step * n for n in range(1, round(high * width) + 1)]
        return self._replace(cells=self.cells + low + high, frame=(*before, *self.frame, *after))

    def resize(self, cells: int) -> Field:
        """Other cells over the same frame, less the padding that the windows of a convolution have taken in."""
        taken = max(0, self.cells - cells * max(1, round(self.cells / cells)))
        taken = round((taken + 1) // 2 * len(self.frame) / self.cells)
        inside = [0 <= place < self.pixels for place in self.frame]
        low, high = min(taken, inside.index(True)), min(taken, inside[::-1].index(True))
        return self._replace(start=0, cells=cells, frame=self.frame[low : len(self.frame) - high])

    def settle(self, shape: Sequence[int]) -> Field | None:
        """Numbers the cells that are left from 0, in the order in which they stand; None where that cannot be done."""
        carriers = self.carriers
        numbers = self.over(carriers, shape)
        known = numbers[numbers >= 0]
        chosen = distinct = np.unique(known)
        if not len(known) or not self.frame or not carriers:
            return self
        if len(carriers) == 1:
            chosen = known if len(known) == len(distinct) else distinct  # in whatever order
            ranks = np.argsort(chosen)[np.searchsorted(distinct, numbers).clip(0, len(distinct) - 1)]
            return self.select(chosen).along(carriers[0], np.where(numbers >= 0, ranks, NONE))
        step = int(chosen[1] - chosen[0]) if len(chosen) > 1 else 1
        if not np.array_equal(chosen, chosen[0] + step * np.arange(len(chosen))):
            return None
        start = NONE if self.start < 0 else (self.start - int(chosen[0])) // step
        return self.select(chosen)._replace(
            start=start, steps=tuple(None if line is None else line // step for line in self.steps)
        )

    def like(self, other: Field) -> bool:
        """Whether two fields of as many cells say the same of a tensor, places to less than two cells."""
        if self.start != other.start or self.carriers != other.carriers:
            return False
        pairs = zip(self.steps, other.steps, strict=True)
        same = all(np.array_equal(a, b) for a, b in pairs if a is not None and b is not None)
        ends = [
            np.interp(np.linspace(0, 1, self.cells), np.linspace(0, 1, len(f)), f) for f in (self.frame, other.frame)
        ]
        return same and bool(np.abs(ends[0] - ends[1]).max() < 2 * len(self.frame) / self.cells)


class Placing(NamedTuple):
    """Brings a tensor to (N, C, *cells): permutes dimensions, then `entries` of those that count something."""

    dims: tuple[int, ...]
    cells: tuple[int, ...]  # the number of images first
    frames: tuple[tuple[int, ...], ...]
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
            found = term.reshape(term.shape[0], -1, *self.cells[1:])
        else:
            lines = term.reshape(self.counted, -1)[self.entries.to(term.device)]
            found = lines.reshape(*self.cells, -1).movedim(-1, 1)
        if len(self.images) >= count:
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

    @cached_property
    def by_image(self) -> Callable[[Tensor], Tensor] | None:
        """Sums a tensor over all entries of each image, to (N,); None where images are not to be told apart."""
        carriers, count = self.fields[0].carriers, self.fields[0].cells
        numbers = self.fields[0].over(carriers, self.shape)
        if (numbers < 0).any():
            return None
        dims, index = (*carriers, *(d for d in range(len(self.shape)) if d not in carriers)), torch.from_numpy(numbers)

        def summed(term: Tensor) -> Tensor:
            lines = term.permute(dims).reshape(len(numbers), -1).sum(1)
            return lines.new_zeros(count).index_add(0, index.to(lines.device), lines)

        return summed

    @cached_property
    def by_place(self) -> Placing | None:
        """How the tensor is brought to (N, C, *cells); None where it is not laid out over the image."""
        if self.lost or (not self.placed and len(self.shape) < len(self.fields) + 1):
            return None
        carriers = sorted({dim for field in self.fields for dim in field.carriers})
        rest = [dim for dim in range(len(self.shape)) if dim not in carriers]
        images = np.unique(self.fields[0].over(self.fields[0].carriers, self.shape))
        cells = (len(images), *(field.cells for field in self.fields[1:]))
        about = (cells, tuple(field.frame for field in self.fields[1:]), torch.from_numpy(images))
        own = [field.carriers[0] for field in self.fields if len(field.carriers) == 1]
        if len(set(own)) == len(self.fields) and tuple(self.shape[dim] for dim in own) == cells:
            return Placing((own[0], *rest, *own[1:]), *about)
        numbers = [field.over(carriers, self.shape) for field in self.fields]
        known = np.flatnonzero(np.min(numbers, axis=0) >= 0)
        numbers[0] = np.searchsorted(images, numbers[0])
        target = np.ravel_multi_index([line[known] for line in numbers], cells, mode="clip")
        times, left = divmod(len(known), math.prod(cells))
        if left or not times or (np.bincount(target, minlength=math.prod(cells)) != times).any():
            return None
        entries = torch.from_numpy(known[np.argsort(target, kind="stable")])
        return Placing((*carriers, *rest), *about, entries, len(numbers[0]))


@lru_cache(maxsize=1024)
def usual(shape: tuple[int, ...], pixels: tuple[int, ...]) -> Layout:
    """Images first, channels second, then the image's own axes, whose sizes in the image are `pixels`."""
    nothing = Field(0, (None,) * len(shape), shape[0])
    fields = [nothing.along(0, np.arange(shape[0]))]
    for dim, size in enumerate(pixels, start=2):
        whole = Field(0, nothing.steps, shape[dim], tuple(range(size)), size)
        fields.append(whole.along(dim, np.arange(shape[dim])))
    return Layout(shape, tuple(fields))


@lru_cache(maxsize=1024)
def unknown(shape: tuple[int, ...], pixels: tuple[int, ...], count: int) -> Layout:
    """Nothing is known but that a single image is the only one."""
    steps = (None,) * len(shape)
    images = Field(0 if count == 1 else NONE, steps, count)
    return Layout(shape, (images, *(Field(0, steps, size, tuple(range(size)), size) for size in pixels)))
