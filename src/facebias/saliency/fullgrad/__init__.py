"""FullGrad for any network: one forward and one backward pass a batch, exact, checked on every call."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from facebias.core.errors import FacebiasError
from facebias.saliency.fullgrad.authors_names import AuthorsNames
from facebias.saliency.fullgrad.collector import EPSILON, Collector
from facebias.saliency.fullgrad.decomposition import CompletenessError, Decomposition
from facebias.saliency.fullgrad.tracer import Tracer
from facebias.saliency.fullgrad.untouched import quiet
from facebias.saliency.targets import Target, select


class Explanation(NamedTuple):
    """A map (N, 1, H, W), rescaled and not signed, and the signed terms that it was drawn from, of one pass."""

    map: Tensor
    decomposition: Decomposition


class FullGrad(AuthorsNames):
    """Full-gradient decomposition and saliency maps (Srinivas and Fleuret, NeurIPS 2019) of any `nn.Module`.

    The model is run in evaluation mode and left as it was. Operations are found while they run, so that it may be
    functional, in place, reused, gated, with channels last, or a transformer.

    Args:
        model: takes images (N, C, *spatial), one to three spatial dimensions.
        im_size: (C, H, W) of the random image that `check_completeness` takes when it is given none.
        logits: explain the logit under a sigmoid or softmax head; False explains the probability itself.
    """

    _weighted = True

    def __init__(self, model: nn.Module, im_size: tuple[int, ...] = (3, 224, 224), logits: bool = True) -> None:
        self.model, self.im_size, self.logits = model, tuple(im_size), logits

    def decompose(self, images: Tensor, target: Target = None, keep_maps: bool = False) -> Decomposition:
        """Every term of f(x) = <df/dx, x> + sum of bias terms, for each image.

        Args:
            images: (N, C, H, W) floating point, in the range that the model expects.
            target: None for the highest (or only) output, an int, one int an image, or a callable that takes what the
                model returns and gives (N,).
            keep_maps: keep each term's full map; needs as much memory as all activations together.

        Raises:
            FacebiasError: images, target or model cannot be explained (batch statistics, unknown derivative).
        """
        return self._run(images, target, Collector(images, None, keep_maps))

    def saliency(
        self,
        images: Tensor,
        target: Target = None,
        scope: str = "layer",
        align_corners: bool = True,
        check: bool = True,
    ) -> Tensor:
        """Saliency maps (N, 1, H, W), not negative, detached: psi(df/dx * x) + sum over layers of psi(df/dv * r).

        psi takes absolute values, rescales them to 0..1, resizes bilinearly, and sums over channels. Terms that are
        not spatial (linear layers) are in the check, not in the map; see `Decomposition.non_spatial_share`.

        Args:
            images: (N, C, H, W) floating point.
            target: as for `decompose`.
            scope: "layer" rescales an image's layer at a time, as the authors' code does; "channel" a channel, as the
                paper's formula reads and grad-cam does.
            align_corners: of the bilinear resizing; the authors' code has True, grad-cam False.
            check: whether every image's terms have to add up to its score.

        Raises:
            CompletenessError: they do not; names the worst operation.
            FacebiasError: as for `decompose`, and for an unknown scope.
        """
        return self.explain(images, target, scope, align_corners, check).map

    def explain(
        self,
        images: Tensor,
        target: Target = None,
        scope: str = "layer",
        align_corners: bool = True,
        check: bool = True,
    ) -> Explanation:
        """Map and decomposition of one pass; arguments and errors as for `saliency`."""
        if scope not in EPSILON:
            raise FacebiasError(
                "SALIENCY_SCOPE", "scope", f"found {scope!r}, expected 'layer' or 'channel'", "Take one of the two"
            )
        if images.dim() < 3:
            raise FacebiasError(
                "SALIENCY_IMAGES",
                "images",
                f"found shape {tuple(images.shape)}, which has no spatial dimension to draw a map on",
                "Use decompose, or give images (N, C, H, W)",
            )
        collector = Collector(images, scope, weighted=self._weighted)
        result = self._run(images, target, collector)
        if check:
            self._check(result, images, target)
        return Explanation(collector.map(align_corners), result)

    def check_completeness(
        self, images: Tensor | None = None, target: Target = None, tolerance: float | None = None
    ) -> Tensor:
        """Relative error (N,) of the decomposition; `images` None takes one random image of `im_size`.

        Raises:
            CompletenessError: an image's terms do not add up; names the worst operation.
        """
        if images is None:
            parameter = next(self.model.parameters(), torch.empty(0))
            noise = torch.randn((1, *self.im_size), generator=torch.Generator().manual_seed(0))
            images = noise.to(parameter.device, parameter.dtype)
        result = self.decompose(images, target)
        self._check(result, images, target, tolerance)
        return result.relative_error

    def _check(self, result: Decomposition, images: Tensor, target: Target, tolerance: float | None = None) -> None:
        try:
            result.check(tolerance)
        except CompletenessError:
            collector = Collector(images, None)
            audited = self._run(images, target, collector, audit=True)
            allowed = audited.allowed_error(tolerance)
            faults = {name: float((fault.abs() / allowed).max()) for name, fault in collector.faults.items()}
            worst = max(faults, key=faults.__getitem__, default="")
            result.check(tolerance, worst if faults.get(worst, 0) > 1 else "")

    def _run(self, images: Tensor, target: Target, collector: Collector, audit: bool = False) -> Decomposition:
        _refuse_integers(images)
        tracer = Tracer(self.model, len(images), collector.settle, audit)
        with quiet(self.model, tracer.path):
            # Tensors made in inference mode cannot take part in a backward pass.
            leaf = (images.clone() if images.is_inference() else images.detach()).requires_grad_()
            try:
                with tracer:
                    # A copy, so that a model that changes its input in place meets neither a leaf nor the caller's.
                    out = self._forward(leaf.clone())
                    out = target(out) if callable(target) else out
                score, index = select(out, target, tracer if self.logits else None)
                _refuse_no_path(score)
                (gradient,) = torch.autograd.grad(score.sum(), leaf)
            finally:
                tracer.release()
        if gradient.stride() != leaf.stride():  # as the images are laid out: mixed layouts are slow to multiply
            gradient = torch.empty_like(leaf).copy_(gradient)
        gradient = gradient.detach()
        names = [name for name in tracer.terms if name in collector.sums]
        product = gradient * leaf.detach()
        input_term = (product.flatten(2).sum((1, 2)) if product.dim() > 2 else product.sum(1)).double()
        collector.draw(product)
        return Decomposition(
            score.detach(),
            gradient,
            input_term,
            {name: collector.sums[name] for name in names},
            frozenset(collector.spatial),
            index,
            {name: collector.maps[name] for name in names} if collector.keep_maps else {},
        )


def _refuse_integers(images: Tensor) -> None:
    if not images.is_floating_point():
        raise FacebiasError(
            "SALIENCY_IMAGES",
            "images",
            f"found {images.dtype}, expected floating point",
            "Convert them as the model expects, for example with facebias.detectors.inference.as_input",
        )


def _refuse_no_path(score: Tensor) -> None:
    if not score.requires_grad:
        raise FacebiasError(
            "SALIENCY_GRADIENT",
            "model",
            "its output does not depend on the images by a differentiable path",
            "Remove detach or no_grad from its forward pass",
        )


class SimpleFullGrad(FullGrad):
    """The authors' simpler variant: gradients at the outputs of biased operations, without the biases.

    Its terms are those of FullGrad, and are checked; its map leaves out operations without an explicit bias.
    """

    _weighted = False
