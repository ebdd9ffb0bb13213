"""The full-gradient decomposition of a batch, and the check that nothing is missing from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from facebias.core.errors import FacebiasError

# Largest error relative to |f|, by the precision of the forward pass.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 5e-2, torch.float16: 1e-2}
# A score near zero is a difference of large terms: rounding alone may reach this many units in the last place of the
# sum of their sizes, and this many in that of all their elements.
ROUNDING, ELEMENTS = 64, 1


class CompletenessError(FacebiasError):
    """Input term and bias terms do not add up to the score."""


@dataclass(frozen=True)
class Decomposition:
    """f(x) = <df/dx, x> + sum of bias terms, for each image of a batch (Srinivas and Fleuret 2019, eq. 3).

    Attributes:
        output: (N,) the explained score, a logit.
        input_gradient: (N, C, H, W) df/dx.
        input_term: (N,) <df/dx, x>, like all sums in the precision of the score (float32 or better).
        bias_terms: operation name -> (N,), in order of execution. Operations that add nothing are left out.
        spatial: names of the terms that are laid out over the image, tokens too, and the pixels that their cells are
            laid over; these alone are in the map.
        target: (N,) index of the explained output; None where a callable chose it.
        maps: operation name -> df/dv * r in full, (N, C, h, w) if spatial, otherwise in the operation's own layout;
            empty where it was not asked for.
        size: (N,) sum of the absolute values of the elements of all terms, which says how far rounding goes.
        precision: the lowest that the model calculated in.
        lost: names of terms whose places on the image are not known, and the operation that lost them.
    """

    output: Tensor
    input_gradient: Tensor
    input_term: Tensor
    bias_terms: Mapping[str, Tensor]
    spatial: Mapping[str, tuple[tuple[int, ...], ...]]
    target: Tensor | None
    maps: Mapping[str, Tensor]
    size: Tensor
    precision: torch.dtype
    lost: Mapping[str, str]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The decompositions of single images as one; what an image has no part in is zero for it."""
        whole: dict[str, Any] = {}
        for kind in (field.name for field in fields(cls)):
            own = [getattr(part, kind) for part in parts]
            named = {name: value for one in own for name, value in one.items()} if isinstance(own[0], Mapping) else {}
            if kind in ("bias_terms", "maps"):
                whole[kind] = {n: torch.cat([one.get(n, 0 * term) for one in own]) for n, term in named.items()}
            else:
                whole[kind] = named or (torch.cat(own) if isinstance(own[0], Tensor) else own[0])
        return cls(**whole)

    @property
    def spatial_maps(self) -> dict[str, Tensor]:
        """Those of `maps` that are in the map, in order of execution."""
        return {name: self.maps[name] for name in self.bias_terms if name in self.spatial}

    @property
    def total(self) -> Tensor:
        """(N,) the sum of all terms, float64 on the CPU."""
        return torch.from_numpy(self._terms.sum(0))

    @property
    def relative_error(self) -> Tensor:
        """(N,) |f - total| / |f|, float64 on the CPU; 0 where both are 0."""
        error, score = self._error, np.abs(_double(self.output))
        return torch.from_numpy(np.divide(error, score, out=np.where(error == 0, 0, np.inf), where=~(score == 0)))

    @property
    def non_spatial_share(self) -> Tensor:
        """(N,) what the map cannot show: |sum of the terms that are not spatial| / |f|, float64. May exceed 1."""
        unseen = [_double(term) for name, term in self.bias_terms.items() if name not in self.spatial]
        with np.errstate(divide="ignore", invalid="ignore"):
            return torch.from_numpy(np.abs(sum(unseen, np.zeros(len(self.output)))) / np.abs(_double(self.output)))

    def allowed_error(self, tolerance: float | None = None) -> np.ndarray:
        """(N,) the largest error that the check accepts; `tolerance` relative to |f|, None by the precision."""
        tolerance = TOLERANCE[self.precision] if tolerance is None else tolerance
        rounding = np.maximum(ROUNDING * np.abs(self._terms).sum(0), ELEMENTS * _double(self.size))
        return np.maximum(tolerance * np.abs(_double(self.output)), torch.finfo(self.precision).eps * rounding)

    def failing(self, tolerance: float | None = None) -> list[int]:
        """Indices of the images whose terms do not add up; not-a-number never does."""
        return np.flatnonzero(~(self._error <= self.allowed_error(tolerance))).tolist()

    @cached_property
    def _terms(self) -> np.ndarray:
        # In NumPy, since some devices have no float64.
        return _double(torch.stack([self.input_term, *self.bias_terms.values()]))

    @property
    def _error(self) -> np.ndarray:
        return np.abs(_double(self.output) - self._terms.sum(0))

    def check(self, tolerance: float | None = None, suspect: str = "") -> None:
        """Does nothing if every image's terms add up to its score.

        Args:
            tolerance: largest error relative to |f|; None takes 1e-5 in float32 and 1e-12 in float64.
            suspect: the operation to name, where a diagnosis has found it; otherwise the largest term is named.

        Raises:
            CompletenessError: they do not; names the worst image.
        """
        if not (failing := self.failing(tolerance)):
            return
        image = failing[int(self.relative_error[failing].nan_to_num(torch.inf).argmax())]
        if not suspect:
            largest = max(self.bias_terms, key=lambda name: abs(float(self.bias_terms[name][image])), default="input")
            suspect = f"{largest} (the largest term; no single rule is at fault)"
        raise CompletenessError(
            "COMPLETENESS",
            f"image {image}, operation {suspect}",
            f"the terms add up to {float(self.total[image]):.6g}, but the score is {float(self.output[image]):.6g} "
            f"(relative error {float(self.relative_error[image]):.1e}, {len(failing)} of {len(self.output)} images)",
            "An operation may be hidden from PyTorch's functions (a custom autograd.Function, or reentrant "
            "checkpointing): write it in plain PyTorch, or work in float64 if rounding is the cause",
        )

    def check_places(self) -> None:
        """Does nothing if the places of all terms on the image are known.

        Raises:
            FacebiasError: names a term, and the operation after which they are not.
        """
        if self.lost:
            name, by = next(iter(self.lost.items()))
            what = f"where its values lie on the image is unknown after {by} ({len(self.lost)} operations in all)"
            mend = "Move pixels before the model, or take check=False for a map without these operations"
            raise FacebiasError("SALIENCY_PLACE", name, what, mend)


def _double(values: Tensor) -> np.ndarray:
    values = values.detach() if values.dtype == torch.float64 else values.detach().float()
    return values.cpu().numpy().astype(np.float64)
