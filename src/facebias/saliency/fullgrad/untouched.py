"""Leaves a model as it was, and refuses models whose operations cannot be seen."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from facebias.core.errors import FacebiasError

_SCRIPTED = "is TorchScript, which hides its operations", "Give the Python module or function that it was made from"
_QUANTISED = "is quantised, and has no derivative", "Give the network as it was before it was quantised"
_LOCKS: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_LOCK = threading.Lock()


@contextlib.contextmanager
def quiet(model: Any) -> Iterator[dict[nn.Module, str]]:
    """Evaluation mode, gradients on, nothing compiled, one pass at a time on a model; all as before afterwards.

    Yields:
        The model's modules and their names; a plain function has none that we know of.

    Raises:
        FacebiasError: a module hides its operations, or has no derivative.
    """
    whole = isinstance(model, nn.Module)
    names = {module: name for name, module in model.named_modules()} if whole else {}
    for module in names or (model,):
        scripted = isinstance(module, torch.jit.ScriptModule | torch.jit.ScriptFunction)
        if scripted or ".quantized" in type(module).__module__:
            which = getattr(module, "original_name", type(module).__name__)
            raise FacebiasError("SALIENCY_MODEL", which, *(_SCRIPTED if scripted else _QUANTISED))
    with _LOCK:
        lock = _LOCKS.setdefault(model, threading.RLock()) if whole else contextlib.nullcontext()
    with lock, torch.inference_mode(False), torch.enable_grad(), _uncompiled():
        training = [module for module in names if module.training]
        try:
            for module in training:  # `Module.train` may be overridden with side effects of its own
                module.training = False
            yield names
        finally:
            for module in training:
                module.training = True


def _uncompiled() -> contextlib.AbstractContextManager[None]:
    # Compiled code hides its operations. PyTorch's public switch acts in all threads, this one in ours.
    dynamo = sys.modules.get("torch._dynamo.eval_frame")
    return dynamo._use_eager_on_nested_compile() if dynamo else contextlib.nullcontext()
