"""Which dimension of a tensor holds the images, and which the channels, followed through the network.

Attention puts the sequence first, Swin folds windows into the batch, ConvNeXt works with channels last. The sum of
a term over the whole batch is right in any layout; its value for one image is right only where the batch is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Layout(NamedTuple):
    """Place of images and channels: element i along `batch` belongs to image (i // inner) % N.

    `channel` is None where channels are mixed with something else, for example after a flatten.
    """

    batch: int = 0
    inner: int = 1
    channel: int | None = 1


USUAL = Layout()
RESHAPES = frozenset(
    """
    reshape view flatten unflatten squeeze unsqueeze view_as reshape_as ravel
""".split()
)
VIEWS = frozenset(
    """
    permute transpose swapaxes swapdims movedim moveaxis t __getitem__ select narrow chunk split unbind expand
    expand_as __get__ tensor_split
""".split()
)
REDUCTIONS = frozenset(["mean", "sum", "amax", "amin", "max", "min", "norm", "logsumexp", "std", "var"])
# These read channels from dimension 1, whatever came before.
CHANNELS_SECOND = frozenset(
    """
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d batch_norm group_norm instance_norm
""".split()
)
_BATCH_STRIDE, _CHANNEL_STRIDE = 1, 1_000_003
_NOTE = "_facebias_layout"  # the attribute that a tensor carries its layout in


def layout_of(tensor: Tensor) -> Layout:
    """The layout noted on a tensor; images first and channels second where nothing is noted."""
    return getattr(tensor, _NOTE, USUAL)


def note(tensor: Tensor, layout: Layout) -> None:
    """Notes a layout on an intermediate tensor."""
    if layout != layout_of(tensor):
        setattr(tensor, _NOTE, layout)


def follow(
    name: str,
    func: Callable,
    args: tuple,
    kwargs: dict[str, Any],
    source: Tensor,
    before: torch.Size,
    outs: Sequence[Tensor],
    images: int,
) -> None:
    """Notes on each output where images and channels went.

    Args:
        name: the operation's name.
        func: the operation.
        args: its arguments; the first one is the tensor that is reshaped.
        kwargs: its keyword arguments.
        source: a differentiable input.
        before: the source's shape before the operation.
        outs: the differentiable outputs.
        images: N.
    """
    origin = layout_of(source)
    if name in VIEWS:
        places: Sequence[Layout | None] = _through_view(func, args, kwargs, origin, before, len(outs))
    elif name in RESHAPES:
        places = [_through_reshape(origin, before, out.shape, images) for out in outs]
    else:
        places = [_through_computation(name, args, kwargs, origin, before, out) for out in outs]
    for out, place in zip(outs, places, strict=True):
        if place is None or place.batch >= out.dim() or out.shape[place.batch] % (images * place.inner):
            place = _guess(out.shape, images)
        note(out, place)


def per_image(term: Tensor, layout: Layout, images: int) -> Tensor:
    """Sum of a term's elements over each image: (N,) float64. A term without a batch dimension is shared evenly."""
    if term.dim() == 0 or term.shape[layout.batch] % (images * layout.inner):
        return term.sum(dtype=torch.float64).expand(images) / images
    term = term.movedim(layout.batch, 0)
    return term.reshape(-1, images, layout.inner, term[0].numel()).sum(3).sum((0, 2), dtype=torch.float64)


def _through_view(
    func: Callable, args: tuple, kwargs: dict[str, Any], origin: Layout, before: torch.Size, outputs: int
) -> list[Layout | None]:
    # A view keeps strides, so that two telling strides on a probe without memory show where both dimensions went.
    strides = [0] * len(before)
    strides[origin.batch] = _BATCH_STRIDE
    if origin.channel is not None:
        strides[origin.channel] = _CHANNEL_STRIDE
    probe = torch.empty_strided(before, strides, device="meta")
    try:
        views = func(probe, *args[1:], **kwargs)
    except (RuntimeError, NotImplementedError):  # an index tensor on another device: not a view
        return [origin if len(before) > origin.batch else None] * outputs
    views = views if isinstance(views, tuple | list) else (views,)
    found = []
    for view in views[:outputs]:
        steps = view.stride()
        channel = steps.index(_CHANNEL_STRIDE) if _CHANNEL_STRIDE in steps else None
        found.append(Layout(steps.index(_BATCH_STRIDE), origin.inner, channel) if _BATCH_STRIDE in steps else None)
    return found + [None] * (outputs - len(found))


def _through_reshape(origin: Layout, before: torch.Size, after: torch.Size, images: int) -> Layout | None:
    # A reshape keeps the logical order: the image number is a digit with a place value, found again in the new shape.
    place = math.prod(before[origin.batch + 1 :]) * origin.inner
    for dim, size in enumerate(after):
        unit = math.prod(after[dim + 1 :])
        if unit and place % unit == 0 and size % (place // unit * images) == 0:
            return Layout(dim, place // unit, _channel_after(origin, before, after, dim))
    return None


def _channel_after(origin: Layout, before: torch.Size, after: torch.Size, batch: int) -> int | None:
    if origin.channel is None:
        return None
    place = math.prod(before[origin.channel + 1 :])
    for dim, size in enumerate(after):
        if dim != batch and size == before[origin.channel] and math.prod(after[dim + 1 :]) == place:
            return dim
    return None


def _through_computation(
    name: str, args: tuple, kwargs: dict[str, Any], origin: Layout, before: torch.Size, out: Tensor
) -> Layout | None:
    rank = len(before)
    normalised = (args[1] if len(args) > 1 else kwargs["normalized_shape"]) if name == "layer_norm" else ()
    if name == "linear" or len(normalised) == 1:
        return origin._replace(channel=rank - 1)
    if name in CHANNELS_SECOND:
        return origin._replace(channel=1)
    if out.dim() == rank:
        return origin
    dims = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if name not in REDUCTIONS or dims is None:
        return None
    gone = {dim % rank for dim in ((dims,) if isinstance(dims, int) else dims)}
    if origin.batch in gone:
        return None
    channel = origin.channel
    if channel is not None:
        channel = None if channel in gone else channel - sum(dim < channel for dim in gone)
    return Layout(origin.batch - sum(dim < origin.batch for dim in gone), origin.inner, channel)


def _guess(shape: torch.Size, images: int) -> Layout:
    # The completeness check per image is the judge of this guess.
    channel = 1 if len(shape) > 1 else None
    if not shape or shape[0] == images:
        return Layout(channel=channel)
    if images in shape:
        return Layout(list(shape).index(images), 1, None)
    return Layout(0, max(1, shape[0] // images), None)
