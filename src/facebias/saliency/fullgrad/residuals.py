"""What an operation adds on its own account: the residual r = phi(u) - J_phi(u) u, for every kind of operation.

Srinivas and Fleuret (NeurIPS 2019) call r the bias of affine operations and the implicit bias of the others. With
all parameters constant, f(x) = <df/dx, x> + sum over operations of <df/dv, r_v> holds exactly for any graph.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree

from facebias.core.errors import FacebiasError

_SIXTH = float(np.float32(1 / 6))


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

    Operands are the tensors that autograd keeps for its own backward pass, so that nothing more is held in memory.
    """

    form: Callable[..., Tensor]
    operands: Callable[[], tuple[Tensor, ...]]

    def full(self, gradient: Tensor, rows: slice = slice(None)) -> Tensor:
        """The residual of some rows of dimension 0, in a shape that broadcasts against `gradient[rows]`."""
        own = gradient.shape
        return self.form(
            *(
                operand[rows] if operand.dim() == len(own) and operand.shape[0] == own[0] else operand
                for operand in self.operands()
            )
        )


Residual = Channel | Pointwise


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
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors(part)
    elif isinstance(value, dict):
        yield from tensors(tuple(value.values()))


def first_live(args: tuple, kwargs: dict[str, Any]) -> Tensor | None:
    """The first argument that depends on the images; written for speed, since every operation asks."""
    for value in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(value, Tensor):
            if value.requires_grad and not value.is_leaf:
                return value
        elif isinstance(value, tuple | list | dict):
            for part in tensors(value):
                if live(part):
                    return part
    return None


def argument(args: tuple, kwargs: dict[str, Any], place: int, name: str, default: object = None) -> Any:
    """An argument by place or by name."""
    return args[place] if len(args) > place else kwargs.get(name, default)


def by_forward_mode(func: Callable, args: tuple, kwargs: dict[str, Any]) -> list[Tensor | None]:
    """Residual of any operation by one Jacobian-vector product, on clones, so that operations in place are safe.

    Returns:
        One tensor or None for each output leaf, in the order of `pytree.tree_leaves`.
    """

    def dual(value: object) -> object:
        """A live value with itself as its tangent."""
        if not live(value):
            return value
        return forward_ad.make_dual(value.detach().clone(), value.detach().clone())

    _load_forward_mode()
    # Flash attention has no forward-mode derivative.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), forward_ad.dual_level():
        args, kwargs = pytree.tree_map(dual, args), pytree.tree_map(dual, kwargs)
        out = func(*args, **kwargs)
        return [_primal_less_tangent(leaf) for leaf in pytree.tree_leaves(args[0] if out is None else out)]


@lru_cache(maxsize=1)
def _load_forward_mode() -> None:
    # On first use PyTorch compiles rules of its own by its own deprecated torch.jit.script.
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.filterwarnings("ignore", message=".*jit.script.*")
        forward_ad.make_dual(torch.zeros(()), torch.zeros(()))


def _primal_less_tangent(leaf: object) -> Tensor | None:
    if not isinstance(leaf, Tensor) or not leaf.is_floating_point():
        return None
    primal, tangent = forward_ad.unpack_dual(leaf)
    return primal.clone() if tangent is None else primal - tangent


def at_zero(func: Callable, args: tuple, kwargs: dict[str, Any]) -> list[Tensor | None]:
    """Residual of an operation that is affine in all live arguments together: its value where they are zero."""

    def blank(value: object) -> object:
        """Zeros in place of a live value."""
        return torch.zeros_like(value) if live(value) else value.clone() if isinstance(value, Tensor) else value

    with torch.no_grad():
        args, kwargs = pytree.tree_map(blank, args), pytree.tree_map(blank, kwargs)
        out = func(*args, **kwargs)
        return [
            leaf if isinstance(leaf, Tensor) else None for leaf in pytree.tree_leaves(args[0] if out is None else out)
        ]


def batch_norm(args: tuple, kwargs: dict[str, Any]) -> Channel:
    """beta - gamma * mean / sqrt(var + eps), from the buffers as they are now.

    Raises:
        FacebiasError: statistics of the batch couple its images, so there is no decomposition for one image.
    """
    mean, variance, weight, bias = (
        argument(args, kwargs, place, name)
        for place, name in enumerate(("running_mean", "running_var", "weight", "bias"), start=1)
    )
    if argument(args, kwargs, 5, "training", False) or mean is None:
        raise FacebiasError(
            "BATCH_STATISTICS",
            "batch_norm",
            "it uses the statistics of the batch, which couple the images; expected running ones",
            "Use track_running_stats=True and evaluation mode",
        )
    scale = torch.rsqrt(variance + argument(args, kwargs, 7, "eps", 1e-5))
    scale = scale if weight is None else scale * weight.detach()
    return Channel(-mean * scale if bias is None else torch.addcmul(bias.detach(), mean, scale, value=-1), 1)


def normalised(eps: float) -> Callable[..., Tensor]:
    """Layer and group norm: xhat * w * (1 - eps / sigma^2) + b, where sigma^2 = var + eps.

    Along its own input the operation only feels eps: J u = xhat * w * eps / sigma^2.
    """

    def form(x: Tensor, mean: Tensor, rstd: Tensor, *affine: Tensor) -> Tensor:
        """v - J u of the normalised input."""
        value = (x - mean) * (rstd * (1 - eps * rstd.square()))
        return torch.addcmul(affine[1], value, affine[0]) if affine else value

    return form


def silu(x: Tensor) -> Tensor:
    """-x^2 s (1 - s), s the logistic function."""
    s = torch.sigmoid(x)
    return torch.addcmul(-s, s, s).mul_(x).mul_(x)


def gelu(x: Tensor) -> Tensor:
    """-x^2 phi(x), phi the normal density."""
    square = x.square()
    return square.mul(-0.5).exp_().mul_(square).mul_(-1 / math.sqrt(2 * math.pi))


def gelu_tanh(x: Tensor) -> Tensor:
    """-x^2 / 2 * (1 - tanh(u)^2) * u'(x), u = sqrt(2 / pi) (x + 0.044715 x^3)."""
    square, k = x.square(), math.sqrt(2 / math.pi)
    t = torch.tanh(k * x * (1 + 0.044715 * square))
    return -0.5 * square * (1 - t.square()) * k * (1 + 3 * 0.044715 * square)


def hardswish(x: Tensor) -> Tensor:
    """-x^2 / 6 in the ramp, 0 elsewhere."""
    return x.square().mul_(-1 / 6).mul_(x.abs() < 3)


def hardsigmoid(x: Tensor) -> Tensor:
    """1/2 in the ramp, 1 above.

    PyTorch's gradient has 1/6 rounded to float32 in every precision; the residual belongs to the gradient that is.
    """
    ramp = (x > -3) & (x < 3)
    return torch.where(ramp, 0.5 + x * (1 / 6 - _SIXTH), (x >= 3).to(x.dtype))


def sigmoid(x: Tensor) -> Tensor:
    """s - x s (1 - s)."""
    s = torch.sigmoid(x)
    return s - x * s * (1 - s)


def tanh(x: Tensor) -> Tensor:
    """t - x (1 - t^2)."""
    t = torch.tanh(x)
    return t - x * (1 - t.square())


def softmax(x: Tensor, dim: int) -> Tensor:
    """p (1 - x + sum p x); where p is 0, masked by minus infinity, the residual is 0."""
    p = functional.softmax(x, dim)
    x = x.masked_fill(p == 0, 0)
    return p * (1 - x + (p * x).sum(dim, keepdim=True))


def clipped(low: float, high: float) -> Callable[[Tensor], Tensor]:
    """ReLU6, hardtanh: the bound where the input, or the output, is at the bound or beyond."""

    def form(x: Tensor) -> Tensor:
        """The bound where the input is at it or beyond."""
        value = (x >= high).to(x.dtype).mul_(high)
        return value.add_(x <= low, alpha=low) if low else value

    return form


def gate(a: Tensor, b: Tensor) -> Tensor:
    """a b - (a b + b a)."""
    return -(a * b)
