"""What an operation adds on its own account: the residual r = phi(u) - J_phi(u) u, for every kind of operation.

Srinivas and Fleuret (NeurIPS 2019) call r the bias of affine operations and the implicit bias of the others. With
all parameters constant, f(x) = <df/dx, x> + sum over operations of <df/dv, r_v> holds exactly for any graph.
"""

from __future__ import annotations

import contextlib
import math
import threading
import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from types import EllipsisType
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional
from torch.utils import _pytree as pytree

from facebias.core.errors import FacebiasError

# PyTorch has one level of forward-mode differentiation for all threads together.
_FORWARD_MODE = threading.RLock()
# Operations that keep the usual layout: evenly over the same frame, or only asking; these add nothing of their own.
PLAIN = frozenset(
    "relu leaky_relu max_pool2d avg_pool2d adaptive_avg_pool2d dropout dim size numel len is_floating_point".split()
)
# Operations that put elements elsewhere and change none, so that they may be let move numbers; and all views.
MOVES = frozenset(
    "reshape flatten ravel flip fliplr flipud roll rot90 index_select gather take_along_dim getitem repeat tile unfold "
    "repeat_interleave pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle take masked_select "
    "fft_fftshift fft_ifftshift".split()
)
# phi(t u) = t phi(u) for t > 0: no residual. Views are told by their base and need no name; what else there is of the
# kind is found to have none.
HOMOGENEOUS = PLAIN.union(MOVES).union(
    "prelu abs neg interpolate clone contiguous mean sum amax amin cumsum float double half bfloat16 to type_as".split()
)
SUMS = {"add": 1, "iadd": 1, "radd": 1, "sub": -1, "subtract": -1, "isub": -1}
PRODUCTS = frozenset(["mul", "multiply", "imul", "rmul"])
QUOTIENTS = frozenset(["div", "divide", "true_divide", "truediv", "itruediv"])
AFFINE = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose")
# Forms of the input alone, which these operations keep for their own backward pass.
KEPT: dict[str, Callable[[Tensor], Tensor]] = {
    # -x^2 s (1 - s), s the logistic function
    "silu": lambda x: torch.ops.aten.sigmoid_backward(x.square().neg_(), torch.sigmoid(x)),
    # -x^2 phi(x), phi the normal density
    "gelu": lambda x: (y := x.square()).mul(-0.5).exp_().mul_(y).mul_(-1 / math.sqrt(2 * math.pi)),
    # -x^2 / 6 in the ramp, 0 elsewhere
    "hardswish": lambda x: x.square().mul_(-1 / 6).mul_(x.abs() < 3),
    "relu6": lambda x: _clipped(x, 0, 6),
}
CATS = frozenset(["cat", "concat", "concatenate", "stack"])
MATRIX_PRODUCTS = frozenset(["matmul", "bmm", "mm"])
RECURRENT = frozenset(["lstm", "gru", "rnn_tanh", "rnn_relu"])
# Others than these that keep the usual layout.
KEEP = PLAIN.union("conv2d batch_norm prelu hardtanh sigmoid hardsigmoid add iadd mul imul".split(), KEPT)


class Residual(NamedTuple):
    """A residual that broadcasts against its output, computed only when the gradient arrives.

    Attributes:
        form: of the operands.
        operands: tensors that autograd keeps for its own backward pass, so that nothing more is held in memory.
        explicit: whether it is a bias, one number a channel.
    """

    form: Callable[..., Tensor]
    operands: tuple[Tensor, ...]
    explicit: bool = False

    def product(self, gradient: Tensor, rows: slice | EllipsisType = ...) -> Tensor:
        """df/dv * r, of its shape, or of some rows of its dimension 0."""
        shape, part = gradient.shape, gradient[rows]
        own = (o[rows] if o.dim() == len(shape) and o.shape[:1] == shape[:1] else o for o in self.operands)
        residual = self.form(*own)
        return (part.conj() * residual).real if part.is_complex() else part * residual


def held(form: Callable[..., Tensor], *operands: Tensor) -> Residual:
    """A form of tensors that the operation itself keeps for its backward pass."""
    return Residual(form, tuple(operand.detach() for operand in operands))


def fixed(value: Tensor) -> Residual:
    """A residual that is known already. Infinite entries (attention masks) meet a gradient of zero and count as 0."""
    value = value.detach()
    if value.is_floating_point() and torch.isinf(value).any():
        value = value.masked_fill(torch.isinf(value), 0)
    return Residual(Tensor.detach, (value,))


def bias(value: Tensor, trailing: int) -> Residual:
    """Numbers (C,) of channels that this many dimensions follow."""
    return Residual(Tensor.detach, (value.detach().view(-1, *[1] * trailing),), True)


def live(value: object) -> TypeGuard[Tensor]:
    """Whether a value depends on the images. Leaves do not: images enter as a copy of the leaf."""
    return isinstance(value, Tensor) and value.requires_grad and not value.is_leaf


def tensors(value: object) -> list[Tensor]:
    """All tensors in nested arguments; PyTorch's own walk takes longer than a small operation."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return [tensor for part in parts for tensor in tensors(part)]


class Call(NamedTuple):
    """One call of a PyTorch function: its name without underscores, and the arguments that depend on the images."""

    name: str
    func: Callable
    args: tuple
    kwargs: dict[str, Any]
    sources: list[Tensor]

    def argument(self, place: int, name: str, default: object = None) -> Any:
        """An argument by place or by name."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)


def by_forward_mode(call: Call) -> list[Residual | None]:
    """Residual of any operation by one Jacobian-vector product, on clones, so that operations in place are safe.

    Returns:
        One residual for each output tensor, in the order of `tensors`; None where there is none.

    Raises:
        RuntimeError: PyTorch has no forward-mode derivative of the operation.
    """

    def dual(value: Tensor) -> Tensor:
        """A clone that is its own derivative, if it depends on the images."""
        copy = value.detach().clone()
        return forward_ad.make_dual(copy, copy.clone()) if live(value) else copy

    func, kwargs = call.func, call.kwargs
    if call.name in RECURRENT:  # these can be differentiated forward in some precisions and on some devices alone
        raise NotImplementedError(call.name)
    # The fast kernels of attention have no forward-mode derivative.
    if func is functional.scaled_dot_product_attention:
        func = torch.ops.aten._scaled_dot_product_attention_math
    elif func is functional.multi_head_attention_forward:
        kwargs = kwargs | {"need_weights": True}
    with _FORWARD_MODE, torch.no_grad():
        _load_forward_mode()
        with forward_ad.dual_level():
            args, kwargs = pytree.tree_map_only(Tensor, dual, (call.args, kwargs))
            out = func(*args, **kwargs)
            pairs = [forward_ad.unpack_dual(leaf) for leaf in tensors(args[0] if out is None else out)]
            if all(tangent is None for _, tangent in pairs):
                raise NotImplementedError("an operation written without a forward-mode derivative passes none on")
            return [None if tangent is None else _difference(primal, tangent) for primal, tangent in pairs]


@lru_cache(maxsize=1)
def _load_forward_mode() -> None:
    # On first use PyTorch compiles rules of its own by its own deprecated torch.jit.script.
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.filterwarnings("ignore", message=".*jit.script.*")
        forward_ad.make_dual(torch.zeros(()), torch.zeros(()))


def _difference(primal: Tensor, tangent: Tensor) -> Residual | None:
    residual = primal - tangent
    # What is zero but for rounding, under 64 units of what it is a difference of, would be stretched to 0..1 and drawn.
    noise = 64 * torch.finfo(residual.dtype).eps * torch.maximum(primal.abs(), tangent.abs())
    residual = residual.masked_fill_(residual.abs() <= noise, 0)
    return fixed(residual) if residual.any() else None


def normalised(x: Tensor, groups: int, weight: Tensor | None, beta: Tensor | None, eps: float) -> Tensor:
    """Layer norm (no groups), group norm: v - (v - beta) * eps / s^2, s^2 = var + eps; it only feels its eps."""
    lines = x.reshape(len(x), groups, -1) if groups else x
    unit, _, rstd = torch.native_layer_norm(lines, lines.shape[-1:], None, None, eps)
    unit = (unit * (1 - eps * rstd.square())).view(x.shape)
    ones = [-1] + [1] * (x.dim() - 2) if groups else [-1]
    unit = unit if weight is None else unit * weight.view(ones)
    return unit if beta is None else unit + beta.view(ones)


def softmax(x: Tensor, dim: int) -> Tensor:
    """p (1 - log p + sum p log p); 0 where p is 0. In terms of x it would cancel where one entry has all the weight."""
    logs = functional.log_softmax(x, dim)
    p = logs.exp()
    logs = logs.masked_fill(p == 0, 0)
    return p * (1 - logs + (p * logs).sum(dim, keepdim=True))


Found = list[Residual | None]
Later = Callable[[Any], Found]  # of the output


def in_place(call: Call) -> bool:
    """Whether an operation may overwrite its first argument."""
    name = getattr(call.func, "__name__", "")
    if (name[-1:] == "_" and name[-2:] != "__") or name[:3] == "__i" or name == "__setitem__":
        return True
    return call.kwargs.get("inplace") is True or any(value is True for value in call.args)


def _without_residual(call: Call) -> bool:
    """Whether an operation is homogeneous of degree one in what depends on the images."""
    name, first, second = call.name, call.argument(0, "input"), call.argument(1, "other")
    if name in CATS:
        return all(map(live, tensors(first)))
    if name in SUMS:
        return live(first) and live(second)
    if name in PRODUCTS or name in MATRIX_PRODUCTS:
        return not (live(first) and live(call.argument(1, "mat2", second)))
    if name in QUOTIENTS:
        return not live(second) and not call.kwargs.get("rounding_mode")
    if name == "pad":
        return call.argument(2, "mode", "constant") != "constant" or not call.argument(3, "value")
    return name in HOMOGENEOUS or "_pool" in name


def rule(call: Call, overwrites: bool, derived: bool = False) -> Found | Later:
    """The residuals of one call, before an operation in place runs; or a function that finds them from its output.
    They are `derived` by forward-mode differentiation, where that can be, or else where there is no closed form."""
    name, args = call.name, call.args
    if derived:
        with contextlib.suppress(RuntimeError, TypeError, AttributeError):
            return by_forward_mode(call)
    if _without_residual(call):
        return []
    if name in SUMS and len(args) > 1:
        x, constant = args[:2]
        if not live(x):
            return [fixed(torch.as_tensor(x))]
        dtype = None if isinstance(constant, Tensor | complex) else x.dtype
        sign = SUMS[name] * call.kwargs.get("alpha", 1)
        return [fixed(torch.as_tensor(constant, dtype=dtype, device=x.device) * sign)]
    if name in PRODUCTS and len(args) > 1:
        return _kept(lambda a, b: -(a * b), args[:2], overwrites)  # a b - (a b + b a)
    if len(call.sources) == 1 and args and live(args[0]) and (known := _of_one_input(call, overwrites)) is not None:
        return known
    if name in MATRIX_PRODUCTS:
        return lambda out: [fixed(-out)]
    return by_forward_mode(call)


def _of_one_input(call: Call, overwrites: bool) -> Found | Later | None:
    name, x, argument = call.name, call.args[0], call.argument
    if name.startswith(AFFINE):
        return [None if (vector := argument(2, "bias")) is None else bias(vector, argument(1, "weight").dim() - 2)]
    if call.func is functional.batch_norm:  # its value at zero, from the buffers as they are now
        if argument(5, "training", False) or argument(1, "running_mean") is None:
            what = "it uses the statistics of the batch, which couple the images; expected running ones"
            mend = "Use track_running_stats=True and evaluation mode"
            raise FacebiasError("BATCH_STATISTICS", "batch_norm", what, mend)
        zero = call.func(x.new_zeros(1, x.shape[1]), *call.args[1:], **call.kwargs)
        return [bias(zero[0], x.dim() - 2)]
    if name == "softmax" and isinstance(dim := argument(1, "dim"), int) and not call.kwargs.get("dtype"):
        return [fixed(softmax(x.detach(), dim))]
    if name == "group_norm" or (name == "layer_norm" and len(argument(1, "normalized_shape")) == 1):
        groups = argument(1, "num_groups") if name == "group_norm" else 0
        affine = argument(2, "weight"), argument(3, "bias"), argument(4, "eps", 1e-5)
        return [held(lambda y: normalised(y, groups, *affine), x)]
    form = KEPT.get(name)
    if name == "hardtanh":
        form = partial(_clipped, low=argument(1, "min_val", -1.0), high=argument(2, "max_val", 1.0))
    if form and argument(1, "approximate", "none") != "tanh":
        return _kept(form, call.args[:1], overwrites)
    return None


def _clipped(x: Tensor, low: float, high: float) -> Tensor:
    """The bound where the input, or the output, is at the bound or beyond; 0 between."""
    return x.clamp(low, high) - torch.ops.aten.hardtanh_backward(x, x, low, high)


def _kept(form: Callable[..., Tensor], inputs: tuple, overwrites: bool) -> Found | Later:
    if not overwrites:
        return [held(form, *inputs)]
    # Autograd keeps the input for its own backward pass. After an operation in place on a view, the node that has it is
    # out of reach; under checkpointing it has nothing.
    saves = torch._C._autograd._top_saved_tensors_default_hooks(True) is None
    if not saves or inputs[0]._is_view() or len(inputs) > 1:
        return [fixed(form(*(value.detach() for value in inputs)))]
    return lambda out: [held(form, out.grad_fn._saved_self)]
