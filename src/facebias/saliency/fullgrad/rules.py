"""Which rule belongs to which operation, by the operation's name; what is not named here is differentiated forward."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from facebias.saliency.fullgrad import residuals as forms
from facebias.saliency.fullgrad.follow import CATS, MOVES, PLAIN
from facebias.saliency.fullgrad.follow import PRODUCTS as MATRIX_PRODUCTS
from facebias.saliency.fullgrad.residuals import Call, Residual, fixed, held, live, tensors

# phi(t u) = t phi(u) for t > 0: no residual. Views are told by their base and need no name; what else there is of the
# kind is found to have none.
HOMOGENEOUS = PLAIN.union(
    MOVES,
    "prelu abs abs_ neg max_pool1d max_pool3d avg_pool1d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool3d "
    "adaptive_max_pool2d interpolate clone contiguous mean sum amax amin cumsum float double half bfloat16 to type "
    "type_as".split(),
)
SUMS = dict.fromkeys("add add_ __add__ __iadd__ __radd__".split(), 1) | dict.fromkeys(
    "sub sub_ subtract __sub__ __isub__".split(), -1
)
PRODUCTS = frozenset("mul mul_ multiply multiply_ __mul__ __imul__ __rmul__".split())
QUOTIENTS = frozenset("div div_ divide true_divide __truediv__ __itruediv__ __div__".split())
# Dimensions of the output after that of the channels.
AFFINE = {"linear": 0} | {f"conv{kind}{rank}d": rank for kind in ("", "_transpose") for rank in (1, 2, 3)}
# Forms of the input alone, which these operations keep for their own backward pass.
KEPT: dict[str, Callable[[Tensor], Tensor]] = {
    # -x^2 s (1 - s), s the logistic function
    "silu": lambda x: torch.ops.aten.sigmoid_backward(x.square().neg_(), torch.sigmoid(x)),
    # -x^2 phi(x), phi the normal density
    "gelu": lambda x: (y := x.square()).mul(-0.5).exp_().mul_(y).mul_(-1 / math.sqrt(2 * math.pi)),
    # -x^2 / 6 in the ramp, 0 elsewhere
    "hardswish": lambda x: x.square().mul_(-1 / 6).mul_(x.abs() < 3),
    "relu6": lambda x: _clipped(x, 0, 6),
    "hardtanh": lambda x: _clipped(x, -1, 1),
}

Found = list[Residual | None]
Later = Callable[[Tensor], Found]  # of the output


def in_place(name: str, args: tuple, kwargs: dict[str, Any]) -> bool:
    """Whether an operation may overwrite its first argument."""
    if (name[-1:] == "_" and name[-2:] != "__") or name[:3] == "__i" or name == "__setitem__":
        return True
    return kwargs.get("inplace") is True or any(value is True for value in args)


def without_residual(call: Call) -> bool:
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
    return name in HOMOGENEOUS


def rule(call: Call, overwrites: bool) -> Found | Later:
    """The residuals of one call, before an operation in place runs; or a function that finds them from its output."""
    name, args = call.name, call.args
    if name in SUMS and len(args) > 1:
        return [_constant_summand(call)]
    if name in PRODUCTS and len(args) > 1:
        return _kept(lambda a, b: -(a * b), args[:2], overwrites)  # a b - (a b + b a)
    if len(call.sources) == 1 and args and live(args[0]) and (known := _of_one_input(call, overwrites)) is not None:
        return known
    if name in MATRIX_PRODUCTS:
        return lambda out: [fixed(-out)]
    values = forms.by_forward_mode(call.func, args, call.kwargs)
    return [None if value is None or not value.any() else fixed(value) for value in values]


def _of_one_input(call: Call, overwrites: bool) -> Found | Later | None:
    name, x, argument = call.name, call.args[0], call.argument
    if (trailing := AFFINE.get(name)) is not None:
        return [None if (vector := argument(2, "bias")) is None else forms.bias(vector, trailing)]
    if call.func is functional.batch_norm:
        return [forms.batch_norm(call)]
    if name == "softmax" and isinstance(dim := argument(1, "dim"), int) and not call.kwargs.get("dtype"):
        return [fixed(forms.softmax(x.detach(), dim))]
    if name == "group_norm" or (name == "layer_norm" and len(argument(1, "normalized_shape")) == 1):
        groups = argument(1, "num_groups") if name == "group_norm" else 0
        affine = argument(2, "weight"), argument(3, "bias"), argument(4, "eps", 1e-5)
        return [held(forms.normalised(groups, *affine), x)]
    if (form := KEPT.get(name.rstrip("_"))) and argument(1, "approximate", "none") != "tanh":
        if name.startswith("hardtanh"):
            form = partial(_clipped, low=argument(1, "min_val", -1.0), high=argument(2, "max_val", 1.0))
        return _kept(form, call.args[:1], overwrites)
    return None


def _clipped(x: Tensor, low: float, high: float) -> Tensor:
    """The bound where the input, or the output, is at the bound or beyond; 0 between."""
    return x.clamp(low, high) - torch.ops.aten.hardtanh_backward(x, x, low, high)


def _constant_summand(call: Call) -> Residual:
    first, second = call.args[:2]
    if not live(first):
        return fixed(torch.as_tensor(first))
    dtype = None if isinstance(second, Tensor | complex) else first.dtype
    sign = SUMS[call.name] * call.kwargs.get("alpha", 1)
    return fixed(torch.as_tensor(second, dtype=dtype, device=first.device) * sign)


def _kept(form: Callable[..., Tensor], inputs: tuple, overwrites: bool) -> Found | Later:
    if not overwrites:
        return [held(form, *inputs)]
    # After an operation in place on a view, the node that saved the input is out of reach; under checkpointing it
    # saves nothing.
    saves = torch._C._autograd._top_saved_tensors_default_hooks(True) is None
    if not saves or inputs[0]._is_view() or len(inputs) > 1:
        return [fixed(form(*(value.detach() for value in inputs)))]

    def find(out: Tensor) -> Found:
        """From the input that autograd keeps for its own backward pass."""
        node = out.grad_fn
        name = "_saved_self" if hasattr(node, "_saved_self") else "_saved_result"
        return [Residual(form, lambda: (getattr(node, name).detach(),))]

    return find
