"""The same training as a textbook writes it in PyTorch: the peer of `bench.py`, and nothing else.

Networks, loss and resampling of the course lab (MIT 6.S191, lab 2) with its sizes, in the plainest PyTorch: images
(N, 3, 64, 64) in the default layout, batches of 32 in float32, every image decoded and non-faces masked in the loss,
Adam as it comes, pictures opened with Pillow behind a `DataLoader`, histograms by `numpy.histogram` and
`numpy.digitize`. No line of it is slower than need be on purpose.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

BATCH = 32
LATENTS = 100
_FILTERS, _KERNELS, _HIDDEN, _SIDE = (12, 24, 48, 72), (5, 5, 3, 3), 512, 4


def encoder(outputs: int) -> nn.Sequential:
    """Four convolutions, and two linear layers to `outputs` numbers an image."""
    layers: list[nn.Module] = []
    for before, filters, kernel in zip((3, *_FILTERS), _FILTERS, _KERNELS, strict=False):
        layers += [nn.Conv2d(before, filters, kernel, 2, kernel // 2), nn.ReLU(), nn.BatchNorm2d(filters)]
    flat = _FILTERS[-1] * _SIDE**2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, outputs))


def decoder() -> nn.Sequential:
    """The encoder's mirror, from LATENTS numbers to an image."""
    layers: list[nn.Module] = [nn.Linear(LATENTS, _FILTERS[-1] * _SIDE**2), nn.ReLU()]
    layers.append(nn.Unflatten(1, (_FILTERS[-1], _SIDE, _SIDE)))
    outputs = (*reversed(_FILTERS[:-1]), 3)
    for filters, after, kernel in zip(reversed(_FILTERS), outputs, reversed(_KERNELS), strict=True):
        layers += [nn.ConvTranspose2d(filters, after, kernel, 2, kernel // 2, 1), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Textbook(nn.Module):
    """The debiasing autoencoder, or with `decodes=False` the standard CNN."""

    def __init__(self, *, decodes: bool) -> None:
        super().__init__()
        self.encoder = encoder(2 * LATENTS + 1 if decodes else 1)
        self.decoder = decoder() if decodes else None

    def forward(self, images: Tensor) -> Tensor:
        """Face logits (N,)."""
        return self.encoder(images)[:, 0]

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of all images; of faces also reconstruction and divergence."""
        out = self.encoder(images)
        classified = nn.functional.binary_cross_entropy_with_logits(out[:, 0], labels, reduction="none")
        if self.decoder is None:
            return classified.mean()
        mu, log_variance = out[:, 1 : LATENTS + 1], out[:, LATENTS + 1 :]
        decoded = self.decoder(mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu))
        reconstruction = (images - decoded).abs().mean((1, 2, 3))
        kl = 0.5 * (log_variance.exp() + mu**2 - 1 - log_variance).sum(1)
        return (classified + labels * (reconstruction + 0.0005 * kl)).mean()


def stepper(model: Textbook) -> Callable[[Tensor, Tensor], None]:
    """One step of training on images float32 (N, 3, 64, 64) in 0..1 and labels float32 (N,)."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(images: Tensor, labels: Tensor) -> None:
        """Forward, backward, and Adam."""
        optimizer.zero_grad()
        model.loss(images, labels).backward()
        optimizer.step()

    return step


class Pictures(Dataset[tuple[Tensor, float]]):
    """JPEG files with their labels, opened one at a time."""

    def __init__(self, files: list[bytes], labels: np.ndarray, *, augmented: bool = False) -> None:
        self.files, self.labels = files, labels
        moved = transforms.RandomAffine(0, translate=(0.05, 0.05), scale=(0.85, 1.15))
        changes = [transforms.RandomHorizontalFlip(), moved] if augmented else []
        self.change = transforms.Compose([*changes, transforms.ToTensor()])

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[Tensor, float]:
        picture = Image.open(io.BytesIO(self.files[number])).convert("RGB")
        return self.change(picture), float(self.labels[number])


def load(files: list[bytes], labels: np.ndarray) -> None:
    """All pictures in batches, as an epoch reads them."""
    for _ in DataLoader(Pictures(files, labels), BATCH):
        pass


def latents(model: Textbook, images: np.ndarray) -> np.ndarray:
    """Mean latents (N, LATENTS) of uint8 images (N, 64, 64, 3)."""
    return _outputs(model, images)[:, 1 : LATENTS + 1]


def scores(model: Textbook, images: np.ndarray) -> np.ndarray:
    """Logits (N,) of uint8 images (N, 64, 64, 3)."""
    return _outputs(model, images)[:, 0]


def _outputs(model: Textbook, images: np.ndarray) -> np.ndarray:
    model.eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[start : start + BATCH]).permute(0, 3, 1, 2).float() / 255
            found.append(model.encoder(batch).numpy())
    model.train()
    return np.concatenate(found)


def probabilities(mu: np.ndarray, bins: int = 10, alpha: float = 0.01) -> np.ndarray:
    """The lab's probability of drawing each face, from its latents (N, k)."""
    best = np.zeros(len(mu))
    for latent in range(mu.shape[1]):
        column = mu[:, latent]
        density, edges = np.histogram(column, density=True, bins=bins)
        edges[0], edges[-1] = -float("inf"), float("inf")
        inverse = 1.0 / (density[np.digitize(column, edges) - 1] + alpha)
        best = np.maximum(best, inverse / inverse.sum())
    return best / best.sum()


def epoch(model: Textbook, files: list[bytes], labels: np.ndarray, images: np.ndarray, held_out: np.ndarray) -> None:
    """One epoch with resampling: latents of all faces, draws, steps on augmented pictures, and the held-out scores."""
    faces, others = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    p = probabilities(latents(model, images[faces])) if model.decoder else None
    rng = np.random.default_rng(0)
    half = BATCH // 2
    drawn = rng.choice(faces, size=len(faces) // half * half, p=p)
    rest = rng.choice(others, size=len(drawn))
    rows = np.concatenate([drawn.reshape(-1, half), rest.reshape(-1, half)], axis=1).ravel()
    step = stepper(model)
    for batch, truth in DataLoader(Pictures([files[row] for row in rows], labels[rows], augmented=True), BATCH):
        step(batch, truth.float())
    scores(model, held_out)
