"""Watches a forward pass: each operation leaves a hook that settles its term when backward brings its gradient. Models
whose operations cannot be seen are refused, and all others left as they were."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from facebias.core.errors import FacebiasError
from facebias.saliency.fullgrad.follow import Follower, is_view_of
from facebias.saliency.fullgrad.layout import Layout
from facebias.saliency.fullgrad.residuals import PLAIN, Call, Residual, fixed, in_place, live, rule, tensors
from facebias.saliency.targets import HeadTracer

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
    # Compiled code hides its operations. PyTorch's public switch acts in all threads, this one in ours.
    dynamo = sys.modules.get("torch._dynamo.eval_frame")
    eager = dynamo._use_eager_on_nested_compile() if dynamo else contextlib.nullcontext()
    with lock, torch.inference_mode(False), torch.enable_grad(), eager:
        training = [module for module in names if module.training]
        try:
            for module in training:  # `Module.train` may be overridden with side effects of its own
                module.training = False
            yield names
        finally:
            for module in training:
                module.training = True


@dataclass(eq=False)
class Term:
    """What one output v of one operation adds to the score, given to `settle` with df/dv, which is `part` of what the
    hook is given."""

    name: str
    residual: Residual | None
    layout: Layout
    settle: Callable
    part: Callable[[Tensor], Tensor]

    def __call__(self, gradient: Tensor) -> None:
        """Called by autograd with df/dv, before autograd lets go of the tensors that the residual needs."""
        gradient = self.part(gradient.detach())
        if self.residual is not None and gradient.numel():
            self.settle(self, self.residual, gradient)
        self.residual = None  # hook and graph would otherwise hold each other for ever


def _part(view: tuple[Any, Any, int], base: tuple[Any, Any, int], gradient: Tensor) -> Tensor:
    """The gradient of a view in that of its base, whatever strides that has; each told by shape, strides and offset."""
    if gradient.stride() != base[1]:
        gradient = gradient.new_empty_strided(*base[:2]).copy_(gradient)
    return gradient.as_strided(*view[:2], gradient.storage_offset() + view[2] - base[2])


class Tracer(HeadTracer):
    """Sees every call of a PyTorch function, functional, in place or reused, so that no model interface is needed.

    It acts in the thread that entered it alone, and leaves nothing on the model.

    Args:
        names: of the model's modules.
        images: (N, C, *spatial).
        settle: receives each term and its gradient during backward.
        audit: take residuals from forward-mode differentiation, not from rules; slow.
    """

    def __init__(self, names: dict[nn.Module, str], images: Tensor, settle: Callable, audit: bool = False) -> None:
        super().__init__(asking=True)
        self.names, self.follower, self.settle, self.audit = names, Follower(images), settle, audit
        self.terms: dict[str, list[Term]] = {}

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Runs one operation and notes its residual, its layout and its logit."""
        name = getattr(func, "__name__", "")
        kwargs = dict(kwargs or {})
        if not args:  # what is told of an operation below goes by the place of its first argument
            args = tuple(kwargs.pop(word) for word in ("input", "tensors") if word in kwargs)
        call = Call(name.strip("_"), func, *self.constants(name, args, kwargs))
        plain = call.name in PLAIN and not self.audit and self.follower.at_home(call.sources)
        if plain or not call.sources or not torch.is_grad_enabled():
            return func(*call.args, **call.kwargs)
        overwrites = in_place(call)
        plan = self._plan(call, True) if overwrites else []
        out = func(*call.args, **call.kwargs)
        overwrites = overwrites and (out is None or out is call.args[0])
        leaves = tensors(call.args[0] if out is None else out)
        if not (outs := [leaf for leaf in leaves if leaf.requires_grad]):
            return out
        self.follower.follow(call, outs)
        self.remember(name, func, call.args, call.kwargs, out)
        if not overwrites and not is_view_of(outs[0], call.sources[0]):
            plan = self._plan(call, False)
        if isinstance(plan, Exception):
            if overwrites:
                what = "it works in place, and has no forward-mode derivative in PyTorch"
                mend = "Replace it by an operation that returns a new tensor"
                raise FacebiasError("SALIENCY_OPERATION", self._place(call.name), what, mend) from plan
            return self._by_balance(call)
        for leaf, residual in zip(leaves, plan(out) if callable(plan) else plan, strict=False):
            if residual is not None and leaf.requires_grad:
                self._hook(self._place(call.name), leaf, residual, self.follower.layout_of(leaf))
        return out

    def release(self) -> None:
        """Lets go of everything that a pass that was cut short left behind."""
        for term in itertools.chain.from_iterable(self.terms.values()):
            term.residual = None
        self.heads.clear()

    def _plan(self, call: Call, overwrites: bool) -> Any:
        """What the rule says, or why it says nothing."""
        try:
            return rule(call, overwrites, self.audit)
        except RuntimeError as error:
            return error

    def _by_balance(self, call: Call) -> Any:
        """Runs an operation without a forward-mode derivative: <df/dv, v> less <df/du, u> is its term's sum as well."""
        aliases: list[Tensor] = []

        def alias(value: object) -> object:
            """A copy whose gradient comes from this operation alone."""
            if not live(value):
                return value
            aliases.append(value.clone())
            self.follower.note(aliases[-1], self.follower.layout_of(value))
            return aliases[-1]

        args, kwargs = pytree.tree_map(alias, (call.args, call.kwargs))
        call = call._replace(args=args, kwargs=kwargs, sources=aliases)
        try:
            out = call.func(*args, **kwargs)
        except RuntimeError as error:
            what, mend = "it has no derivative that can be followed", "Leave it out of the forward pass"
            raise FacebiasError("SALIENCY_OPERATION", self._place(call.name), what, mend) from error
        outs, label = [leaf for leaf in tensors(out) if leaf.requires_grad], self._place(call.name)
        self.follower.follow(call, outs)
        for sign, values in ((1, outs), (-1, aliases)):
            for value in values:
                images = Layout(self.follower.layout_of(value).fields[:1])  # where places have no meaning
                self._hook(label, value, fixed(sign * value), images)
        return out

    def _hook(self, label: str, leaf: Tensor, residual: Residual, layout: Layout) -> None:
        # A view that is written over later is made anew by autograd, and a hook on it lost: its base keeps one.
        base = leaf if leaf._base is None else leaf._base
        sizes: Iterator[Any] = ((t.shape, t.stride(), t.storage_offset()) for t in (leaf, base))
        part = Tensor.detach if base is leaf else partial(_part, *sizes)
        term = Term(label, residual, layout, self.settle, part)
        base.register_hook(term)
        self.terms.setdefault(label, []).append(term)

    def _place(self, label: str) -> str:
        """The innermost module of the model on the call stack, and the operation; numbered where there are several."""
        for frame, _ in traceback.walk_stack(sys._getframe(1)):
            owner = frame.f_locals.get("self") if frame.f_code.co_varnames[:1] == ("self",) else None
            if isinstance(owner, nn.Module) and self.names.get(owner):
                label = f"{self.names[owner]}.{label}"
                break
        names = itertools.chain([label], (f"{label}#{count}" for count in itertools.count(2)))
        return next(name for name in names if name not in self.terms)
