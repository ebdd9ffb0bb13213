"""How each operation changes the layout of what it is given: where images and places went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from facebias.saliency.fullgrad import changes
from facebias.saliency.fullgrad.layout import Layout, unknown, usual
from facebias.saliency.fullgrad.residuals import tensors

# Operations that keep the usual layout: element by element, or evenly over the same frame.
KEEP = frozenset(
    """
    conv2d batch_norm relu relu_ leaky_relu leaky_relu_ prelu silu silu_ gelu hardswish hardswish_ relu6 hardtanh
    hardtanh_ sigmoid hardsigmoid max_pool2d _max_pool2d avg_pool2d adaptive_avg_pool2d dropout dropout_ add add_
    __add__ __iadd__ mul mul_ __mul__ __imul__
""".split()
)
# Operations that put elements elsewhere and change none; views are told by their base.
MOVES = frozenset(
    """
    reshape flatten ravel flip fliplr flipud roll rot90 index_select gather take_along_dim __getitem__ repeat tile
    repeat_interleave pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle unfold
""".split()
)
# Operations that keep the shape, or the rank, but not the places.
SCRAMBLES = frozenset("sort msort topk grid_sample grid_sampler roi_align ps_roi_align take masked_select".split())
RECURRENT = frozenset(["lstm", "gru", "rnn_tanh", "rnn_relu"])
LAST = RECURRENT | {"linear", "scaled_dot_product_attention", "multi_head_attention_forward"}
CATS = frozenset(["cat", "concat", "concatenate", "stack"])
PRODUCTS = frozenset(["matmul", "bmm", "mm", "__matmul__"])
_NOTE = "_facebias_layout"  # the attribute that a tensor carries its layout in
# Layouts of earlier calls, which most of the time are those of the next batch; thrown away where there are too many.
_LAID: dict[tuple, list[Layout]] = {}
_MOST = 512


class Follower:
    """Follows the layout of every tensor of a pass; notes it on the tensor where it is not the usual one.

    Args:
        images: (N, C, *spatial).
    """

    def __init__(self, images: Tensor) -> None:
        self.count, self.pixels, self.rank = images.shape[0], tuple(images.shape[2:]), images.dim()

    def layout_of(self, tensor: Tensor) -> Layout:
        """What is noted on a tensor; images first and channels second where nothing is noted and the rank fits."""
        shape, found = tuple(tensor.shape), getattr(tensor, _NOTE, None)
        if found is None:
            found = usual(shape, self.pixels) if self.at_home([tensor]) else self._unknown(shape)
        return found

    def note(self, tensor: Tensor, layout: Layout) -> None:
        """Notes a layout on a tensor."""
        setattr(tensor, _NOTE, layout)

    def at_home(self, tensors: Sequence[Tensor]) -> bool:
        """Whether all of them have the usual layout."""
        for tensor in tensors:
            shape = tensor.shape
            if len(shape) != self.rank or shape[0] != self.count or hasattr(tensor, _NOTE):
                return False
        return True

    def follow(
        self, name: str, func: Callable, args: tuple, kwargs: dict[str, Any], sources: list[Tensor], outs: list[Tensor]
    ) -> None:
        """Notes the layout of each differentiable output of an operation.

        Args:
            name: the operation's name.
            func: the operation.
            args: its arguments.
            kwargs: its keyword arguments.
            sources: its differentiable inputs.
            outs: its differentiable outputs.
        """
        if name in KEEP and self.at_home(sources):
            return
        layouts, shapes = [self.layout_of(source) for source in sources], [tuple(out.shape) for out in outs]
        moves = (name in MOVES or is_view_of(outs[0], sources[0])) and sources[0] is args[0]
        key = (func, moves, self.count, self.pixels, *layouts, _told(args), _told(kwargs), _told(shapes))
        if moves and any(True for _ in tensors((args[1:], kwargs))):
            key = ()  # the numbers in an index decide
        if (laid := _LAID.get(key)) is None:
            if moves:
                found = changes.moves(func, args, kwargs, layouts[0].shape)
            else:
                found = [self._computes(name, args, kwargs, sources, layouts, shape) for shape in shapes]
            found += [(changes.loses, ())] * len(outs)
            laid = [self._lay(name, layouts, shape, *told) for shape, told in zip(shapes, found, strict=False)]
            if len(_LAID) > _MOST:
                _LAID.clear()
            if key:
                _LAID[key] = laid
        for out, layout in zip(outs, laid, strict=True):
            self.note(out, layout)

    def _lay(
        self, name: str, layouts: list[Layout], shape: tuple[int, ...], change: changes.Change, told: tuple[int, ...]
    ) -> Layout:
        change = change if told == shape else changes.loses
        lost = next((layout.lost for layout in layouts if layout.lost), "")
        unknown, fields = self._unknown(shape), []
        for nothing, *said in zip(unknown.fields, *(layout.fields for layout in layouts), strict=True):
            field = change(said)
            field = field if field is None else field.settle(shape)
            lost = lost or (name if field is None and any(f.carriers for f in said) else "")
            fields.append(nothing if field is None else field)
        frames = [field.frame for field in fields] == [field.frame for field in unknown.fields]
        if name == "fold" and len(shape) == self.rank and frames:
            return usual(shape, self.pixels)  # overlapping windows are laid back where they were
        # Places that are known again, by a sum with what never lost them, are not lost.
        layout = Layout(shape, tuple(fields), lost)
        return Layout(shape, layout.fields) if layout.placed else layout

    def _unknown(self, shape: tuple[int, ...]) -> Layout:
        return unknown(shape, self.pixels, self.count)

    def _computes(
        self, name: str, args: tuple, kwargs: dict, sources: list[Tensor], layouts: list[Layout], shape: tuple[int, ...]
    ) -> tuple[changes.Change, tuple[int, ...]]:
        shapes = [layout.shape for layout in layouts]
        before, last = shapes[0], len(shape) - 1
        if name in SCRAMBLES:
            return changes.loses, shape
        if name in LAST and shape[:-1] == before[:-1]:
            return lambda said: said[0].along(last, None), shape
        if name in PRODUCTS or name == "einsum":
            return changes.multiplies(name, args, sources, shape), shape
        if name in CATS:
            return changes.joins(name, args, kwargs, shape), shape
        if name == "pad":
            return changes.pads(args[1] if len(args) > 1 else kwargs["pad"], before, shape), shape
        if name.startswith("conv") or "_pool" in name or name in ("interpolate", "upsample", "fold"):
            return changes.resamples(name, before, shape), shape
        gone = changes.summed(before, shape, kwargs.get("dim", args[1] if len(args) > 1 else None))
        if len(layouts) == 1 and gone:
            return changes.reduces(gone, before, shape), shape
        return lambda said: changes.merged(said, shapes, shape), shape


def is_view_of(out: Tensor, source: Tensor) -> bool:
    """Whether a tensor shows the memory of another."""
    return out is not source and out._is_view() and out._base is (source._base if source._is_view() else source)


def _told(value: Any) -> Any:
    """What a layout may depend on in an argument, to be looked up by."""
    if isinstance(value, Tensor):
        return tuple(value.shape), value.requires_grad
    if isinstance(value, dict):
        return tuple((name, _told(part)) for name, part in value.items())
    return tuple(map(_told, value)) if isinstance(value, tuple | list) else repr(value)
