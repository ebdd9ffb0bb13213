"""From stored pixels to logits: the one way in, evaluation mode, batches, and the device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from facebias.core.errors import FacebiasError
from facebias.detectors.fast import Folded
from facebias.detectors.networks import DBVAE, Encoding, StandardCNN

BATCH = 128  # images at a time: with 256, feature maps no longer stay in a processor's cache


def as_input(images: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """The one way from stored pixels to a network's input: uint8 (N, 3, H, W) RGB to float32 in 0..1.

    Raises:
        TypeError: the images are not uint8, so their range is not known.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"expected uint8 images, found {images.dtype}")
    images = images.to(device, memory_format=torch.channels_last)
    return images.to(torch.float32).div_(255)


@contextlib.contextmanager
def inference(model: nn.Module) -> Iterator[nn.Module]:
    """Evaluation mode without gradients; each module's own training flag comes back afterwards, also on errors."""
    flags = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.inference_mode():
            yield model
    finally:
        for module, flag in flags.items():
            module.training = flag


def logits(model: StandardCNN | DBVAE, images: Tensor, batch_size: int = BATCH) -> Tensor:
    """Face logits (N,) float32 on the CPU, of stored images (N, 3, 64, 64) uint8, in evaluation mode."""
    folded = Folded(model)
    return torch.cat([folded(part) for part in images.split(batch_size)])


def latent_means(model: DBVAE, images: Tensor, batch_size: int = BATCH) -> Tensor:
    """Mean latents (N, k) float32 on the CPU; the encoder alone runs, and training mode is restored."""
    return posterior(model, images, batch_size)[0]


def posterior(
    model: DBVAE, images: Tensor, batch_size: int = BATCH, rows: np.ndarray | None = None
) -> tuple[Tensor, Tensor]:
    """Mean latents (N, k) float32 and, of each latent (k,) float64, its divergence from the prior in nats, on the CPU.

    The divergence is the mean over the images: 0 is a latent that says the same of every one. The encoder alone runs,
    in evaluation mode whatever mode the network is in.

    Args:
        model: the network.
        images: uint8 (N, 3, 64, 64).
        batch_size: images encoded at once.
        rows: which of the images; all unless told.
    """
    means, nats = [], []
    for encoding in _encoded(model, images, batch_size, rows):
        kl = 0.5 * (encoding.log_variance.exp() + encoding.mu.square() - 1 - encoding.log_variance)
        means.append(encoding.mu.cpu())
        nats.append(kl.cpu().double())  # in this order: not every GPU knows float64
    return torch.cat(means), torch.cat(nats).mean(0)


def posterior_sd(model: DBVAE, images: Tensor, rows: np.ndarray | None = None) -> Tensor:
    """Standard deviations (N, k) float32 of the latents, on the CPU; images and rows as for `posterior`.

    It encodes anew: nobody else needs them, and they take as much memory as the means.
    """
    return torch.cat([(one.log_variance / 2).exp().cpu() for one in _encoded(model, images, BATCH, rows)])


def _encoded(model: DBVAE, images: Tensor, batch_size: int, rows: np.ndarray | None) -> Iterator[Encoding]:
    folded = Folded(model)
    rows = np.arange(len(images)) if rows is None else rows
    for start in range(0, max(1, len(rows)), batch_size):  # a batch at a time: all of them may not fit in memory
        yield model.told(folded.outputs(images[rows[start : start + batch_size]]))


def pick_device(name: str = "auto") -> torch.device:
    """The device by name; "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        FacebiasError: there is no such device here.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, is_there in there.items() if is_there))
    device = torch.device(name)
    if not there.get(device.type, True):
        what = f"no device {name} here: PyTorch {torch.__version__} finds none"
        raise FacebiasError("DEVICE", name, what, "Use --device cpu, or install its driver and PyTorch's build for it")
    return device
