"""Leaves a model as it was: flags are put back, also after an exception."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


@contextlib.contextmanager
def quiet(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, parameters that ask for no gradient, and gradients on; all as before afterwards.

    Flags are written directly: `Module.train` may be overridden with side effects of its own.

    Args:
        model: what to run.
    """
    training, asking = [], []
    for module in model.modules():
        if module.training:
            training.append(module)
        asking.extend(parameter for parameter in module._parameters.values()
                      if parameter is not None and parameter.requires_grad)
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
