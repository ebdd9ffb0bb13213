"""What an operation adds on its own account: the residual r = phi(u) - J_phi(u) u, for every kind of operation.

Srinivas and Fleuret (NeurIPS 2019) call r the bias of affine operations and the implicit bias of the others. With
all parameters constant, f(x) = <df/dx, x> + sum over operations of <df/dv, r_v> holds exactly for any graph.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional
from torch.utils import _pytree as pytree

from facebias.core.errors import FacebiasError

# PyTorch has one level of forward-mode differentiation for all threads together.
_FORWARD_MODE = threading.RLock()
# A residual under this many rounding units of what it is a difference of is rounding itself.
_NOISE = 64


class Residual(NamedTuple):
    """A residual that broadcasts against its output, computed only when the gradient arrives.

    Attributes:
        form: of the operands.
        operands: tensors that autograd keeps for its own backward pass, so that nothing more is held in memory.
        explicit: whether it is a bias, one number a channel.
    """

    form: Callable[..., Tensor]
    operands: Callable[[], tuple[Tensor, ...]]
    explicit: bool = False

    def of(self, shape: torch.Size, rows: slice | None = None) -> Tensor:
        """The residual of an output of this shape, or of some rows of its dimension 0."""
        if rows is None:
            return self.form(*self.operands())
        return self.form(
            *(o[rows] if o.shape[:1] == shape[:1] and o.dim() == len(shape) else o for o in self.operands())
        )


def held(form: Callable[..., Tensor], *operands: Tensor) -> Residual:
    """A form of tensors that the operation itself keeps for its backward pass."""
    kept = tuple(operand.detach() for operand in operands)
    return Residual(form, lambda: kept)


def fixed(value: Tensor) -> Residual:
    """A residual that is known already. Infinite entries (attention masks) meet a gradient of zero and count as 0."""
    value = value.detach()
    if value.is_floating_point() and torch.isinf(value).any():
        value = value.masked_fill(torch.isinf(value), 0)
    return Residual(lambda: value, tuple)


def bias(value: Tensor, trailing: int) -> Residual:
    """Numbers (C,) of channels that this many dimensions follow."""
    value = value.detach().view(-1, *[1] * trailing)
    return Residual(lambda: value, tuple, True)


def live(value: object) -> TypeGuard[Tensor]:
    """Whether a value depends on the images. Leaves do not: images enter as a copy of the leaf."""
    return isinstance(value, Tensor) and value.requires_grad and not value.is_leaf


def tensors(value: object) -> Iterator[Tensor]:
    """All tensors in nested arguments."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors(part)


class Call(NamedTuple):
    """One call of a PyTorch function; `sources` are its arguments that depend on the images."""

    name: str
    func: Callable
    args: tuple
    kwargs: dict[str, Any]
    sources: list[Tensor]

    def argument(self, place: int, name: str, default: object = None) -> Any:
        """An argument by place or by name."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)

    def run(self) -> Any:
        """What the function returns."""
        return self.func(*self.args, **self.kwargs)


def by_forward_mode(func: Callable, args: tuple, kwargs: dict[str, Any]) -> list[Tensor | None]:
    """Residual of any operation by one Jacobian-vector product, on clones, so that operations in place are safe.

    Returns:
        One tensor or None for each output leaf, in the order of `pytree.tree_leaves`.
    """

    def dual(value: Tensor) -> Tensor:
        """A clone that is its own derivative, if it depends on the images."""
        copy = value.detach().clone()
        return forward_ad.make_dual(copy, copy.clone()) if live(value) else copy

    # The fast kernels of attention have no forward-mode derivative.
    if func is functional.scaled_dot_product_attention:
        func = torch.ops.aten._scaled_dot_product_attention_math
    elif func is functional.multi_head_attention_forward:
        kwargs = kwargs | {"need_weights": True}
    with _FORWARD_MODE, torch.no_grad():
        _load_forward_mode()
        with forward_ad.dual_level():
            args, kwargs = pytree.tree_map_only(Tensor, dual, (args, kwargs))
            out = func(*args, **kwargs)
            found = [_residual(leaf) for leaf in pytree.tree_leaves(args[0] if out is None else out)]
    if all(pair is None for pair in found):
        raise NotImplementedError("an operation written without a forward-mode derivative passes none on")
    return found


@lru_cache(maxsize=1)
def _load_forward_mode() -> None:
    # On first use PyTorch compiles rules of its own by its own deprecated torch.jit.script.
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.filterwarnings("ignore", message=".*jit.script.*")
        forward_ad.make_dual(torch.zeros(()), torch.zeros(()))


def _residual(leaf: object) -> Tensor | None:
    """Primal less tangent; what is zero but for rounding would be stretched to 0..1 and drawn."""
    if not isinstance(leaf, Tensor) or (pair := forward_ad.unpack_dual(leaf)).tangent is None:
        return None
    residual = pair.primal - pair.tangent
    noise = _NOISE * torch.finfo(residual.dtype).eps * torch.maximum(pair.primal.abs(), pair.tangent.abs())
    return residual.masked_fill_(residual.abs() <= noise, 0)


def batch_norm(call: Call) -> Residual:
    """Its value at zero, beta - gamma * mean / sqrt(var + eps), from the buffers as they are now.

    Raises:
        FacebiasError: statistics of the batch couple its images, so there is no decomposition for one image.
    """
    if call.argument(5, "training", False) or call.argument(1, "running_mean") is None:
        what = "it uses the statistics of the batch, which couple the images; expected running ones"
        raise FacebiasError("BATCH_STATISTICS", "batch_norm", what, "Use track_running_stats=True and evaluation mode")
    x = call.args[0]
    zero = call.func(x.new_zeros(1, x.shape[1]), *call.args[1:], **call.kwargs)
    return bias(zero[0], x.dim() - 2)


def normalised(groups: int, weight: Tensor | None, beta: Tensor | None, eps: float) -> Callable[[Tensor], Tensor]:
    """Layer norm (no groups), group norm: v - (v - beta) * eps / s^2, s^2 = var + eps; it only feels its eps."""

    def form(x: Tensor) -> Tensor:
        """The term of inputs (N, ...), of their shape."""
        lines = x.reshape(len(x), groups, -1) if groups else x
        unit, _, rstd = torch.native_layer_norm(lines, lines.shape[-1:], None, None, eps)
        unit = (unit * (1 - eps * rstd.square())).view(x.shape)
        ones = [-1] + [1] * (x.dim() - 2) if groups else [-1]
        unit = unit if weight is None else unit * weight.view(ones)
        return unit if beta is None else unit + beta.view(ones)

    return form


def softmax(x: Tensor, dim: int) -> Tensor:
    """p (1 - log p + sum p log p); 0 where p is 0. In terms of x it would cancel where one entry has all the weight."""
    logs = functional.log_softmax(x, dim)
    p = logs.exp()
    logs = logs.masked_fill(p == 0, 0)
    return p * (1 - logs + (p * logs).sum(dim, keepdim=True))
