"""FullGrad for any network: one forward and one backward pass a batch, exact, checked on every call."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from facebias.core.errors import FacebiasError
from facebias.saliency.authors import AuthorsNames
from facebias.saliency.fullgrad.collector import EPSILON, Collector, Frames
from facebias.saliency.fullgrad.decomposition import Decomposition
from facebias.saliency.fullgrad.tracer import Tracer, quiet
from facebias.saliency.targets import Target, refuse_images, scored, select

# What PyTorch says where it cannot run backward, and what that means.
_NO_BACKWARD = (
    ("use_reentrant", "its checkpointing is reentrant", "Set use_reentrant=False"),
    ("Recomputed values", "its checkpointing recomputes operations out of sight", "Explain it without checkpointing"),
    ("modified by an inplace", "an operation in place overwrites what another one needs", "Use one that returns anew"),
)


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
            FacebiasError: images, target or model cannot be explained (batch statistics, hidden operations).
        """
        return self._run(images, target, keep_maps=keep_maps).decomposition

    def saliency(
        self, images: Tensor, target: Target = None, *settings: Any, target_class: Target = None, **more: Any
    ) -> Tensor:
        """The map alone; all arguments and errors as for `explain`, and `target` also by the authors' name."""
        return self.explain(images, target_class if target is None else target, *settings, **more).map

    def explain(
        self,
        images: Tensor,
        target: Target = None,
        scope: str = "layer",
        align_corners: bool = True,
        check: bool = True,
    ) -> Explanation:
        """Saliency maps (N, 1, H, W), not negative, detached: psi(df/dx * x) + sum over layers of psi(df/dv * r).

        psi takes absolute values, rescales them to 0..1, resizes bilinearly, and sums over channels. Terms that are
        not spatial (linear layers) are in the check, not in the map; see `Decomposition.non_spatial_share`.

        Args:
            images: as for `decompose`, with spatial dimensions.
            target: as for `decompose`, like errors that are not named here.
            scope: "layer" rescales an image's layer at a time, as the authors' code does; "channel" a channel, as the
                paper's formula reads and grad-cam does.
            align_corners: of the bilinear resizing; the authors' code has True, grad-cam False.
            check: whether every image's terms have to add up to its score, and the map's terms to have a place.

        Raises:
            CompletenessError: they do not; names the worst operation.
            FacebiasError: an unknown scope, or an operation moves pixels in a way that cannot be followed.
        """
        if scope not in EPSILON:
            what = f"found {scope!r}, expected 'layer' or 'channel'"
            raise FacebiasError("SALIENCY_SCOPE", "scope", what, "Take one")
        found = self._run(images, target, scope, corners=align_corners)
        if check:
            self._check(found.decomposition, images, target)
            found.decomposition.check_places()
        return found

    def check_completeness(
        self, images: Tensor | None = None, target: Target = None, tolerance: float | None = None
    ) -> Tensor:
        """Relative error (N,) of the decomposition; `images` None takes one random image of `im_size`.

        Raises:
            CompletenessError: an image's terms do not add up; names the worst operation.
        """
        if images is None:
            noise = torch.randn((1, *self.im_size), generator=torch.Generator().manual_seed(0))
            images = noise.to(next(self.model.parameters(), noise) if isinstance(self.model, nn.Module) else noise)
        result = self.decompose(images, target)
        self._check(result, images, target, tolerance)
        return result.relative_error

    def _check(self, result: Decomposition, images: Tensor, target: Target, tolerance: float | None = None) -> None:
        if not (failing := result.failing(tolerance)):
            return
        worst = failing[0]
        image, wanted = images[worst : worst + 1], target if result.target is None else result.target[worst : worst + 1]
        derived = self._pass(image, wanted, Collector(image, None), audit=True).bias_terms
        found = {name: float(term[worst]) for name, term in result.bias_terms.items()}
        off = {name: abs(found.get(name, 0) - float(derived.get(name, 0))) for name in (*found, *derived)}
        suspect = max(off, key=off.__getitem__, default="")
        result.check(tolerance, suspect if off.get(suspect, 0) > result.allowed_error(tolerance)[worst] else "")

    @torch.inference_mode(False)
    def _run(
        self, images: Tensor, target: Target, scope: str | None = None, keep_maps: bool = False, corners: bool = True
    ) -> Explanation:
        """Map and decomposition; image by image where a pass over all of them cannot tell the images apart."""
        refuse_images(images, 3 if scope else 1)
        collector = Collector(images, scope, keep_maps, self._weighted)
        result = self._pass(images, target, collector)
        if len(images) < 2 or not result.failing():
            return Explanation(collector.map(corners), result)
        wanted = [target] * len(images) if result.target is None else result.target.split(1)
        alone = zip(images.split(1), wanted, strict=True)
        maps, parts = zip(*(self._run(image, mine, scope, keep_maps, corners) for image, mine in alone), strict=True)
        joined = Decomposition.joined(parts)
        if ((result.output - joined.output).abs() > 1e-3 * joined.output.abs() + 1e-6 * joined.size).any():
            coupled = "the score of an image depends on the others of its batch, so that no image has terms of its own"
            raise FacebiasError("SALIENCY_BATCH", "model", coupled, "Explain one image at a time")
        return Explanation(torch.cat(maps), joined)

    def _pass(self, images: Tensor, target: Target, collector: Collector, audit: bool = False) -> Decomposition:
        with quiet(self.model) as names:
            # Tensors made in inference mode cannot take part in a backward pass.
            leaf = (images.clone() if images.is_inference() else images.detach()).requires_grad_()
            # A copy, so that a model that changes its input in place meets neither a leaf nor the caller's.
            copy, tracer = leaf.clone(), Tracer(names, leaf, collector.settle, audit)
            try:
                with tracer:
                    out = self._forward(copy)
                    out = target(out) if callable(target) else out
                known = tracer if self.logits else None
                score, index = (scored(out, known), None) if callable(target) else select(out, target, known)
                gradient = _gradient(score, leaf)
            finally:
                tracer.release()
        product = gradient * leaf.detach()
        input_term = collector.draw(product if product.dim() > 2 else product[..., None])
        if not input_term.isfinite().all():
            refuse_images(images, finite=True)
        sums, maps = ({n: had[n] for n in tracer.terms if n in had} for had in (collector.sums, collector.maps))
        about = collector.frames, index, maps, collector.size, collector.precision, collector.lost
        return Decomposition(score.detach(), gradient, input_term, sums, *about)


def _gradient(score: Tensor, leaf: Tensor) -> Tensor:
    """df/dx, laid out as the images are: mixed layouts are slow to multiply."""
    if not score.requires_grad:
        what = "its output does not depend on the images by a differentiable path"
        raise FacebiasError("SALIENCY_GRADIENT", "model", what, "Remove detach or no_grad from its forward pass")
    try:
        (gradient,) = torch.autograd.grad(score.sum(), leaf)
    except RuntimeError as error:
        for words, what, mend in _NO_BACKWARD:
            if words in str(error):
                raise FacebiasError("SALIENCY_GRADIENT", "model", what, mend) from error
        raise
    return (gradient if gradient.stride() == leaf.stride() else torch.empty_like(leaf).copy_(gradient)).detach()


class SimpleFullGrad(FullGrad):
    """The authors' simpler variant: gradients at the outputs of biased operations, without the biases.

    Its terms are those of FullGrad, and are checked; its map leaves out operations without an explicit bias.
    """

    _weighted = False


class SmoothFullGrad(FullGrad):
    """The authors' smooth variant; needs memory for every term's map, and `num_samples` times the time.

    All copies are explained for the target of the clean image, and every image of a batch is given the same noise,
    so that a map depends neither on the other images nor on their order. The input's colours are summed before psi.

    Args:
        model: as for `FullGrad`, like further settings.
        num_samples: number of noisy copies.
        std_spread: standard deviation of the noise, relative to an image's range (maximum less minimum).
        seed: of the noise.
    """

    def __init__(
        self, model: nn.Module, num_samples: int = 25, std_spread: float = 0.15, *rest: Any, seed: int = 0, **more: Any
    ) -> None:
        super().__init__(model, *rest, **more)
        if num_samples < 1:
            what = f"found {num_samples}, expected 1 or more"
            raise FacebiasError("SALIENCY_SAMPLES", "num_samples", what, "Raise it")
        self.num_samples, self.std_spread, self.seed = num_samples, std_spread, seed

    def explain(
        self,
        images: Tensor,
        target: Target = None,
        scope: str = "layer",
        align_corners: bool = True,
        check: bool = True,
    ) -> Explanation:
        """See `FullGrad.explain`; the map is that of the noisy copies, the decomposition that of the clean images."""
        clean = super().explain(images, target, scope, align_corners, check).decomposition
        target = clean.target if target is None else target
        generator, means, frames = torch.Generator().manual_seed(self.seed), dict[str, Tensor](), dict[str, Frames]()
        low, high = torch.aminmax(images.detach().flatten(1), dim=1)
        spread = (self.std_spread * (high - low)).view(-1, *[1] * (images.dim() - 1))
        for _ in range(self.num_samples):
            noise = torch.randn(images.shape[1:], generator=generator, dtype=images.dtype).to(images.device)
            noisy = images.detach() + spread * noise
            result = self.decompose(noisy, target, keep_maps=True)
            if check:
                self._check(result, noisy, target)
            colours = (result.input_gradient * noisy).sum(1, keepdim=True)
            for name, term in ({"input": colours} | result.spatial_maps).items():
                means[name] = means.get(name, 0) + term / self.num_samples
            frames |= result.spatial
        collector = Collector(images, scope)
        for name, mean in means.items():
            collector.draw(mean, frames.get(name, ()))
        return Explanation(collector.map(align_corners), clean)
