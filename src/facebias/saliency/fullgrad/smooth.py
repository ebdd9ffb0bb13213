"""SmoothFullGrad: every term's map is averaged over noisy copies of the images before it is rescaled."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from facebias.core.errors import FacebiasError
from facebias.saliency.fullgrad import Explanation, FullGrad
from facebias.saliency.fullgrad.collector import Collector, Frames
from facebias.saliency.targets import Target


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
        self,
        model: nn.Module,
        num_samples: int = 25,
        std_spread: float = 0.15,
        *settings: Any,
        seed: int = 0,
        **more: Any,
    ) -> None:
        super().__init__(model, *settings, **more)
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
        """Smoothed map, and the decomposition of the clean images; arguments and errors as for `saliency`."""
        clean = super().explain(images, target, scope, align_corners, check).decomposition
        target = clean.target if target is None else target
        generator, means = torch.Generator().manual_seed(self.seed), dict[str, tuple[Tensor, Frames]]()
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
                mean = means[name][0] if name in means else 0
                means[name] = mean + term / self.num_samples, result.spatial.get(name, ())
        collector = Collector(images, scope)
        for mean, frames in means.values():
            collector.draw(mean, frames)
        return Explanation(collector.map(align_corners), clean)
