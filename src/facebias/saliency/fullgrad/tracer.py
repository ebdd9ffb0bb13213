"""Watches a forward pass: each operation leaves a hook that settles its term when backward brings its gradient."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from facebias.core.errors import FacebiasError
from facebias.saliency.fullgrad.follow import PLAIN, RECURRENT, Follower, is_view_of
from facebias.saliency.fullgrad.layout import Layout
from facebias.saliency.fullgrad.residuals import Call, Residual, by_forward_mode, fixed, live, tensors
from facebias.saliency.fullgrad.rules import Found, Later, in_place, rule, without_residual
from facebias.saliency.targets import HeadTracer


@dataclass(eq=False)
class Term:
    """What one output v of one operation adds to the score, given to `settle` with df/dv.

    `part` takes df/dv from the gradient that the hook is given. `whole` says that the residual is not spread over the
    output as it is drawn: only its sum has a meaning.
    """

    name: str
    residual: Residual | None
    layout: Layout
    settle: Callable[..., None]
    part: Callable[[Tensor], Tensor]
    whole: bool

    def __call__(self, gradient: Tensor) -> None:
        """Called by autograd with df/dv, before autograd lets go of the tensors that the residual needs."""
        if self.residual is not None:
            self.settle(self, self.part(gradient.detach()))
        self.release()

    def release(self) -> None:
        """Lets go of autograd's tensors: hook and graph would otherwise hold each other for ever."""
        self.residual = None


def _part(view: Tensor, base: Tensor) -> Callable[[Tensor], Tensor]:
    """Takes the gradient of a view from that of its base, whatever strides that has."""
    whole, own = (base.shape, base.stride()), (view.shape, view.stride())
    offset = int(view.storage_offset() - base.storage_offset())

    def part(gradient: Tensor) -> Tensor:
        """The view's share of the base's gradient."""
        if gradient.stride() != whole[1]:
            gradient = gradient.new_empty_strided(*whole).copy_(gradient)
        return gradient.as_strided(*own, gradient.storage_offset() + offset)

    return part


class Tracer(HeadTracer):
    """Sees every call of a PyTorch function, functional, in place or reused, so that no model interface is needed.

    It acts in the thread that entered it alone, and leaves nothing on the model.

    Args:
        names: of the model's modules.
        images: (N, C, *spatial).
        settle: receives each term and its gradient during backward.
        audit: in place of residuals, take by how much rules are off from forward-mode differentiation; slow.
    """

    def __init__(
        self, names: Mapping[nn.Module, str], images: Tensor, settle: Callable[..., None], audit: bool = False
    ) -> None:
        super().__init__(asking=True)
        self.names, self.follower, self.settle, self.audit = names, Follower(images), settle, audit
        self.terms: dict[str, list[Term]] = {}

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Runs one operation and notes its residual, its layout and its logit."""
        name = getattr(func, "__name__", "")
        call = Call(name, func, *self.constants(name, args, kwargs or {}))
        if not call.sources or not torch.is_grad_enabled():
            return call.run()
        if name in PLAIN and not self.audit and self.follower.at_home(call.sources):
            return call.run()
        overwrites = in_place(name, call.args, call.kwargs)
        plan = self._plan(call, True) if overwrites else None
        out = call.run()
        overwrites &= out is None or out is call.args[0]
        leaves = [out] if isinstance(out, Tensor) else [call.args[0]] if out is None else pytree.tree_leaves(out)
        outs = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.requires_grad]
        if not outs:
            return out
        self.follower.follow(call, outs)
        self.remember(name, func, call.args, call.kwargs, out)
        if not overwrites and not is_view_of(outs[0], call.sources[0]):
            plan = self._plan(call, False)
        if isinstance(plan, Exception):
            if overwrites:
                what = "it works in place, and has no forward-mode derivative in PyTorch"
                mend = "Replace it by an operation that returns a new tensor"
                raise FacebiasError("SALIENCY_OPERATION", self._place(name), what, mend) from plan
            return self._by_balance(call)
        for leaf, residual in zip(leaves, (plan(out) if callable(plan) else plan) or (), strict=False):
            if residual is not None and isinstance(leaf, Tensor) and leaf.requires_grad:
                self._hook(self._place(name), leaf, residual)
        return out

    def release(self) -> None:
        """Lets go of everything that a pass that was cut short left behind."""
        for term in (term for terms in self.terms.values() for term in terms):
            term.release()
        self.heads.clear()

    def _plan(self, call: Call, overwrites: bool) -> Found | Later | Exception | None:
        if call.name in RECURRENT:  # these can be differentiated forward in some precisions and on some devices alone
            return NotImplementedError(call.name)
        try:
            plan = None if without_residual(call) else rule(call, overwrites)
        except (RuntimeError, NotImplementedError) as error:
            return error
        return _faults(plan, call) if self.audit else plan

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

        args, kwargs = pytree.tree_map(alias, call.args), pytree.tree_map(alias, call.kwargs)
        call = call._replace(args=args, kwargs=kwargs, sources=aliases)
        try:
            out = call.run()
        except RuntimeError as error:
            what, mend = "it has no derivative that can be followed", "Leave it out of the forward pass"
            raise FacebiasError("SALIENCY_OPERATION", self._place(call.name), what, mend) from error
        outs = [leaf for leaf in tensors(out) if leaf.requires_grad]
        self.follower.follow(call, outs)
        label = self._place(call.name)
        for value, sign in (*((leaf, 1) for leaf in outs), *((leaf, -1) for leaf in aliases)):
            self._hook(label, value, fixed(sign * value), whole=True)
        return out

    def _hook(self, label: str, leaf: Tensor, residual: Residual, whole: bool = False) -> None:
        # A view that is written over later is made anew by autograd, and a hook on it lost: its base keeps one.
        base = leaf if leaf._base is None else leaf._base
        part = Tensor.detach if base is leaf else _part(leaf, base)
        term = Term(label, residual, self.follower.layout_of(leaf), self.settle, part, whole)
        base.register_hook(term)
        self.terms.setdefault(label, []).append(term)

    def _place(self, name: str) -> str:
        """The innermost module of the model on the call stack, and the operation; numbered where there are several."""
        label = name.strip("_")
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            owner = frame.f_locals.get("self") if frame.f_code.co_varnames[:1] == ("self",) else None
            if isinstance(owner, nn.Module) and self.names.get(owner):
                label = f"{self.names[owner]}.{label}"
                break
            frame = frame.f_back
        names = itertools.chain([label], (f"{label}#{count}" for count in itertools.count(2)))
        return next(name for name in names if name not in self.terms)


def _faults(plan: Found | Later | None, call: Call) -> Later | None:
    """By how much the rule of an operation is off, for each output, where it can be told."""
    try:
        expected = by_forward_mode(call.func, call.args, call.kwargs)
    except (RuntimeError, NotImplementedError, TypeError, AttributeError):
        return None

    def off(value: Tensor | None, residual: Residual | None) -> Residual | None:
        """What forward mode finds less what the rule finds, of one output."""
        return None if value is None else fixed(value if residual is None else value - residual.of(value.shape))

    return lambda out: list(map(off, expected, (plan(out) if callable(plan) else plan) or [None] * len(expected)))
