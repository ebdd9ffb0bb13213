"""Leaves a model as it was: flags and hooks are put back, also after an exception."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.utils.hooks import RemovableHandle


@contextlib.contextmanager
def quiet(model: nn.Module, path: list[nn.Module] | None = None) -> Iterator[None]:
    """Evaluation mode, parameters that ask for no gradient, and gradients on; all as before afterwards.

    Flags are written directly: `Module.train` may be overridden with side effects of its own.

    Args:
        model: what to run.
        path: a list whose last element is kept to be the module that is running.
    """
    training: list[nn.Module] = []
    asking: list[nn.Parameter] = []
    for module in model.modules():
        if module.training:
            training.append(module)
        asking.extend(
            parameter for parameter in module._parameters.values() if parameter is not None and parameter.requires_grad
        )
    hooks = [] if path is None else _follow_modules(path)
    try:
        for module in training:
            module.training = False
        for parameter in asking:
            parameter.requires_grad_(False)
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module in training:
            module.training = True
        for parameter in asking:
            parameter.requires_grad_(True)
        for hook in hooks:
            hook.remove()


def _follow_modules(path: list[nn.Module]) -> list[RemovableHandle]:
    # Two hooks for all modules at once. A forward hook that returned something would replace the output.
    def enter(module: nn.Module, inputs: object) -> None:
        path.append(module)

    def leave(module: nn.Module, inputs: object, output: object) -> None:
        path.pop()

    return [module_hooks.register_module_forward_pre_hook(enter), module_hooks.register_module_forward_hook(leave)]
