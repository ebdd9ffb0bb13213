"""The score that is explained: the logit under a sigmoid or softmax head, of the target of each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from facebias.core.errors import FacebiasError
from facebias.saliency.fullgrad.residuals import tensors

Output = int | Sequence[int] | Tensor | None  # of which output: the highest where None, one for all, or one an image
Target = Output | Callable[[Any], Tensor]
_HEADS = frozenset(["sigmoid", "expit", "logsigmoid", "softmax", "log_softmax"])
_MOVES = frozenset(
    """
    reshape view flatten unflatten squeeze unsqueeze view_as reshape_as ravel permute transpose swapaxes movedim t
    __getitem__ select narrow chunk split unbind expand __get__ contiguous clone float double to gather index_select
""".split()
)


class HeadTracer(TorchFunctionMode):
    """Remembers what went into each sigmoid or softmax of the size of an output; acts in the calling thread alone.

    A model that answers with probabilities saturates: the gradient of p vanishes where p is near 0 or 1, so that the
    map would show nothing for the images that the model is surest of.
    """

    def __init__(self, asking: bool = False) -> None:
        super().__init__()
        self.asking = asking  # whether leaves that ask for a gradient are taken for constants
        self.heads: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Runs the operation and remembers its input if it is a head."""
        name = getattr(func, "__name__", "")
        args, kwargs, _ = self.constants(name, args, kwargs or {})
        out = func(*args, **kwargs)
        self.remember(name, func, args, kwargs, out)
        return out

    def constants(self, name: str, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any], list[Tensor]]:
        """Arguments with the model's own tensors as constants, and those that depend on the images.

        Weights made in inference mode cannot take part in a backward pass, so copies do.
        """
        sources: list[Tensor] = []
        change = torch.is_grad_enabled() and name != "__set__"

        def own(value: Any) -> Any:
            """Whatever holds tensors, with constants in it; PyTorch's own walk takes longer than a small operation."""
            if isinstance(value, Tensor):
                if value.requires_grad and not value.is_leaf:
                    sources.append(value)
                elif change and value.is_inference():
                    return value.detach().clone()
                elif change and self.asking and value.requires_grad:
                    return value.detach()
            elif type(value) in (tuple, list):
                return type(value)(map(own, value))
            elif isinstance(value, tuple | dict) and tensors(value):
                return pytree.tree_map_only(Tensor, own, value)
            return value

        return tuple(map(own, args)), {key: own(value) for key, value in kwargs.items()}, sources

    def remember(self, name: str, func: Callable, args: tuple, kwargs: dict[str, Any], out: object) -> None:
        """Notes a head, or a head's output that was only reshaped or indexed."""
        if not args or not isinstance(out, Tensor) or not isinstance(args[0], Tensor):
            return
        if name == "batch_norm" and out.requires_grad and args[0].is_contiguous():
            out.register_hook(Tensor.contiguous)  # PyTorch's own fault, see docs/saliency.md
        if name in _HEADS and out is not args[0] and out.numel() <= out.shape[:2].numel():
            self.heads[id(out)] = (out, args[0])
        elif self.heads and name in _MOVES and id(args[0]) in self.heads:
            self.heads[id(out)] = (out, func(self.heads[id(args[0])][1], *args[1:], **kwargs))

    def logit(self, out: Any) -> Any:
        """The logit of an output, or the output itself where it comes from no head."""
        return self.heads[id(out)][1] if id(out) in self.heads else out


def refuse_images(images: object, dimensions: int = 1, finite: bool = False) -> None:
    """Does nothing with a batch of images that can be explained.

    Args:
        images: to be a tensor (N, C, *spatial), floating point.
        dimensions: how many it must have.
        finite: whether to look at every value.

    Raises:
        FacebiasError: what is wrong with them.
    """
    mend = "Give images (N, C, H, W), floating point as the model expects them"
    if not isinstance(images, Tensor):
        what = f"found a {type(images).__name__}, expected a tensor"
    elif not images.is_floating_point():
        what = f"found {images.dtype}, expected floating point"
        mend = "Convert them as the model expects, for example with facebias.detectors.inference.as_input"
    elif not images.numel():
        what = f"found shape {tuple(images.shape)}: there are none"
    elif images.dim() < dimensions:
        what = f"found shape {tuple(images.shape)}, which has no spatial dimension to draw a map on"
    elif finite and not images.isfinite().all():
        what, mend = "found infinite values or not-a-number", "Look at them"
    else:
        return
    raise FacebiasError("SALIENCY_IMAGES", "images", what, mend)


def scored(score: Any, tracer: HeadTracer | None) -> Tensor:
    """Score (N,) of each image, of what a callable target made of the model's answer: (N,) or (N, 1).

    Raises:
        FacebiasError: it made something else of it.
    """
    score = tracer.logit(score) if tracer else score
    if not isinstance(score, Tensor) or score.dim() == 0 or score.numel() != len(score):
        raise _misfit(
            f"a callable target has to return a tensor (N,), found {_describe(score)}", "Return one score an image"
        )
    return score.reshape(-1)


def select(out: Any, target: Output, tracer: HeadTracer | None) -> tuple[Tensor, Tensor]:
    """Score (N,) of each image, and index (N,) of the output that it is.

    Args:
        out: what the model answered, a tensor (N,), (N, 1) or (N, K).
        target: None takes the highest output of each image, or the only one; an int, or one int an image in a list or
            tensor, names the output.
        tracer: knows the logits; None explains the output as it is.

    Raises:
        FacebiasError: the target does not fit the output.
    """
    if not isinstance(out, Tensor):
        raise _misfit(
            f"the model returns {_describe(out)}, expected a tensor (N,), (N, 1) or (N, K)",
            "Give a callable target that takes it and returns one score an image",
        )
    out = tracer.logit(out) if tracer else out
    if out.is_complex():
        raise _misfit("the model returns complex numbers, expected scores", "Give a callable target that takes it")
    out = out[:, None] if out.dim() == 1 else out
    if out.dim() == 0 or out.numel() != out.shape[0] * out.shape[1]:
        raise _misfit(
            f"the model returns {_describe(out)}, expected (N,), (N, 1) or (N, K)",
            "Give a callable target that returns one score an image",
        )
    out = out.flatten(1)
    if target is None and out.shape[1] == 1:
        return out[:, 0], out.new_zeros(len(out), dtype=torch.long)
    index = indices(out, target)
    return out.gather(1, index[:, None])[:, 0], index


def indices(out: Tensor, target: Output) -> Tensor:
    """Index (N,) of the explained output of each image, for outputs (N, K)."""
    if target is None:
        return out.detach().argmax(1)
    index = torch.as_tensor(target, device=out.device).reshape(-1)
    if index.is_floating_point() or index.dtype == torch.bool or index.numel() not in (1, len(out)):
        raise _misfit(
            f"found {index.numel()} values of {index.dtype} for {len(out)} images", "Give one int, or one int an image"
        )
    if index.numel() and (index.min() < -out.shape[1] or index.max() >= out.shape[1]):
        raise _misfit(
            f"found {index.min().item()} to {index.max().item()}, but the model has {out.shape[1]} output(s)",
            "Give an index of an output; None for a model with a single one",
        )
    return (index % out.shape[1]).expand(len(out))


def _misfit(what: str, mend: str) -> FacebiasError:
    return FacebiasError("SALIENCY_TARGET", "target", what, mend)


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    if isinstance(value, dict):
        return f"a dict with {', '.join(map(repr, value))}"
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, tuple | list) else "")
