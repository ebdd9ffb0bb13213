"""Which rule belongs to which operation, by the operation's name; what is not named here is differentiated forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from facebias.saliency.fullgrad import residuals as forms
from facebias.saliency.fullgrad.layout import RESHAPES, VIEWS
from facebias.saliency.fullgrad.residuals import (
    Channel,
    Pointwise,
    Residual,
    argument,
    first_live,
    fixed,
    live,
    tensors,
)

# phi(t u) = t phi(u) for t > 0: no residual. Also calls that only ask for a property.
HOMOGENEOUS = (
    RESHAPES
    | VIEWS
    | frozenset(
        """
    relu relu_ leaky_relu leaky_relu_ prelu rrelu threshold_relu abs abs_ neg neg_ max_pool1d max_pool2d
    max_pool3d _max_pool1d _max_pool2d _max_pool3d max_pool1d_with_indices max_pool2d_with_indices
    max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
    _adaptive_max_pool1d _adaptive_max_pool2d _adaptive_max_pool3d fractional_max_pool2d interpolate upsample
    pixel_shuffle pixel_unshuffle channel_shuffle contiguous clone dropout dropout_ dropout1d dropout2d dropout3d
    feature_dropout mean sum amax amin norm cumsum flip roll rot90 repeat repeat_interleave tile gather
    index_select take_along_dim diagonal tril triu fold unfold im2col col2im float double half bfloat16 to type
    type_as cpu cuda dim size numel stride is_contiguous data_ptr __len__ is_floating_point is_complex get_device
    ndimension storage_offset element_size nelement requires_grad_ retain_grad register_hook detach item tolist
    numpy __bool__ __float__ __int__ __format__ __repr__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ eq ne lt le gt
    ge isnan isinf isfinite argmax argmin argsort new_zeros new_ones new_empty new_full new_tensor zeros_like
    ones_like empty_like full_like rand_like randn_like is_same_size is_inference _is_view untyped_storage
""".split()
    )
)
# The same, as long as no argument is a constant tensor.
# Of these, what keeps the rank, and so the places of images and channels.
PLAIN = frozenset(
    "relu relu_ leaky_relu leaky_relu_ max_pool2d _max_pool2d avg_pool2d adaptive_avg_pool2d dropout "
    "dropout_ dim size numel __len__ is_floating_point".split()
)
CONCATENATIONS = frozenset(
    """
    cat concat concatenate stack hstack vstack dstack column_stack
""".split()
)
JOINS = CONCATENATIONS | frozenset(
    """
    max min maximum minimum where masked_fill masked_fill_ __setitem__ copy_ index_copy index_put index_put_
    scatter scatter_add index_add masked_scatter
""".split()
)
SUMS = {
    "add": 1,
    "add_": 1,
    "__add__": 1,
    "__iadd__": 1,
    "__radd__": 1,
    "sub": -1,
    "sub_": -1,
    "subtract": -1,
    "__sub__": -1,
    "__isub__": -1,
}
PRODUCTS = frozenset(["mul", "mul_", "multiply", "multiply_", "__mul__", "__imul__", "__rmul__"])
QUOTIENTS = frozenset(["div", "div_", "divide", "true_divide", "__truediv__", "__itruediv__", "__div__"])
MATRIX_PRODUCTS = frozenset(["matmul", "bmm", "mm", "__matmul__"])
CONVOLUTIONS = frozenset(
    """
    linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution
""".split()
)
AFFINE = JOINS - {"max", "min", "maximum", "minimum"} | {"pad", "rsub", "__rsub__"}
# Forms of the input alone. Those in LAZY read it from autograd's own saved tensors when the gradient arrives.
SMALL: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": forms.sigmoid,
    "sigmoid_": forms.sigmoid,
    "expit": forms.sigmoid,
    "tanh": forms.tanh,
    "tanh_": forms.tanh,
    "hardsigmoid": forms.hardsigmoid,
    "hardsigmoid_": forms.hardsigmoid,
}
LAZY: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": forms.silu,
    "silu_": forms.silu,
    "gelu": forms.gelu,
    "hardswish": forms.hardswish,
    "hardswish_": forms.hardswish,
    "relu6": forms.clipped(0, 6),
    "relu6_": forms.clipped(0, 6),
    "hardtanh": forms.clipped(-1, 1),
    "hardtanh_": forms.clipped(-1, 1),
}

Later = Callable[[Tensor], Residual | None]


def without_residual(name: str, args: tuple, kwargs: dict[str, Any]) -> bool:
    """Whether an operation is homogeneous of degree one in its live arguments."""
    if name in HOMOGENEOUS:
        return True
    if name in JOINS:
        others = [value for value in tensors((args, kwargs)) if value.is_floating_point()]
        numbers = any(isinstance(value, int | float) and not isinstance(value, bool) for value in args[1:])
        return all(map(live, others)) and (name in CONCATENATIONS or not numbers)
    if name in SUMS and len(args) > 1:
        return live(args[0]) and live(args[1])
    if name in PRODUCTS and len(args) > 1:
        return not (live(args[0]) and live(args[1]))
    if name in QUOTIENTS and len(args) > 1:
        return not live(args[1]) and not kwargs.get("rounding_mode")
    if name in MATRIX_PRODUCTS:
        return not (live(args[0]) and live(args[1]))
    if name == "pad":
        return argument(args, kwargs, 2, "mode", "constant") != "constant" or not argument(args, kwargs, 3, "value")
    return False


def rule(name: str, func: Callable, args: tuple, kwargs: dict[str, Any]) -> list[Residual | None] | Later:
    """The residuals of one call, before it happens, or a function that finds the one residual from its output."""
    if name in SUMS and len(args) > 1:
        return [_constant_summand(name, args, kwargs)]
    if name in PRODUCTS:
        return _later(forms.gate, args, "_saved_self", "_saved_other")
    if name in AFFINE:
        return _fixed(forms.at_zero(func, args, kwargs))
    if args and live(args[0]) and first_live(args[1:], kwargs) is None:
        known = _of_one_input(name, args, kwargs)
        if known is not None:
            return known
    if name in MATRIX_PRODUCTS:
        return lambda out: fixed(-out)
    return _fixed(forms.by_forward_mode(func, args, kwargs))


def _of_one_input(name: str, args: tuple, kwargs: dict[str, Any]) -> list[Residual | None] | Later | None:
    x = args[0]
    if name in CONVOLUTIONS:
        bias = argument(args, kwargs, 2, "bias")
        return [None if bias is None else Channel(bias.detach(), x.dim() - 1 if name == "linear" else 1)]
    if name == "batch_norm":
        return [forms.batch_norm(args, kwargs)]
    if name in SMALL:
        return [fixed(SMALL[name](x.detach()))]
    if name == "softmax" and isinstance(dim := argument(args, kwargs, 1, "dim"), int):
        return None if kwargs.get("dtype") else [fixed(forms.softmax(x.detach(), dim))]
    if name in ("layer_norm", "group_norm"):
        return _norm(args, kwargs, argument(args, kwargs, 4, "eps", 1e-5))
    if name in LAZY:
        form = LAZY[name]
        if name == "gelu" and argument(args, kwargs, 1, "approximate", "none") == "tanh":
            form = forms.gelu_tanh
        if name.startswith("hardtanh"):
            form = forms.clipped(argument(args, kwargs, 1, "min_val", -1.0), argument(args, kwargs, 2, "max_val", 1.0))
        return _later(form, args, "_saved_self")
    return None


def _fixed(values: list[Tensor | None]) -> list[Residual | None]:
    return [None if value is None or not value.any() else fixed(value) for value in values]


def _constant_summand(name: str, args: tuple, kwargs: dict[str, Any]) -> Pointwise:
    first, second = args[:2]
    if not live(first):
        return fixed(torch.as_tensor(first))
    sign = SUMS[name] * kwargs.get("alpha", 1)
    return fixed(
        torch.as_tensor(second, dtype=None if isinstance(second, Tensor) else first.dtype, device=first.device) * sign
    )


def _later(form: Callable[..., Tensor], args: tuple, *names: str) -> list[Residual | None] | Later:
    # After an operation in place on a view, the node that saved the input is out of reach.
    inputs = args[: len(names)]
    if any(value._is_view() for value in inputs):
        return [fixed(form(*(value.detach() for value in inputs)))]

    def find(out: Tensor) -> Residual:
        """The residual, from what the node has saved."""
        node = out.grad_fn
        if form is forms.gate and not all(hasattr(node, name) for name in names):
            return fixed(-out)
        # ReLU6 in place keeps its output, which says as well where it is saturated.
        found = [name if hasattr(node, name) else "_saved_result" for name in names]
        return Pointwise(form, lambda: tuple(getattr(node, name).detach() for name in found))

    return find


def _norm(args: tuple, kwargs: dict[str, Any], eps: float) -> Later:
    weight, bias = argument(args, kwargs, 2, "weight"), argument(args, kwargs, 3, "bias")
    groups = args[1] if isinstance(args[1], int) else None
    form = forms.normalised(eps)

    def find(out: Tensor) -> Residual:
        """The residual, from what the node has saved."""
        node = out.grad_fn

        def operands() -> tuple[Tensor, ...]:
            """Input, mean and deviation, as shapes that multiply, and the affine part."""
            x, mean, rstd = (getattr(node, f"_saved_{name}").detach() for name in ("input", "result1", "result2"))
            affine = (
                ()
                if weight is None and bias is None
                else (
                    torch.ones_like(bias) if weight is None else weight.detach(),
                    torch.zeros_like(weight) if bias is None else bias.detach(),
                )
            )
            if groups is None:
                return x, mean, rstd, *affine
            ones = [1] * (x.dim() - 2)
            mean, rstd = (
                value.reshape(len(x), groups, 1).expand(-1, -1, x.shape[1] // groups).reshape(len(x), -1, *ones)
                for value in (mean, rstd)
            )
            return x, mean, rstd, *(value.view(-1, *ones) for value in affine)

        return Pointwise(form, operands)

    return find
