"""How each operation changes the layout of what it is given: where images and places went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from facebias.saliency.fullgrad.layout import NONE, Field, Layout, filled, known, untold
from facebias.saliency.fullgrad.residuals import CATS, KEEP, MATRIX_PRODUCTS, MOVES, RECURRENT, Call, live, tensors

# Operations that put elements into others.
WRITES = frozenset("setitem scatter index_put index_copy masked_scatter".split())
# Operations that keep the shape, or the rank, but not the places.
SCRAMBLES = frozenset(
    "sort msort topk grid_sample grid_sampler roi_align ps_roi_align deform_conv2d as_strided scatter_add "
    "index_add".split()
)
LAST = RECURRENT | {"linear", "scaled_dot_product_attention", "multi_head_attention_forward"}
Shape = tuple[int, ...]
_NOTE = "_facebias_layout"  # the attribute that a tensor carries its layout in, where it is not the usual one
# What followed from layouts, which most of the time are those of the next batch; thrown away where there is too much.
_LAID: dict[tuple, list[Layout]] = {}


class Follower:
    """Follows the layout of every tensor of a pass over images (N, C, *spatial)."""

    def __init__(self, images: Tensor) -> None:
        self.count, self.pixels, self.rank = images.shape[0], tuple(images.shape[2:]), images.dim()

    def layout_of(self, tensor: Tensor) -> Layout:
        """What is noted on a tensor; images first and channels second where nothing is noted and the rank fits."""
        if (found := getattr(tensor, _NOTE, None)) is not None:
            return found
        return untold(tuple(tensor.shape), self.pixels, self.count, self.at_home([tensor]))

    def note(self, tensor: Tensor, layout: Layout) -> None:
        """Notes a layout on a tensor."""
        if hasattr(tensor, _NOTE) or layout is not self.layout_of(tensor):
            setattr(tensor, _NOTE, layout)

    def at_home(self, tensors: Sequence[Tensor]) -> bool:
        """Whether all of them have the usual layout."""
        for tensor in tensors:
            if tensor.dim() != self.rank or tensor.shape[0] != self.count or hasattr(tensor, _NOTE):
                return False
        return True

    def follow(self, call: Call, outs: list[Tensor]) -> None:
        """Notes the layout of each differentiable output of an operation."""
        name, args, sources = call.name, call.args, call.sources
        if name in KEEP and self.at_home(sources):
            return
        layouts, shapes = [self.layout_of(source) for source in sources], [tuple(out.shape) for out in outs]
        moves = name not in SCRAMBLES and (name in MOVES or is_view_of(outs[0], sources[0])) and sources[0] is args[0]
        moves |= name in WRITES
        key = (call.func, moves, self.count, self.pixels, *layouts, _told((args, *call.kwargs.items())), *shapes)
        known = not moves or all(map(live, tensors((args[1:], call.kwargs))))  # numbers in an index decide
        laid = _LAID.get(key) if known else None
        if laid is None:
            fields = [
                _moved(said, call, shapes) if moves else [_computed(said, call, shape) for shape in shapes]
                for said in zip(*(layout.fields for layout in layouts), strict=True)
            ]
            laid = [self._lay(name, layouts, *each) for each in zip(shapes, *fields, strict=True)]
            if len(_LAID) > 512:
                _LAID.clear()
            if known:
                _LAID[key] = laid
        for out, layout in zip(outs, laid, strict=True):
            self.note(out, layout)

    def _lay(self, name: str, layouts: list[Layout], shape: Shape, *fields: Field | None) -> Layout:
        nothing = untold(shape, self.pixels, self.count, False).fields
        before = zip(*(layout.fields for layout in layouts), strict=True)
        gone = any(f is None and any(one.carriers for one in said) for f, said in zip(fields, before, strict=True))
        lost = next((layout.lost for layout in layouts if layout.lost), name if gone else "")
        found = tuple(none if field is None else field.settle() for field, none in zip(fields, nothing, strict=True))
        if name == "fold" and len(shape) == self.rank and [f.frame for f in found] == [f.frame for f in nothing]:
            return untold(shape, self.pixels, self.count, True)  # overlapping windows are laid back where they were
        # Places that are known again, by a sum with what never lost them, are not lost.
        return known(found, "" if Layout(found).placed else lost)


def is_view_of(out: Tensor, source: Tensor) -> bool:
    """Whether a tensor shows the memory of another."""
    return out is not source and out._is_view() and out._base is (source._base if source._is_view() else source)


def _told(value: Any) -> Any:
    """What a layout may depend on in an argument, to be looked up by."""
    if isinstance(value, Tensor):
        return value.shape, value.requires_grad
    return tuple(map(_told, value)) if isinstance(value, tuple | list) else repr(value)


def _moved(said: Sequence[Field], call: Call, shapes: list[Shape]) -> list[Field | None]:
    """Of an operation that puts elements elsewhere, or writes some into others: it is let do so with their numbers."""
    first, writes = said[0], call.name in WRITES
    numbers = {id(s): f.numbers.to(s.device).expand(s.shape) for s, f in zip(call.sources, said, strict=True)}
    for value in call.args if writes else ():  # a constant that is written, or written into, has no place
        if isinstance(value, Tensor) and value.is_floating_point() and id(value) not in numbers:
            numbers[id(value)] = torch.full_like(value, NONE, dtype=torch.float32)
    args = [numbers.get(id(value), value) for value in call.args]
    if writes and not isinstance(args[-1], Tensor):
        args[-1] = NONE
    alike = not first.frame or all(field.like(first) for field in said)
    for whole in (False, True)[writes:] if alike and not (writes and call.kwargs) else ():
        given = args[0].clone(memory_format=torch.contiguous_format) if whole else args[0]  # some views need it
        try:
            out = call.func(given, *args[1:], **call.kwargs)
        except (RuntimeError, TypeError):
            continue
        moved = [part.detach().cpu() for part in ([given] if out is None else tensors((out,)))]
        if [tuple(part.shape) for part in moved] == shapes and not any(part.is_complex() for part in moved):
            return [first.numbered(filled(part) if writes else part) for part in moved]
    return [None] * len(shapes)


def _computed(said: Sequence[Field], call: Call, shape: Shape) -> Field | None:
    """Of any other operation; None where places are lost."""
    name, field, before = call.name, said[0], call.sources[0].shape
    if name in SCRAMBLES or name.startswith("fft_"):
        return None
    if name in LAST and shape[:-1] == before[:-1]:
        return field.mixed([len(shape) - 1])
    if name in MATRIX_PRODUCTS or name == "einsum":
        return _multiplied(said, shape, call)
    if name in CATS:
        return _joined(said, call, call.argument(1, "dim", 0) % len(shape))
    if name == "pad":
        return _padded(field, call.argument(1, "pad"), len(before))
    if name.startswith("conv") or "_pool" in name or name in ("interpolate", "upsample", "fold"):
        return _resampled(field, name, before, shape)
    dims = call.argument(1, "dim")
    dims = {dim % len(before) for dim in (dims if isinstance(dims, list | tuple) else [dims]) if type(dim) is int}
    keep = len(shape) == len(before)
    left = [1 if dim in dims else size for dim, size in enumerate(before) if keep or dim not in dims]
    if len(said) == 1 and dims and shape != before and [*shape] == left:
        return _reduced(field, dims, keep)
    return _merged(said, shape)


def _reduced(field: Field, gone: set[int], keep: bool) -> Field | None:
    """A sum, mean or the like over dimensions, kept or not; an axis that is summed whole has one cell left."""
    if (found := field.mixed(gone)) is None:
        return None
    whole = field.frame and field.carriers and set(field.carriers) <= gone
    sizes = [size for dim, size in enumerate(found.numbers.shape) if keep or dim not in gone]
    return found._replace(numbers=found.numbers.reshape(sizes), cells=1 if whole else field.cells)


def _merged(said: Sequence[Field], shape: Shape) -> Field | None:
    """Element by element, with broadcasting. Where inputs differ, the one of more cells is believed (a query of the
    whole image meets windows); between equals (an image and its mirror image) the places are lost."""
    if len(shape) < max(field.numbers.dim() for field in said):
        return None
    fields = []
    for field in said:
        numbers = field.numbers[(None,) * (len(shape) - field.numbers.dim())]
        for dim, size in enumerate(shape):
            numbers = numbers if numbers.shape[dim] in (1, size) else numbers.narrow(dim, 0, min(1, numbers.shape[dim]))
        fields.append(field._replace(numbers=numbers))
    placed = [field for field in fields if field.carriers]
    best = max(placed or fields, key=lambda field: (field.cells, bool((field.numbers >= 0).all())))
    equals = [field for field in placed if best.frame and field.cells == best.cells]
    return best if all(f.like(best) and torch.equal(f.numbers, best.numbers) for f in equals) else None


def _multiplied(said: Sequence[Field], shape: Shape, call: Call) -> Field | None:
    """Rows stand where the first factor's do, columns where the second's; what is summed over is gone."""
    if call.name == "einsum":
        spelled, _, result = str(call.args[0]).replace(" ", "").partition("->")
        letters = spelled.split(",")
        factors = call.args[1] if isinstance(call.args[1], list | tuple) else call.args[1:]
    else:
        factors, head = call.args[:2], "".join(chr(97 + dim) for dim in range(len(shape) - 2))
        letters = [head[len(head) + 2 - f.dim() :] + end for f, end in zip(factors, ("RK", "KC"), strict=False)]
        result = head + "RC"
    if len(result) != len(shape) or [len(own) for own in letters] != [factor.dim() for factor in factors]:
        return None
    fields, letters = [], [own for own, factor in zip(letters, factors, strict=True) if live(factor)]
    for field, own in zip(said, letters, strict=True):
        if (found := field.mixed([dim for dim, letter in enumerate(own) if letter not in result])) is None:
            return None
        # What is summed over has a size of 1 by now, so that a product with 1 puts dimensions where they belong.
        numbers = torch.einsum(f"{own},{result}->{result}", found.numbers, torch.ones([1] * len(result)))
        fields.append(found._replace(numbers=numbers))
    return max(fields, key=lambda field: len(field.carriers))


def _joined(said: Sequence[Field], call: Call, dim: int) -> Field | None:
    """One after the other along a dimension; what does not depend on the images, like a class token, has no place."""
    if stacked := call.name == "stack":
        said = [field._replace(numbers=field.numbers.unsqueeze(dim)) for field in said]
    if all(field.straight and field.carriers == [dim] for field in said):
        if len(said) != len(call.args[0]):
            return None
        cells, frame = sum(field.cells for field in said), tuple(pixel for field in said for pixel in field.frame)
        return said[0]._replace(cells=cells, frame=frame).renumbered()
    placed = [field for field in said if field.carriers] or said
    if placed[0].frame and not all(field.like(placed[0]) for field in placed):
        return None
    wide = [max(size) for size in zip(*(field.numbers.shape for field in said), strict=True)]
    nowhere = placed[0]._replace(numbers=torch.full([1] * len(wide), float(NONE)))
    fields, lines = iter(said), []
    for part in call.args[0]:
        field = next(fields) if part.requires_grad else nowhere
        wide[dim] = 1 if stacked else part.shape[dim]
        lines.append((field if any(field is one for one in placed) else nowhere).numbers.expand(wide))
    return placed[0].numbered(filled(torch.cat(lines, dim)))


def _padded(field: Field, amounts: Sequence[int], rank: int) -> Field | None:
    """Padding widens the frame beyond the image, a negative one cuts it."""
    for place in range(0, len(amounts), 2):
        low, high = amounts[place : place + 2]
        if rank - 1 - place // 2 in field.carriers and (low or high):
            if not field.straight:
                return None
            field = field.widen(low, high)
    return field


def _resampled(field: Field, name: str, before: Shape, shape: Shape) -> Field | None:
    """Convolution, pooling, interpolation: cells are laid evenly over the same frame."""
    rank = next((int(c) for c in name if c.isdigit()), len(shape) - 2)
    if len(before) != len(shape):
        return None
    found = field.mixed([len(shape) - rank - 1]) if name.startswith("conv") else field
    for dim in range(len(shape) - rank, len(shape)):
        if found is not None and before[dim] != shape[dim] and dim in found.carriers:
            if not found.straight:
                return None
            found = found.resize(shape[dim])
    return found
