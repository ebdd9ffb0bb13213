"""Watches a forward pass: each operation leaves a hook that settles its term when backward brings its gradient."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from facebias.core.errors import FacebiasError
from facebias.saliency.fullgrad.follow import RECURRENT, Follower, is_view_of
from facebias.saliency.fullgrad.layout import Layout
from facebias.saliency.fullgrad.residuals import Residual, by_forward_mode, fixed, live, tensors
from facebias.saliency.fullgrad.rules import PLAIN, Found, Later, in_place, rule, without_residual
from facebias.saliency.targets import HeadTracer

_UNDERIVED = (RuntimeError, NotImplementedError)


class _Region(NamedTuple):
    """Which part of its base a view is."""

    base: Tensor  # without memory
    shape: torch.Size
    stride: tuple[int, ...]
    offset: int

    @classmethod
    def where(cls, view: Tensor, base: Tensor) -> _Region:
        """Of a view, and its base."""
        meta = torch.empty_strided(base.shape, base.stride(), device="meta")
        return cls(meta, view.shape, view.stride(), int(view.storage_offset() - base.storage_offset()))

    def of(self, gradient: Tensor) -> Tensor:
        """That part of the base's gradient."""
        if gradient.stride() != self.base.stride():
            gradient = torch.empty_like(self.base, dtype=gradient.dtype, device=gradient.device).copy_(gradient)
        return gradient.as_strided(self.shape, self.stride, gradient.storage_offset() + self.offset)


@dataclass(eq=False)
class Term:
    """One output of one operation: where it is in the network, and what it adds to the score.

    `whole` says that the residual is not spread over the output as it is drawn: only its sum has a meaning.
    """

    name: str
    residual: Residual | None
    layout: Layout
    settle: Callable[[Term, Tensor], None]
    expected: Residual | None = None  # in an audit: the residual by forward-mode differentiation
    region: _Region | None = None  # of its base, where the output is a view
    whole: bool = False

    def __call__(self, gradient: Tensor) -> None:
        """Called by autograd with df/dv, before autograd lets go of the tensors that the residual needs."""
        if self.residual is not None or self.expected is not None:
            gradient = gradient.detach()
            self.settle(self, gradient if self.region is None else self.region.of(gradient))
        self.release()

    def release(self) -> None:
        """Lets go of autograd's tensors: hook and graph would otherwise hold each other for ever."""
        self.residual = self.expected = None


class Tracer(HeadTracer):
    """Sees every call of a PyTorch function, functional, in place or reused, so that no model interface is needed.

    It acts in the thread that entered it alone, and leaves nothing on the model.

    Args:
        names: of the model's modules.
        images: (N, C, *spatial).
        settle: receives each term and its gradient during backward.
        audit: also differentiate every operation forward, to name one whose rule is wrong; slow.
    """

    asking = True

    def __init__(
        self,
        names: Mapping[nn.Module, str],
        images: Tensor,
        settle: Callable[[Term, Tensor], None],
        audit: bool = False,
    ) -> None:
        super().__init__()
        self.names, self.follower, self.settle, self.audit = names, Follower(images), settle, audit
        self.terms: dict[str, list[Term]] = {}

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Runs one operation and notes its residual, its layout and its logit."""
        name = getattr(func, "__name__", "")
        args, kwargs, sources = self.constants(name, args, kwargs or {})
        if not sources or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        if name in PLAIN and not self.audit and self.follower.at_home(sources):
            return func(*args, **kwargs)
        overwrites = in_place(name, args, kwargs)
        plan = _plan(name, func, args, kwargs, len(sources), True) if overwrites else None
        expected = _attempt(func, args, kwargs) if self.audit and overwrites else None
        out = func(*args, **kwargs)
        overwrites &= out is None or out is args[0]
        leaves = [out] if isinstance(out, Tensor) else [args[0]] if out is None else pytree.tree_leaves(out)
        outs = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.requires_grad]
        if not outs:
            return out
        self.follower.follow(name, func, args, kwargs, sources, outs)
        self.remember(name, func, args, kwargs, out)
        if not overwrites and not is_view_of(outs[0], sources[0]):
            plan = _plan(name, func, args, kwargs, len(sources), False)
            expected = _attempt(func, args, kwargs) if self.audit else None
        if isinstance(plan, Exception):
            if overwrites:
                raise self._underivable(name) from plan
            return self._by_balance(name, func, args, kwargs)
        if plan is not None or expected is not None:
            found = [plan(out)] if callable(plan) else plan
            for place, leaf in enumerate(leaves):
                if isinstance(leaf, Tensor) and leaf.requires_grad:
                    self._hook(name, leaf, found[place] if found else None, expected[place] if expected else None)
        return out

    def release(self) -> None:
        """Lets go of everything that a pass that was cut short left behind."""
        for terms in self.terms.values():
            for term in terms:
                term.release()
        self.heads.clear()

    def _by_balance(self, name: str, func: Callable, args: tuple, kwargs: dict) -> Any:
        """Runs an operation without a forward-mode derivative: <df/dv, v> less <df/du, u> is its term's sum as well."""
        aliases = []

        def alias(value: object) -> object:
            if not live(value):
                return value
            aliases.append(value.clone())
            self.follower.note(aliases[-1], self.follower.layout_of(value))
            return aliases[-1]

        args, kwargs = pytree.tree_map(alias, args), pytree.tree_map(alias, kwargs)
        out = func(*args, **kwargs)
        outs = [leaf for leaf in tensors(out) if leaf.requires_grad]
        self.follower.follow(name, func, args, kwargs, aliases, outs)
        label = self._unused(self._place(name))
        for value, sign in (*((leaf, 1) for leaf in outs), *((leaf, -1) for leaf in aliases)):
            self._hook(label, value, fixed(sign * value), None, whole=True)
        return out

    def _hook(
        self, name: str, leaf: Tensor, residual: Residual | None, expected: Residual | None, whole: bool = False
    ) -> None:
        if residual is expected is None:
            return
        label = name if whole else self._unused(self._place(name))
        # A view that is written over later is made anew by autograd, and a hook on it lost: its base keeps one.
        base = leaf._base
        region = None if base is None else _Region.where(leaf, base)
        term = Term(label, residual, self.follower.layout_of(leaf), self.settle, expected, region, whole)
        self.terms.setdefault(label, []).append(term)
        (leaf if base is None else base).register_hook(term)

    def _unused(self, label: str) -> str:
        count = 2
        while (unique := label if count == 2 and label not in self.terms else f"{label}#{count}") in self.terms:
            count += 1
        return unique

    def _place(self, name: str) -> str:
        """The innermost module of the model on the call stack, and the operation."""
        frame: FrameType | None = sys._getframe(1)
        module = ""
        while frame is not None:
            if frame.f_code.co_varnames[:1] == ("self",):
                owner = frame.f_locals.get("self")
                if isinstance(owner, nn.Module) and owner in self.names:
                    module = self.names[owner]
                    break
            frame = frame.f_back
        return f"{module}.{name.strip('_')}" if module else name.strip("_")

    def _underivable(self, name: str) -> FacebiasError:
        return FacebiasError(
            "SALIENCY_OPERATION",
            self._place(name),
            "it works in place, and has no forward-mode derivative in PyTorch",
            "Replace it by an operation that returns a new tensor",
        )


def _plan(
    name: str, func: Callable, args: tuple, kwargs: dict, sources: int, overwrites: bool
) -> Found | Later | Exception | None:
    if name in RECURRENT:
        return NotImplementedError(
            name
        )  # it has a forward-mode derivative in some precisions and on some devices alone
    try:
        return None if without_residual(name, args, kwargs) else rule(name, func, args, kwargs, sources, overwrites)
    except _UNDERIVED as error:
        return error


def _attempt(func: Callable, args: tuple, kwargs: dict[str, Any]) -> list[Residual | None] | None:
    try:
        return [None if value is None else fixed(value) for value in by_forward_mode(func, args, kwargs)]
    except (RuntimeError, NotImplementedError, TypeError, AttributeError):
        return None
