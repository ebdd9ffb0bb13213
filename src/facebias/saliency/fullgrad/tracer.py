"""Watches a forward pass: each operation leaves a hook that settles its term when backward brings its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from facebias.core.errors import FacebiasError
from facebias.saliency.fullgrad.layout import RESHAPES, USUAL, VIEWS, Layout, follow, layout_of
from facebias.saliency.fullgrad.residuals import Residual, by_forward_mode, first_live, fixed
from facebias.saliency.fullgrad.rules import PLAIN, Later, rule, without_residual
from facebias.saliency.targets import HeadTracer

_CHANNELS_LAST = frozenset(("linear", "layer_norm"))


@dataclass(eq=False)
class Term:
    """One output of one operation: where it is in the network, and what it adds to the score."""

    name: str
    residual: Residual | None
    layout: Layout
    settle: Callable[[Term, Tensor], None]
    expected: Residual | None = None  # in an audit: the residual by forward-mode differentiation

    def __call__(self, gradient: Tensor) -> None:
        """Called by autograd with df/dv, before autograd lets go of the tensors that the residual needs."""
        if self.residual is not None or self.expected is not None:
            self.settle(self, gradient.detach())
        self.release()

    def release(self) -> None:
        """Lets go of autograd's tensors: hook and graph would otherwise hold each other for ever."""
        self.residual = self.expected = None


class Tracer(HeadTracer):
    """Sees every call of a PyTorch function, functional, in place or reused, so that no model interface is needed.

    Args:
        model: gives the modules their names.
        images: N.
        settle: receives each term and its gradient during backward.
        audit: also differentiate every operation forward, to name one whose rule is wrong; slow.
    """

    def __init__(
        self, model: nn.Module, images: int, settle: Callable[[Term, Tensor], None], audit: bool = False
    ) -> None:
        super().__init__()
        self.images, self.settle, self.audit = images, settle, audit
        self.names = {module: name for name, module in model.named_modules()}
        self.path: list[nn.Module] = []
        self.terms: dict[str, Term] = {}

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Runs one operation and notes its residual, its layout and its logit."""
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        source = first_live(args, kwargs)
        if source is None or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        if name in PLAIN and not self.audit and layout_of(source) is USUAL:
            return func(*args, **kwargs)
        plain, before = without_residual(name, args, kwargs), source.shape
        plan = None if plain else self._plan(name, func, args, kwargs)
        expected = _attempt(func, args, kwargs) if self.audit else None
        first = args[0] if args and isinstance(args[0], Tensor) else None
        on_view = first is not None and first._is_view()
        out = func(*args, **kwargs)
        leaves = [out] if isinstance(out, Tensor) else [first] if out is None else pytree.tree_leaves(out)
        outs = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.requires_grad]
        if outs:
            self._follow(name, func, args, kwargs, source, before, outs)
            self.remember(name, func, args, kwargs, out)
            if isinstance(plan, Exception):
                raise self._underivable(name) from plan
            if plan is not None or expected is not None:
                found = [plan(out)] if callable(plan) else plan
                self._hook_all(name, leaves, found, expected, first if on_view else None)
        return out

    def release(self) -> None:
        """Lets go of everything that a pass that was cut short left behind."""
        for term in self.terms.values():
            term.release()
        self.heads.clear()

    def _plan(self, name: str, func: Callable, args: tuple, kwargs: dict) -> list[Residual | None] | Later | Exception:
        try:
            return rule(name, func, args, kwargs)
        except (RuntimeError, NotImplementedError) as error:
            return error  # of no consequence where the operation has no differentiable output

    def _follow(
        self,
        name: str,
        func: Callable,
        args: tuple,
        kwargs: dict,
        source: Tensor,
        before: torch.Size,
        outs: list[Tensor],
    ) -> None:
        if (
            name in VIEWS
            or name in RESHAPES
            or layout_of(source) is not USUAL
            or (name in _CHANNELS_LAST and len(before) > 2)
            or any(out.dim() != len(before) or out.shape[0] != before[0] for out in outs)
        ):
            follow(name, func, args, kwargs, source, before, outs, self.images)

    def _hook_all(
        self,
        name: str,
        leaves: list,
        found: list[Residual | None] | None,
        expected: list[Residual | None] | None,
        changed_view: Tensor | None,
    ) -> None:
        for place, leaf in enumerate(leaves):
            residual = found[place] if found else None
            wanted = expected[place] if expected else None
            if isinstance(leaf, Tensor) and leaf.requires_grad and not residual is wanted is None:
                self._hook(name, leaf, residual, wanted, leaf is changed_view)

    def _hook(
        self, name: str, leaf: Tensor, residual: Residual | None, expected: Residual | None, on_view: bool
    ) -> None:
        if on_view:
            # The gradient comes by way of the base: autograd writes the view anew after an operation in place.
            residual, expected = _in_base(residual, leaf), _in_base(expected, leaf)
            leaf = _base_of(leaf)
        label = self._place(name)
        count = 2
        while (unique := label if count == 2 and label not in self.terms else f"{label}#{count}") in self.terms:
            count += 1
        term = Term(unique, residual, layout_of(leaf), self.settle, expected)
        self.terms[unique] = term
        leaf.register_hook(term)

    def _place(self, name: str) -> str:
        module = self.names.get(self.path[-1], "") if self.path else ""
        return f"{module}.{name.strip('_')}" if module else name.strip("_")

    def _underivable(self, name: str) -> FacebiasError:
        return FacebiasError(
            "SALIENCY_OPERATION",
            self._place(name),
            "it has no forward-mode derivative in PyTorch",
            "Replace it by operations that have one, or add its residual to saliency/rules.py",
        )


def _attempt(func: Callable, args: tuple, kwargs: dict[str, Any]) -> list[Residual | None] | None:
    try:
        return [None if value is None else fixed(value) for value in by_forward_mode(func, args, kwargs)]
    except (RuntimeError, NotImplementedError, TypeError, AttributeError):
        return None


def _base_of(view: Tensor) -> Tensor:
    base = view._base
    assert base is not None  # to torch any tensor may be a view, or none
    return base


def _in_base(residual: Residual | None, view: Tensor) -> Residual | None:
    if residual is None:
        return None
    base = _base_of(view)
    whole = torch.empty_strided(base.shape, base.stride(), dtype=base.dtype, device=base.device).zero_()
    offset = view.storage_offset() - base.storage_offset()
    whole.as_strided(view.shape, view.stride(), offset).copy_(residual.full(view).detach())
    return fixed(whole)
