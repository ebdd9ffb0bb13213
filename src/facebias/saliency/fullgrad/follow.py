"""How each operation changes the layout of what it is given: where images and places went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from facebias.saliency.fullgrad.layout import NONE, Field, Layout, filled, known, line, unknown, usual
from facebias.saliency.fullgrad.residuals import Call, live, tensors

# Operations that keep the usual layout: evenly over the same frame, or only asking; these add nothing of their own.
PLAIN = frozenset(
    "relu relu_ leaky_relu leaky_relu_ max_pool2d _max_pool2d avg_pool2d adaptive_avg_pool2d dropout dropout_ dim size "
    "numel __len__ is_floating_point".split()
)
# Others that keep it.
KEEP = PLAIN.union(
    "conv2d batch_norm prelu silu silu_ gelu hardswish hardswish_ relu6 hardtanh hardtanh_ sigmoid hardsigmoid "
    "add add_ __add__ __iadd__ mul mul_ __mul__ __imul__".split()
)
# Operations that put elements elsewhere and change none, so that they may be let move numbers; and all views.
MOVES = frozenset(
    "reshape flatten ravel flip fliplr flipud roll rot90 index_select gather take_along_dim __getitem__ repeat tile "
    "repeat_interleave pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle unfold take "
    "masked_select fft_fftshift fft_ifftshift".split()
)
# Operations that put elements into others.
WRITES = frozenset(
    "__setitem__ scatter scatter_ index_put index_put_ index_copy index_copy_ masked_scatter masked_scatter_".split()
)
# Operations that keep the shape, or the rank, but not the places.
SCRAMBLES = frozenset(
    "sort msort topk grid_sample grid_sampler roi_align ps_roi_align deform_conv2d as_strided scatter_add "
    "index_add".split()
)
RECURRENT = frozenset(["lstm", "gru", "rnn_tanh", "rnn_relu"])
LAST = RECURRENT | {"linear", "scaled_dot_product_attention", "multi_head_attention_forward"}
CATS = frozenset(["cat", "concat", "concatenate", "stack"])
PRODUCTS = frozenset(["matmul", "bmm", "mm", "__matmul__"])
Shape = tuple[int, ...]
_NOTE = "_facebias_layout"  # the attribute that a tensor carries its layout in, where it is not the usual one
# What followed from layouts, which most of the time are those of the next batch; thrown away where there is too much.
_LAID: dict[tuple, list[Layout]] = {}
_MOST = 512


class Follower:
    """Follows the layout of every tensor of a pass.

    Args:
        images: (N, C, *spatial).
    """

    def __init__(self, images: Tensor) -> None:
        self.count, self.pixels, self.rank = images.shape[0], tuple(images.shape[2:]), images.dim()

    def layout_of(self, tensor: Tensor) -> Layout:
        """What is noted on a tensor; images first and channels second where nothing is noted and the rank fits."""
        shape, found = tuple(tensor.shape), getattr(tensor, _NOTE, None)
        if found is not None:
            return found
        return usual(shape, self.pixels) if self.at_home([tensor]) else unknown(shape, self.pixels, self.count)

    def note(self, tensor: Tensor, layout: Layout) -> None:
        """Notes a layout on a tensor."""
        if hasattr(tensor, _NOTE) or layout is not self.layout_of(tensor):
            setattr(tensor, _NOTE, layout)

    def at_home(self, tensors: Sequence[Tensor]) -> bool:
        """Whether all of them have the usual layout."""
        for tensor in tensors:
            shape = tensor.shape
            if len(shape) != self.rank or shape[0] != self.count or hasattr(tensor, _NOTE):
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
        key = (call.func, moves, self.count, self.pixels, *layouts, _told(args), _told(call.kwargs), *shapes)
        known = not moves or all(map(live, tensors((args[1:], call.kwargs))))  # numbers in an index decide
        laid = _LAID.get(key) if known else None
        if laid is None:
            own = [layout.shape for layout in layouts]
            fields = [
                _moved(said, own, call, shapes) if moves else [_computed(said, own, s, call) for s in shapes]
                for said in zip(*(layout.fields for layout in layouts), strict=True)
            ]
            laid = [self._lay(name, layouts, *each) for each in zip(shapes, *fields, strict=True)]
            if len(_LAID) > _MOST:
                _LAID.clear()
            if known:
                _LAID[key] = laid
        for out, layout in zip(outs, laid, strict=True):
            self.note(out, layout)

    def _lay(self, name: str, layouts: list[Layout], shape: Shape, *fields: Field | None) -> Layout:
        nothing = unknown(shape, self.pixels, self.count).fields
        before = zip(*(layout.fields for layout in layouts), strict=True)
        gone = any(f is None and any(one.carriers for one in said) for f, said in zip(fields, before, strict=True))
        lost = next((layout.lost for layout in layouts if layout.lost), name if gone else "")
        found = tuple(none if field is None else field.settle() for field, none in zip(fields, nothing, strict=True))
        if name == "fold" and len(shape) == self.rank and [f.frame for f in found] == [f.frame for f in nothing]:
            return usual(shape, self.pixels)  # overlapping windows are laid back where they were
        # Places that are known again, by a sum with what never lost them, are not lost.
        return known(shape, found, "" if Layout(shape, found).placed else lost)


def is_view_of(out: Tensor, source: Tensor) -> bool:
    """Whether a tensor shows the memory of another."""
    return out is not source and out._is_view() and out._base is (source._base if source._is_view() else source)


def _told(value: Any) -> Any:
    """What a layout may depend on in an argument, to be looked up by."""
    if isinstance(value, Tensor):
        return value.shape, value.requires_grad
    if isinstance(value, dict):
        return tuple((name, _told(part)) for name, part in value.items())
    return tuple(map(_told, value)) if isinstance(value, tuple | list) else repr(value)


def _moved(said: Sequence[Field], before: list[Shape], call: Call, shapes: list[Shape]) -> list[Field | None]:
    """Of an operation that puts elements elsewhere, or writes some into others: it is let do so with their numbers."""
    first, writes = said[0], call.name in WRITES
    known = {
        id(s): f.numbers.to(s.device).expand(shape) for s, f, shape in zip(call.sources, said, before, strict=True)
    }

    def numbers(value: Any) -> Any:
        """Those of a source; a constant that is written, or written into, has no place."""
        constant = writes and isinstance(value, Tensor) and value.is_floating_point() and id(value) not in known
        return torch.full_like(value, NONE, dtype=torch.float32) if constant else known.get(id(value), value)

    args = [numbers(value) for value in call.args]
    if writes and not isinstance(args[-1], Tensor):
        args[-1] = NONE
    alike = all(field.like(first) for field in said) if first.frame else True
    for whole in (False, True)[writes:] if alike and not (writes and call.kwargs) else ():
        given = args[0].clone(memory_format=torch.contiguous_format) if whole else args[0]  # some views need it
        try:
            out = call.func(given, *args[1:], **call.kwargs)
        except (RuntimeError, NotImplementedError, TypeError):
            continue
        moved = [part.detach().cpu() for part in ([given] if out is None else tensors((out,)))]
        if [tuple(part.shape) for part in moved] == shapes and not any(part.is_complex() for part in moved):
            return [first.numbered(filled(part) if writes else part) for part in moved]
    return [None] * len(shapes)


def _computed(said: Sequence[Field], shapes: list[Shape], shape: Shape, call: Call) -> Field | None:
    """Of any other operation; None where places are lost."""
    name, field, before = call.name, said[0], shapes[0]
    if name in SCRAMBLES:
        return None
    if name in LAST and shape[:-1] == before[:-1]:
        return field.mixed([len(shape) - 1])
    if name in PRODUCTS or name == "einsum":
        return _multiplied(said, shape, call)
    if name in CATS:
        return _joined(said, call, call.argument(1, "dim", 0) % len(shape))
    if name == "pad":
        return _padded(field, call.argument(1, "pad"), before)
    if name.startswith("conv") or "_pool" in name or name in ("interpolate", "upsample", "fold"):
        return _resampled(field, name, before, shape)
    dims = call.argument(1, "dim")
    dims = {dim % len(before) for dim in (dims if isinstance(dims, list | tuple) else [dims]) if type(dim) is int}
    keep = len(shape) == len(before)
    left = [1 if dim in dims else size for dim, size in enumerate(before) if keep or dim not in dims]
    if len(said) == 1 and dims and shape != before and list(shape) == left:
        return _reduced(field, dims, keep)
    return _merged(said, shapes, shape)


def _reduced(field: Field, gone: set[int], keep: bool) -> Field | None:
    """A sum, mean or the like over dimensions, kept or not; an axis that is summed whole has one cell left."""
    if (found := field.mixed(gone)) is None:
        return None
    whole = field.frame and field.carriers and set(field.carriers) <= gone
    sizes = [size for dim, size in enumerate(found.numbers.shape) if keep or dim not in gone]
    return found._replace(numbers=found.numbers.reshape(sizes), cells=1 if whole else field.cells)


def _merged(said: Sequence[Field], shapes: list[Shape], shape: Shape) -> Field | None:
    """Element by element, with broadcasting. Where inputs differ, the one of more cells is believed (a query of the
    whole image meets windows); between equals (an image and its mirror image) the places are lost."""
    if len(shape) < max(map(len, shapes)):
        return None
    fields = []
    for field, own in zip(said, shapes, strict=True):
        numbers = field.numbers[(None,) * (len(shape) - len(own))]
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
    sizes, fields = dict(zip(result, shape, strict=True)), []
    live = [own for own, factor in zip(letters, factors, strict=True) if any(factor is s for s in call.sources)]
    for field, own in zip(said, live, strict=True):
        there = dict(zip(own, field.numbers.shape, strict=True))
        found = field.mixed([dim for dim, c in enumerate(own) if there[c] not in (1, sizes.get(c))])
        if found is None:
            return None
        there = dict(zip(own, found.numbers.shape, strict=True))
        order = [dim for _, dim in sorted((result.find(c), dim) for dim, c in enumerate(own))]
        numbers = found.numbers.permute(order).reshape([there.get(c, 1) for c in result])
        fields.append(found._replace(numbers=numbers))
    return max(fields, key=lambda field: len(field.carriers))


def _joined(said: Sequence[Field], call: Call, dim: int) -> Field | None:
    """One after the other along a dimension; what does not depend on the images, like a class token, has no place."""
    sizes = [1 if call.name == "stack" else part.shape[dim] for part in call.args[0]]
    if call.name == "stack":
        said = [field._replace(numbers=field.numbers.unsqueeze(dim)) for field in said]
    first = said[0]
    if first.frame and all(field.carriers == [dim] and field.numbers.numel() == field.cells for field in said):
        if len(said) != len(sizes):
            return None
        cells, frame = sum(sizes), tuple(pixel for field in said for pixel in field.frame)
        return Field(line(cells, dim, first.numbers.dim()), cells, frame, first.pixels)
    placed = [field for field in said if field.carriers] or said
    first = placed[0]
    if first.frame and not all(field.like(first) for field in placed):
        return None
    wide = [max(size) for size in zip(*(field.numbers.shape for field in said), strict=True)]
    parts, lines = iter(said), []
    for size, part in zip(sizes, call.args[0], strict=True):
        field = next(parts) if part.requires_grad else None
        known = field is not None and any(field is one for one in placed)
        numbers = field.numbers if field and known else torch.full([1] * len(wide), float(NONE))
        lines.append(numbers.expand([*wide[:dim], size, *wide[dim + 1 :]]))
    return first.numbered(filled(torch.cat(lines, dim)))


def _padded(field: Field, amounts: Sequence[int], before: Shape) -> Field | None:
    """Padding widens the frame beyond the image, a negative one cuts it."""
    for place in range(0, len(amounts), 2):
        dim, (low, high) = len(before) - 1 - place // 2, amounts[place : place + 2]
        if dim in field.carriers and (low or high):
            if not field.frame or field.carriers != [dim] or field.cells != before[dim]:
                return None
            field = field.widen(low, high)._replace(numbers=line(before[dim] + low + high, dim, len(before)))
    return field


def _resampled(field: Field, name: str, before: Shape, shape: Shape) -> Field | None:
    """Convolution, pooling, interpolation: cells are laid evenly over the same frame."""
    rank = next((int(c) for c in name if c.isdigit()), len(shape) - 2)
    if len(before) != len(shape):
        return None
    found = field.mixed([len(shape) - rank - 1]) if name.startswith("conv") else field
    for dim in range(len(shape) - rank, len(shape)):
        if found is not None and before[dim] != shape[dim] and dim in found.carriers:
            if found.carriers != [dim] or found.cells != before[dim] or not found.frame:
                return None
            found = found.resize(shape[dim])._replace(numbers=line(shape[dim], dim, len(shape)))
    return found
