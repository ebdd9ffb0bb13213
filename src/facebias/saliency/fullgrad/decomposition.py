"""The full-gradient decomposition of a batch, and the check that nothing is missing from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from facebias.core.errors import FacebiasError

# Largest error relative to |f|, by the precision of the forward pass.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 5e-2, torch.float16: 1e-2}
# A score near zero is a difference of large terms: rounding alone may reach this many units in their last place.
ROUNDING = 64


class CompletenessError(FacebiasError):
    """Input term and bias terms do not add up to the score."""


@dataclass(frozen=True)
class Decomposition:
    """f(x) = <df/dx, x> + sum of bias terms, for each image of a batch (Srinivas and Fleuret 2019, eq. 3).

    Attributes:
        output: (N,) the explained score, a logit.
        input_gradient: (N, C, H, W) df/dx.
        input_term: (N,) float64, <df/dx, x>.
        bias_terms: operation name -> (N,) float64, in order of execution. Operations that add nothing are left out.
        spatial: names of the terms laid out like the images; these alone are in the map.
        target: (N,) index of the explained output; None where a callable chose it.
        maps: operation name -> df/dv * r in full, (N, C, h, w) if spatial, otherwise in the operation's own layout;
            empty where it was not asked for.
    """

    output: Tensor
    input_gradient: Tensor
    input_term: Tensor
    bias_terms: Mapping[str, Tensor]
    spatial: frozenset[str] = frozenset()
    target: Tensor | None = None
    maps: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def spatial_maps(self) -> dict[str, Tensor]:
        """Those of `maps` that are in the map, in order of execution: a set's own order differs between processes."""
        return {name: self.maps[name] for name in self.bias_terms if name in self.spatial}

    @property
    def total(self) -> Tensor:
        """(N,) float64, the sum of all terms."""
        return self._terms().sum(0)

    @property
    def relative_error(self) -> Tensor:
        """(N,) |f - total| / |f|, float64."""
        return (self.output.double() - self.total).abs() / self.output.double().abs()

    @property
    def non_spatial_share(self) -> Tensor:
        """(N,) what the map cannot show: |sum of the terms that are not spatial| / |f|. May exceed 1."""
        unseen = [term for name, term in self.bias_terms.items() if name not in self.spatial]
        return sum(unseen, torch.zeros_like(self.input_term)).abs() / self.output.double().abs()

    def allowed_error(self, tolerance: float | None = None) -> Tensor:
        """(N,) the largest error that the check accepts; `tolerance` relative to |f|, None by the precision."""
        return self._allowed(tolerance, self._terms())

    def _allowed(self, tolerance: float | None, terms: Tensor) -> Tensor:
        precision = self.output.dtype
        tolerance = TOLERANCE[precision] if tolerance is None else tolerance
        size = terms.abs().sum(0)
        return torch.maximum(tolerance * self.output.double().abs(), ROUNDING * torch.finfo(precision).eps * size)

    def failing(self, tolerance: float | None = None) -> Tensor:
        """Indices of the images whose terms do not add up; not-a-number never does."""
        terms = self._terms()
        error = (self.output.double() - terms.sum(0)).abs()
        return (~(error <= self._allowed(tolerance, terms))).nonzero()[:, 0]

    def _terms(self) -> Tensor:
        return torch.stack([self.input_term, *self.bias_terms.values()])

    def check(self, tolerance: float | None = None, suspect: str = "") -> None:
        """Does nothing if every image's terms add up to its score.

        Args:
            tolerance: largest error relative to |f|; None takes 1e-5 in float32 and 1e-12 in float64.
            suspect: the operation to name, where a diagnosis has found it; otherwise the largest term is named.

        Raises:
            CompletenessError: names the worst image and the suspected operation.
        """
        failing = self.failing(tolerance)
        if not len(failing):
            return
        error = self.relative_error[failing].nan_to_num(torch.inf)
        image = int(failing[error.argmax()])
        if not suspect:
            largest = max(self.bias_terms, key=lambda name: abs(float(self.bias_terms[name][image])), default="input")
            suspect = f"{largest} (the largest term; no single rule is at fault)"
        raise CompletenessError(
            "COMPLETENESS",
            f"image {image}, operation {suspect}",
            f"the terms add up to {float(self.total[image]):.6g}, but the score is {float(self.output[image]):.6g} "
            f"(relative error {float(self.relative_error[image]):.1e}, {len(failing)} of {len(self.output)} images)",
            "An operation may be hidden from PyTorch's functions (scripted, compiled or a custom autograd.Function): "
            "write it in plain PyTorch, or work in float64 if rounding is the cause",
        )
