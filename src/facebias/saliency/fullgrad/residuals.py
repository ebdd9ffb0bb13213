"""What an operation adds on its own account: the residual r = phi(u) - J_phi(u) u, for every kind of operation.

Srinivas and Fleuret (NeurIPS 2019) call r the bias of affine operations and the implicit bias of the others. With
all parameters constant, f(x) = <df/dx, x> + sum over operations of <df/dv, r_v> holds exactly for any graph.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Channel:
    """A residual that is one number a channel: `vector` (C,) along dimension `axis` of the output."""

    vector: Tensor
    axis: int

    def full(self, gradient: Tensor, rows: slice = slice(None)) -> Tensor:
        """The residual in a shape that broadcasts against the output."""
        shape = [1] * gradient.dim()
        shape[self.axis] = -1
        return self.vector.view(shape)


@dataclass(frozen=True)
class Pointwise:
    """A residual with a value an element, computed from `operands` only when the gradient arrives.

    Operands are tensors that autograd keeps for its own backward pass, so that nothing more is held in memory.
    """

    form: Callable[..., Tensor]
    operands: Callable[[], tuple[Tensor, ...]]

    def full(self, gradient: Tensor, rows: slice = slice(None)) -> Tensor:
        """The residual of some rows of dimension 0, in a shape that broadcasts against `gradient[rows]`."""
        own, operands = gradient.shape, self.operands()
        whole = rows == slice(None) or not own
        return self.form(*(o if whole or o.dim() < len(own) or len(o) != own[0] else o[rows] for o in operands))


Residual = Channel | Pointwise


def held(form: Callable[..., Tensor], *operands: Tensor) -> Pointwise:
    """A form of tensors that the operation itself keeps for its backward pass."""
    kept = tuple(operand.detach() for operand in operands)
    return Pointwise(form, lambda: kept)


def fixed(value: Tensor) -> Pointwise:
    """A residual that is known already. Infinite entries (attention masks) meet a gradient of zero and count as 0."""
    value = value.detach()
    if value.is_floating_point() and torch.isinf(value).any():
        value = value.masked_fill(torch.isinf(value), 0)
    return Pointwise(lambda held: held, lambda: (value,))


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


def batch_norm(call: Call) -> Channel:
    """beta - gamma * mean / sqrt(var + eps), from the buffers as they are now.

    Raises:
        FacebiasError: statistics of the batch couple its images, so there is no decomposition for one image.
    """
    mean, variance = call.argument(1, "running_mean"), call.argument(2, "running_var")
    weight, bias = call.argument(3, "weight"), call.argument(4, "bias")
    if call.argument(5, "training", False) or mean is None:
        what = "it uses the statistics of the batch, which couple the images; expected running ones"
        raise FacebiasError("BATCH_STATISTICS", "batch_norm", what, "Use track_running_stats=True and evaluation mode")
    scale = torch.rsqrt(variance + call.argument(7, "eps", 1e-5))
    scale = scale if weight is None else scale * weight
    return Channel(-mean * scale if bias is None else torch.addcmul(bias, mean, scale, value=-1), 1)


def normalised(groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> Callable[[Tensor], Tensor]:
    """Layer norm (no groups), group norm: v - (v - b) * eps / sigma^2, sigma^2 = var + eps; it only feels its eps."""

    def form(x: Tensor) -> Tensor:
        """The term of inputs (N, ...), of their shape."""
        lines = x.reshape(len(x), groups, -1) if groups else x
        unit, _, rstd = torch.native_layer_norm(lines, lines.shape[-1:], None, None, eps)
        unit = (unit * (1 - eps * rstd.square())).view(x.shape)
        ones = [-1] + [1] * (x.dim() - 2) if groups else [-1]
        unit = unit if weight is None else unit * weight.view(ones)
        return unit if bias is None else unit + bias.view(ones)

    return form


def silu(x: Tensor) -> Tensor:
    """-x^2 s (1 - s), s the logistic function."""
    s = torch.sigmoid(x)
    return torch.addcmul(-s, s, s).mul_(x).mul_(x)


def gelu(x: Tensor) -> Tensor:
    """-x^2 phi(x), phi the normal density."""
    square = x.square()
    return square.mul(-0.5).exp_().mul_(square).mul_(-1 / math.sqrt(2 * math.pi))


def hardswish(x: Tensor) -> Tensor:
    """-x^2 / 6 in the ramp, 0 elsewhere."""
    return x.square().mul_(-1 / 6).mul_(x.abs() < 3)


def softmax(x: Tensor, dim: int) -> Tensor:
    """p (1 - log p + sum p log p); 0 where p is 0, masked by minus infinity.

    In terms of x the difference would cancel where one entry has all the weight.
    """
    logs = functional.log_softmax(x, dim)
    p = logs.exp()
    logs = logs.masked_fill(p == 0, 0)
    return p * (1 - logs + (p * logs).sum(dim, keepdim=True))


def clipped(low: float, high: float) -> Callable[[Tensor], Tensor]:
    """ReLU6, hardtanh: the bound where the input, or the output, is at the bound or beyond."""

    def form(x: Tensor) -> Tensor:
        """The term of inputs of any shape, of their shape."""
        value = (x >= high).to(x.dtype).mul_(high)
        return value.add_(x <= low, alpha=low) if low else value

    return form


def gate(a: Tensor, b: Tensor) -> Tensor:
    """a b - (a b + b a)."""
    return -(a * b)
