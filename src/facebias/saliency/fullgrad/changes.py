"""What an operation makes of where images and places are: one field of every source gives the same of the output."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facebias.saliency.fullgrad.layout import NONE, Field

Change = Callable[[list[Field]], Field | None]  # None where it is lost


def loses(said: list[Field]) -> None:
    """Nothing is known of the output."""
    return None


def moves(func: Callable, args: tuple, kwargs: dict[str, Any], before: tuple[int, ...]) -> list[tuple[Change, tuple]]:
    """Of an operation that only puts elements elsewhere: it is let move their numbers.

    A view is told by the strides that it gives to a tensor without memory.
    """

    def tensors(value: Any) -> list[Tensor]:
        return [part for part in (value if isinstance(value, tuple | list) else [value]) if isinstance(part, Tensor)]

    probe = torch.empty(before, device="meta")
    try:
        views = tensors(func(probe, *args[1:], **kwargs))
    except (RuntimeError, NotImplementedError, TypeError):
        views = []
    if views and all(view is probe or view._base is probe for view in views):
        lines = [[np.arange(size) * step for size, step in zip(v.shape, v.stride(), strict=True)] for v in views]
        return [_renumbers(before, int(v.storage_offset()), line) for v, line in zip(views, lines, strict=True)]
    numbers = torch.arange(math.prod(before), device=args[0].device).view(before)
    try:
        moved = func(numbers, *args[1:], **kwargs)
    except RuntimeError:  # not for whole numbers
        moved = func(numbers.float(), *args[1:], **kwargs)
    entries = [part.cpu().numpy().astype(int) for part in tensors(moved)]
    found = []
    for moved in entries:
        first = [
            moved[tuple(slice(None) if k == dim else slice(1) for k in range(moved.ndim))].ravel()
            for dim in range(moved.ndim)
        ]
        offset = int(moved.flat[0]) if moved.size else 0
        change, shape = _renumbers(before, offset, [line - offset for line in first])
        even = moved.size and np.array_equal(
            reduce(np.add.outer, [line - offset for line in first], np.array(offset)), moved
        )
        found.append((change if even else loses, shape))
    return found


def _renumbers(before: tuple[int, ...], offset: int, lines: list[np.ndarray]) -> tuple[Change, tuple[int, ...]]:
    """Entry (i, j, ...) is entry offset + lines[0][i] + lines[1][j] + ... of what was there before."""
    shape = tuple(map(len, lines))
    places = [math.prod(before[dim + 1 :]) for dim in range(len(before))]
    sample = np.random.default_rng(0).integers(0, shape, (64, len(shape))).T if all(shape) else ()

    def change(said: list[Field]) -> Field | None:
        field = said[0]

        def numbers(entry: np.ndarray) -> np.ndarray:
            digits = [entry // place % size for place, size in zip(places, before, strict=True)]
            lines = zip(field.steps, digits, strict=True)
            return field.start + sum((line[digit] for line, digit in lines if line is not None), 0 * entry)

        start = int(numbers(np.array(offset)))
        steps = [numbers(offset + line) - start for line in lines]
        entries = sum((line[at] for line, at in zip(lines, sample, strict=True)), np.full(64, offset))
        if not np.array_equal(
            sum((s[at] for s, at in zip(steps, sample, strict=True)), np.full(64, start)), numbers(entries)
        ):
            return None
        return field._replace(start=start, steps=tuple(step if step.any() else None for step in steps))

    return change if all(shape) else loses, shape


def merged(said: list[Field], shapes: list[tuple[int, ...]], shape: tuple[int, ...]) -> Field | None:
    """Element by element, with broadcasting. Where inputs differ, the one of more cells is believed (a query of the
    whole image meets windows); between equals (an image and its mirror image) the places are lost."""
    fields = []
    if len(shape) < max(map(len, shapes)):
        return None
    for field, own in zip(said, shapes, strict=True):
        missing = len(shape) - len(own)
        fits = [line if n == m else None for line, n, m in zip(field.steps, own, shape[missing:], strict=True)]
        fields.append(field._replace(steps=((None,) * missing + tuple(fits))))
    placed = [field for field in fields if field.carriers]
    best = max(placed or fields, key=lambda field: (field.cells, field.start))
    if best.frame and any(field.cells == best.cells and not field.like(best) for field in placed):
        return None
    return best


def multiplies(name: str, args: tuple, sources: list[Tensor], shape: tuple[int, ...]) -> Change:
    """Rows stand where the first factor's do, columns where the second's; what is summed over is gone."""
    if name == "einsum":
        spelled, result = str(args[0]).replace(" ", "").split("->") if "->" in args[0] else ("", "")
        letters, factors = spelled.split(","), args[1] if isinstance(args[1], list | tuple) else args[1:]
    else:
        head = "".join(chr(97 + dim) for dim in range(len(shape) - 2))
        letters = [head[len(head) + 2 - f.dim() :] + end for f, end in zip(args, ("RK", "KC"), strict=False)]
        factors, result = args[:2], head + "RC"
    if len(result) != len(shape) or [len(own) for own in letters] != [factor.dim() for factor in factors]:
        return loses
    known = [
        (own, factor.shape) for own, factor in zip(letters, factors, strict=True) if any(factor is s for s in sources)
    ]

    def change(said: list[Field]) -> Field:
        fields = []
        for field, (own, sizes) in zip(said, known, strict=True):
            fits = [c in own and sizes[own.index(c)] == size for c, size in zip(result, shape, strict=True)]
            steps = [field.steps[own.index(c)] if fit else None for c, fit in zip(result, fits, strict=True)]
            fields.append(field._replace(steps=tuple(steps)))
        return max(fields, key=lambda field: len(field.carriers))

    return change


def joins(name: str, args: tuple, kwargs: dict, shape: tuple[int, ...]) -> Change:
    """One after the other along a dimension; what does not depend on the images has no place."""
    dim = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % len(shape)
    sizes = [1 if name == "stack" else part.shape[dim] for part in args[0]]
    depends = [part.requires_grad for part in args[0]]

    def change(said: list[Field]) -> Field | None:
        said = [f._replace(steps=(*f.steps[:dim], None, *f.steps[dim:])) for f in said] if name == "stack" else said
        whole = merged([field.along(dim, None)._replace(start=0) for field in said], [shape] * len(said), shape)
        if whole is None or (all(f.steps[dim] is None for f in said) and len({f.start for f in said}) == 1):
            return whole and whole._replace(start=said[0].start)
        parts = iter(said)
        lines = [
            next(parts).over([dim], {dim: n}) if live else np.full(n, NONE)
            for n, live in zip(sizes, depends, strict=True)
        ]
        return max(said, key=lambda f: len(f.carriers))._replace(steps=whole.steps).along(dim, np.concatenate(lines))

    return change


def pads(amounts: Sequence[int], before: tuple[int, ...], shape: tuple[int, ...]) -> Change:
    """Padding widens the frame beyond the image, a negative one cuts it."""
    padded = {len(shape) - 1 - n // 2: amounts[n : n + 2] for n in range(0, len(amounts), 2) if any(amounts[n : n + 2])}

    def change(said: list[Field]) -> Field | None:
        (field,) = said
        for dim in set(field.carriers) & set(padded):
            if not field.frame or field.carriers != [dim] or field.cells != before[dim]:
                return None
            low, high = padded[dim]
            field = field.widen(max(low, 0), max(high, 0)).along(dim, np.arange(shape[dim]) + max(-low, 0))
        return field

    return change


def resamples(name: str, before: tuple[int, ...], shape: tuple[int, ...]) -> Change:
    """Convolution, pooling, interpolation: cells are laid evenly over the same frame."""
    rank = next((int(c) for c in name if c.isdigit()), len(shape) - 2)

    def change(said: list[Field]) -> Field | None:
        field = said[0]
        if len(before) != len(shape):
            return None
        if name.startswith("conv"):
            field = field.along(len(shape) - rank - 1, None)
        for dim in range(len(shape) - rank, len(shape)):
            if before[dim] != shape[dim] and field.steps[dim] is not None:
                if field.carriers != [dim] or field.cells != before[dim] or not field.frame:
                    return None
                field = field.resize(shape[dim]).along(dim, np.arange(shape[dim]))
        return field

    return change


def summed(before: tuple[int, ...], after: tuple[int, ...], dims: Any) -> set[int]:
    """The dimensions over which an operation has summed, by its argument and its output; none if it has not."""
    rank, chosen = len(before), dims if isinstance(dims, list | tuple) else (dims,)
    if not all(isinstance(dim, int) and not isinstance(dim, bool) and -rank <= dim < rank for dim in chosen):
        return set()
    gone = {dim % rank for dim in chosen}
    kept = tuple(1 if dim in gone else size for dim, size in enumerate(before))
    short = tuple(size for dim, size in enumerate(before) if dim not in gone)
    return gone if after in (kept, short) and after != before else set()


def reduces(gone: set[int], before: tuple[int, ...], after: tuple[int, ...]) -> Change:
    """A sum, mean or the like; an axis that is summed whole has one cell left."""

    def change(said: list[Field]) -> Field:
        (field,) = said
        left = [dim for dim in range(len(before)) if len(before) == len(after) or dim not in gone]
        steps = tuple(None if dim in gone else field.steps[dim] for dim in left)
        whole = bool(field.frame) and bool(field.carriers) and set(field.carriers) <= gone
        start = 0 if field.frame and set(field.carriers) & gone else field.start
        return field._replace(start=start, steps=steps, cells=1 if whole else field.cells)

    return change
