"""Functional activations as modules, for methods of captum that hook modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class _Unrolled(TorchFunctionMode):
    """Gives every call of an activation a module of its own, functional, in place or reused, for captum to hook.

    captum looks for modules: a functional ReLU would be input gradient under the name of guided backpropagation.
    """

    def __init__(self, calls: list[nn.Module], made: bool) -> None:
        super().__init__()
        self.calls, self.made, self.place = calls, made, 0

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Makes the module on the first pass, and calls it on later ones."""
        kwargs, name = kwargs or {}, getattr(func, "__name__", "").rstrip("_").removeprefix("_")
        if name in ("clamp", "clip", "clamp_min", "maximum"):  # a ReLU by another name, or none
            args, kwargs, name = _rectified(name, args, kwargs)
        if name not in _ACTIVATIONS:
            return func(*args, **kwargs)
        if not self.made:
            self.calls.append(_ACTIVATIONS[name](*args[1:], **kwargs))
        self.place += 1
        return self.calls[self.place - 1](args[0])


def _rectified(name: str, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any], str]:
    """The call as one of ReLU where it is that."""
    low = args[1] if len(args) > 1 else kwargs.get("other", kwargs.get("min"))
    high = args[2] if len(args) > 2 else kwargs.get("max")
    constant = not isinstance(low, Tensor) or not (low.requires_grad or low.any())
    if low is None or high is not None or not constant or (not isinstance(low, Tensor) and low != 0):
        return args, kwargs, name
    return args[:1], {}, "relu"


# What captum has rules for: a module with the settings of the function's call.
_ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {
    "relu": lambda inplace=False: nn.ReLU(),
    "leaky_relu": lambda negative_slope=0.01, inplace=False: nn.LeakyReLU(negative_slope),
    "elu": lambda alpha=1.0, inplace=False: nn.ELU(alpha),
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "max_pool2d": lambda kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False: (
        nn.MaxPool2d(kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)
    ),
}


class ByCall(nn.Module):
    """A model whose activations are modules of its own; its other modules are out of captum's sight.

    Args:
        model: takes images, and calls the same activations in the same order on every pass.
        images: (N, C, *spatial); the first one shows which activations there are.
    """

    def __init__(self, model: nn.Module, images: Tensor) -> None:
        super().__init__()
        calls: list[nn.Module] = []
        self.hidden = [model]
        with torch.no_grad(), _Unrolled(calls, made=False):
            model(images[:1])
        self.calls = nn.ModuleList(calls)

    def forward(self, images: Tensor) -> Tensor:
        """As the model's."""
        with _Unrolled(list(self.calls), made=True):
            return self.hidden[0](images)
