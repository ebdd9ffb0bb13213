"""SmoothFullGrad: every term's map is averaged over noisy copies of the images before it is rescaled."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facebias.core.errors import FacebiasError
from facebias.saliency.fullgrad import Explanation, FullGrad
from facebias.saliency.fullgrad.collector import Collector
from facebias.saliency.targets import Target


class SmoothFullGrad(FullGrad):
    """The authors' smooth variant; needs memory for every term's map, and `num_samples` times the time.

    All copies are explained for the target of the clean image, and every image of a batch is given the same noise,
    so that a map depends neither on the other images nor on their order.

    Args:
        model: as for `FullGrad`.
        num_samples: number of noisy copies.
        std_spread: standard deviation of the noise, relative to an image's range (maximum less minimum).
        im_size: as for `FullGrad`.
        logits: as for `FullGrad`.
        seed: of the noise.
    """

    def __init__(
        self,
        model: nn.Module,
        num_samples: int = 25,
        std_spread: float = 0.15,
        im_size: tuple[int, ...] = (3, 224, 224),
        logits: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(model, im_size, logits)
        if num_samples < 1:
            raise FacebiasError(
                "SALIENCY_SAMPLES", "num_samples", f"found {num_samples}, expected 1 or more", "Give a positive number"
            )
        self.num_samples, self.std_spread, self.seed = num_samples, std_spread, seed

    def explain(
        self,
        images: Tensor,
        target: Target = None,
        scope: str = "layer",
        align_corners: bool = True,
        check: bool = True,
    ) -> Explanation:
        """Smoothed map, and the decomposition of the clean images; arguments and errors as for `saliency`."""
        clean = super().explain(images, target, scope, align_corners, check)
        if target is None:
            target = clean.decomposition.target
        generator = torch.Generator().manual_seed(self.seed)
        low, high = torch.aminmax(images.detach().flatten(1), dim=1)
        spread = (self.std_spread * (high - low)).view(-1, *[1] * (images.dim() - 1))
        means: dict[str, Tensor] = {}
        for _ in range(self.num_samples):
            noise = torch.randn(images.shape[1:], generator=generator, dtype=images.dtype).to(images.device)
            noisy = images.detach() + spread * noise
            result = self.decompose(noisy, target, keep_maps=True)
            if check:
                self._check(result, noisy, target)
            for name, term in {"input": result.input_gradient * noisy, **result.spatial_maps}.items():
                means[name] = (
                    means[name].add_(term, alpha=1 / self.num_samples) if name in means else term / self.num_samples
                )
        collector = Collector(images, scope)
        for term in means.values():
            collector.draw(term)
        return Explanation(collector.map(align_corners), clean.decomposition)
