"""The DB-VAE with one line wrong in each: what published implementations do differently, and nothing else.

`ImageByImage` is right. It writes the loss of `facebias.detectors.networks.DBVAE` an image at a time, as published code
does, so that each mistake below replaces one short method of it.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from facebias.core.config import Config
from facebias.detectors.networks import DBVAE, LossParts, cross_entropy


class ImageByImage(DBVAE):
    """The right loss, the VAE's part of it calculated for every image and then kept for faces alone."""

    def loss(
        self,
        images: Tensor,
        labels: Tensor,
        config: Config,
        generator: torch.Generator | None = None,
        robust: Any = None,
    ) -> LossParts:
        """The loss of a batch, as `DBVAE.loss` takes and returns it; `robust` is not used here."""
        encoding, labels = self.encode(images), labels.to(images.device)
        classified = cross_entropy(encoding.logit, labels, "none")
        noise = torch.randn(encoding.mu.shape, generator=generator, device=images.device)
        decoded = self.decode(encoding.mu + self.spread(encoding.log_variance) * noise)
        reconstruction = (decoded - images).abs().mean((1, 2, 3))
        kl = 0.5 * (encoding.log_variance.exp() + encoding.mu.square() - 1 - encoding.log_variance).sum(1)
        vae = config.reconstruction_weight * reconstruction + config.kl_weight * kl
        total = self.total(config.classification_weight * classified, vae, labels)
        return LossParts(total, *(part.detach().mean() for part in (classified, labels * reconstruction, labels * kl)))

    def total(self, classified: Tensor, vae: Tensor, face: Tensor) -> Tensor:
        """One number for the batch, of losses (N,) and labels (N,): 1 face, 0 non-face."""
        return (classified + face * vae).mean()

    def spread(self, log_variance: Tensor) -> Tensor:
        """The latents' standard deviation (N, k)."""
        return torch.exp(log_variance / 2)


class FacesClassifiedAlone(ImageByImage):
    """Mistake 1: the label stands at the wrong term."""

    def total(self, classified: Tensor, vae: Tensor, face: Tensor) -> Tensor:
        """Right: (classified + face * vae).mean()."""
        return (face * classified + vae).mean()


class BroadcastLabels(ImageByImage):
    """Mistake 2: labels (N, 1) times losses (N,) are a table (N, N), whose mean gives every image a share of faces."""

    def total(self, classified: Tensor, vae: Tensor, face: Tensor) -> Tensor:
        """Right: face of shape (N,)."""
        return (classified + face[:, None] * vae).mean()


class EvalLeftOn(DBVAE):
    """Mistake 3: `eval()` for the latents before an epoch, and no `train()` after it."""

    def train(self, mode: bool = True) -> Self:
        """Right: super().train(mode)."""
        return super().train(False)


class VarianceAsSpread(ImageByImage):
    """Mistake 5: noise of exp(log variance), which is a variance and no standard deviation."""

    def spread(self, log_variance: Tensor) -> Tensor:
        """Right: torch.exp(log_variance / 2)."""
        return torch.exp(log_variance)


class ReluAtTheEnd(DBVAE):
    """Mistake 6: the decoder's last layer cannot say less than 0, nor learn where it would."""

    def decode(self, latents: Tensor) -> Tensor:
        """Right: super().decode(latents)."""
        return torch.relu(super().decode(latents))
