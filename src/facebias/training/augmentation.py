"""Augmentation of whole batches, the same for faces and non-faces, so that it cannot give the label away.

Flip, scale and shift are one affine resampling; brightness, contrast, blur and compression are an option, since
they are themselves a remedy for dark faces and so an arm of the study (``-photometric``).
"""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch import Tensor, nn

from facebias.core.config import Config


def augment(images: Tensor, config: Config, generator: torch.Generator) -> Tensor:
    """Randomly changed copies of `images` (N, 3, H, W) float32 in 0..1, as `config` says.

    Args:
        images: the batch.
        config: `flip`, `scale`, `shift`, `photometric`.
        generator: a CPU generator, so that the draw does not depend on the device.
    """
    images = _geometric(images, config, generator)
    return _photometric(images, generator) if config.photometric else images


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator) * (high - low) + low


def _geometric(images: Tensor, config: Config, generator: torch.Generator) -> Tensor:
    n, _, height, width = images.shape
    side = _uniform(n, 1 - config.scale, 1 + config.scale, generator)
    across, down = (_uniform(n, -2 * config.shift, 2 * config.shift, generator) for _ in range(2))
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0) if config.flip else torch.ones(n)
    # Nothing is turned, so a column has one x and a row one y: `affine_grid`, which cannot know it, takes ten times
    # as long for the same numbers
    grid = torch.empty(n, height, width, 2)
    grid[..., 0] = (_centres(width) * (side * mirror)[:, None] + across[:, None])[:, None, :]
    grid[..., 1] = (_centres(height) * side[:, None] + down[:, None])[:, :, None]
    # Reflection: black borders would tell how an image was scaled
    moved = nn.functional.grid_sample(images, grid.to(images.device), padding_mode="reflection", align_corners=False)
    # the network's layout, which the resampling does not keep: each layer and the loss would convert it anew
    return moved.contiguous(memory_format=torch.channels_last)


def _centres(length: int) -> Tensor:
    """Where the centres of so many pixels lie, from -1 to 1 between the outer edges."""
    return (2 * torch.arange(length) + 1) / length - 1


def _photometric(images: Tensor, generator: torch.Generator) -> Tensor:
    # here: torchvision takes a third of the time in which everything else is loaded, and few arms need it
    from torchvision.transforms.v2 import functional as transforms

    n = len(images)
    shape = (n, 1, 1, 1)
    gain = torch.exp2(_uniform(n, -1.5, 1.0, generator)).view(shape).to(images.device)
    contrast = _uniform(n, 0.6, 1.4, generator).view(shape).to(images.device)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = ((images - mean) * contrast + mean).mul(gain).clamp(0, 1)
    picked = torch.rand(2, n, generator=generator) < 0.25
    blurred, compressed = (mask.nonzero().flatten() for mask in picked)
    sigma = float(_uniform(1, 0.4, 1.6, generator))
    quality = int(_uniform(1, 15, 60, generator))
    if len(blurred):
        images[blurred] = transforms.gaussian_blur(images[blurred], [7, 7], [sigma, sigma])
    for i in compressed.tolist():
        images[i] = _compressed(images[i], quality)
    return images


def _compressed(image: Tensor, quality: int) -> Tensor:
    from torchvision.transforms.v2 import functional as transforms

    # Pillow: torchvision's own JPEG functions are deprecated
    pixels = transforms.to_pil_image(image.cpu())
    with io.BytesIO() as buffer:
        pixels.save(buffer, "JPEG", quality=quality)
        pixels = transforms.pil_to_tensor(Image.open(buffer))
    found: Tensor = transforms.to_dtype(pixels, image.dtype, scale=True)
    return found.to(image.device)
