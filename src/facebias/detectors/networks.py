"""The two detectors: a standard CNN, and the debiasing variational autoencoder (DB-VAE) that shares its encoder.

Both take images (N, 3, 64, 64) float32 RGB in 0..1 (see `as_input`) and answer with one face logit an image, so
that scoring, auditing and explaining need not know which one they hold. Source: Amini et al., AIES 2019; sizes
from MIT 6.S191 lab 2 ("lab") and from the paper's text ("paper"; it gives no filter counts, so those are ours).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from facebias.core.config import Config
from facebias.core.words import IMAGE_SIZE


@dataclass(frozen=True)
class Architecture:
    """Filters and kernel of each stride-2 convolution, and the width of the fully connected layer."""

    filters: tuple[int, ...]
    kernels: tuple[int, ...]
    hidden: int

    @property
    def side(self) -> int:
        """Side of the last feature map in pixels."""
        return IMAGE_SIZE // 2 ** len(self.filters)


ARCHITECTURES = {
    "lab": Architecture((12, 24, 48, 72), (5, 5, 3, 3), 512),
    "paper": Architecture((32, 64, 128, 256), (5, 5, 5, 5), 1000),
}


class Encoder(nn.Module):
    """Four stride-2 convolutions and one fully connected layer: (N, 3, 64, 64) to features (N, hidden)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for filters, kernel in zip(architecture.filters, architecture.kernels, strict=True):
            layers += [
                nn.Conv2d(channels, filters, kernel, stride=2, padding=kernel // 2),
                nn.ReLU(),
                nn.BatchNorm2d(filters),
            ]
            channels = filters
        self.convolutions = nn.Sequential(*layers)
        self.hidden = nn.Linear(channels * architecture.side**2, architecture.hidden)

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, hidden), not negative."""
        return torch.relu(self.hidden(self.convolutions(images).flatten(1)))


class Decoder(nn.Module):
    """The encoder's mirror: latents (N, k) to images (N, 3, 64, 64). Linear at the end: values may leave 0..1.

    No batch norm, so that a batch with a single face, or with none, is decoded like any other.
    """

    def __init__(self, architecture: Architecture, latents: int) -> None:
        super().__init__()
        side, filters = architecture.side, architecture.filters
        self.shape = (filters[-1], side, side)
        flat = filters[-1] * side**2
        # The paper mirrors both fully connected layers, the lab goes straight to the feature map.
        wide = architecture is ARCHITECTURES["paper"]
        hidden = (
            [nn.Linear(latents, architecture.hidden), nn.ReLU(), nn.Linear(architecture.hidden, flat)]
            if wide
            else [nn.Linear(latents, flat)]
        )
        self.hidden = nn.Sequential(*hidden, nn.ReLU())
        layers: list[nn.Module] = []
        outputs = (*reversed(filters[:-1]), 3)
        # Kernels mirror the encoder's outputs, as in the lab: 72-48 by 3x3, 48-24 by 3x3, 24-12 by 5x5, 12-3 by 5x5
        for channels, out, kernel in zip(reversed(filters), outputs, reversed(architecture.kernels), strict=True):
            layers += [
                nn.ConvTranspose2d(channels, out, kernel, stride=2, padding=kernel // 2, output_padding=1),
                nn.ReLU(),
            ]
        self.deconvolutions = nn.Sequential(*layers[:-1])

    def forward(self, latents: Tensor) -> Tensor:
        """Images (N, 3, 64, 64)."""
        return self.deconvolutions(self.hidden(latents).view(-1, *self.shape))


class LossParts(NamedTuple):
    """A batch's loss: `total` to be differentiated, and its parts as detached scalars, not yet weighted."""

    total: Tensor
    classification: Tensor
    reconstruction: Tensor
    kl: Tensor


class StandardCNN(nn.Module):
    """The paper's baseline: the encoder and one logit."""

    def __init__(self, size: str = "lab") -> None:
        super().__init__()
        architecture = ARCHITECTURES[size]
        self.encoder = Encoder(architecture)
        self.head = nn.Linear(architecture.hidden, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Face logits (N,)."""
        return self.head(self.encoder(images)).squeeze(1)

    def loss(
        self,
        images: Tensor,
        labels: Tensor,
        config: Config,
        generator: torch.Generator | None = None,
        robust: Callable[[Tensor], Tensor] | None = None,
    ) -> LossParts:
        """Cross-entropy of the face logit; `labels` (N,) 1 face, 0 non-face. `generator` is not needed.

        Args:
            images: (N, 3, 64, 64) in 0..1.
            labels: (N,).
            config: gives the weight.
            generator: without use.
            robust: makes one number of the images' cross-entropies (N,), in place of their mean.
        """
        classified, classification = _classified(self(images), labels, robust)
        zero = torch.zeros((), device=images.device)
        return LossParts(config.classification_weight * classified, classification, zero, zero)


class Encoding(NamedTuple):
    """What the DB-VAE's encoder says: face logit (N,), mean (N, k) and log variance (N, k) of the latents."""

    logit: Tensor
    mu: Tensor
    log_variance: Tensor


class DBVAE(nn.Module):
    """Debiasing VAE: one encoder for the face logit and for k latents that the decoder turns back into a face."""

    def __init__(self, size: str = "lab", latents: int = 100) -> None:
        super().__init__()
        architecture = ARCHITECTURES[size]
        self.latents = latents
        self.encoder = Encoder(architecture)
        self.head = nn.Linear(architecture.hidden, 2 * latents + 1)
        self.decoder = Decoder(architecture, latents)

    def encode(self, images: Tensor) -> Encoding:
        """Logit, mean and log variance; the decoder is not run."""
        return self.told(self.head(self.encoder(images)))

    def told(self, out: Tensor) -> Encoding:
        """The head's outputs (N, 2 k + 1) as what they stand for."""
        return Encoding(out[:, 0], out[:, 1 : self.latents + 1], out[:, self.latents + 1 :])

    def decode(self, latents: Tensor) -> Tensor:
        """Images (N, 3, 64, 64) from latents (N, k)."""
        return self.decoder(latents)

    def forward(self, images: Tensor) -> Tensor:
        """Face logits (N,)."""
        return self.encode(images).logit

    def reconstruct(self, images: Tensor) -> Tensor:
        """Images (N, 3, 64, 64) decoded from the mean latents, clipped to 0..1."""
        return self.decode(self.encode(images).mu).clamp(0, 1)

    def loss(
        self,
        images: Tensor,
        labels: Tensor,
        config: Config,
        generator: torch.Generator | None = None,
        robust: Callable[[Tensor], Tensor] | None = None,
    ) -> LossParts:
        """The paper's total loss (eq. 1 and 2): every image is classified, faces alone are reconstructed.

        The faces' latents are selected before the decoder, so non-faces cost nothing there and their gradient on
        reconstruction, mean and log variance is exactly zero. The sum over faces is divided by the batch size, as in
        the lab, so that the weight of an image does not depend on how many faces its batch holds.

        Args:
            images: (N, 3, 64, 64) in 0..1.
            labels: (N,) 1 face, 0 non-face; best on the CPU, so that a GPU need not be asked which are faces.
            config: gives the three weights.
            generator: source of the latent noise.
            robust: as for the CNN.
        """
        encoding = Encoding(*(at_least_float32(part) for part in self.encode(images)))
        classified, classification = _classified(encoding.logit, labels, robust)
        face = labels.reshape(-1).nonzero().flatten().to(images.device, non_blocking=True)
        mu, log_variance = encoding.mu[face], encoding.log_variance[face]
        noise = torch.randn(mu.shape, generator=generator, device=mu.device)
        decoded = self.decode(mu + torch.exp(log_variance / 2) * noise)
        reconstruction = (decoded - images[face]).abs().mean((1, 2, 3)).sum() / len(images)
        kl = 0.5 * (log_variance.exp() + mu.square() - 1 - log_variance).sum() / len(images)
        total = (
            config.classification_weight * classified
            + config.reconstruction_weight * reconstruction
            + config.kl_weight * kl
        )
        return LossParts(total, classification, reconstruction.detach(), kl.detach())


def _classified(logit: Tensor, labels: Tensor, robust: Callable[[Tensor], Tensor] | None) -> tuple[Tensor, Tensor]:
    """What is minimised of the cross-entropy, and its mean as a detached scalar."""
    if robust is None:
        mean = cross_entropy(logit, labels)
        return mean, mean.detach()
    losses = cross_entropy(logit, labels, reduction="none")
    return robust(losses), losses.mean().detach()


def cross_entropy(logit: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    """Of face logits (N,) and labels (N,) or (N, 1); the mean, or one an image with reduction "none"."""
    logit = at_least_float32(logit)
    # reshape, since labels (N, 1) against logits (N,) would broadcast to (N, N) in other losses without a word
    labels = labels.reshape(-1).to(logit, non_blocking=True)
    return nn.functional.binary_cross_entropy_with_logits(logit, labels, reduction=reduction)


def at_least_float32(values: Tensor) -> Tensor:
    """The values in float32 or more: losses of bfloat16 products are summed without its 3 digits."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def build_model(config: Config) -> StandardCNN | DBVAE:
    """A network with initial weights from `config.seed`; the encoder's are the same for both models (paired arms)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = StandardCNN(config.size) if config.model == "standard_cnn" else DBVAE(config.size, config.latents)
    return model.to(memory_format=torch.channels_last)
