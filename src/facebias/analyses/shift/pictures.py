"""Pictures changed in one property at a time, and a run's scores of them.

Changes are made on packed pictures of 64 x 64. A nearer view uses their own pixels, at less detail. A wider or moved
view needs pixels that were cut away when packing: they are mirrored in, which keeps edges and colours but repeats
what is at the border. Exposure acts on linear light, as a camera's does, but on 8-bit pictures: clipped highlights
stay clipped, and shadows are coarser. Every result is stored as 8 bits again, as a picture file would be.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from facebias.analyses.shift.tables import FACTORS
from facebias.core.errors import FacebiasError

_MARGIN = 0.25  # mirrored on each side, share of the picture: enough for the widest view and the largest offset


def change(images: Tensor, factor: str, value: float) -> Tensor:
    """The pictures with one property changed.

    Args:
        images: uint8 (N, 3, side, side) RGB.
        factor: "scale" (side of the view over the side as packed), "offset" (the face moved down, share of the
            side), "brightness" (stops), "blur" (sigma in pixels) or "size" (pixels a side that are left); see
            `facebias.analyses.shift.tables.FACTORS`.
        value: how far.

    Returns:
        uint8, same shape.

    Raises:
        FacebiasError: an unknown factor, or a view beyond the mirrored margin.
    """
    if factor == "scale":
        return _view(images, value, 0.0)
    if factor == "offset":
        return _view(images, 1.0, value)
    if factor == "brightness":
        return _exposed(images, value)
    if factor == "blur":
        return _blurred(images, value)
    if factor == "size":
        return _small(images, round(value))
    raise FacebiasError("SHIFT", factor, "no such factor", f"Use {', '.join(one.name for one in FACTORS)}")


def _view(images: Tensor, scale: float, offset: float) -> Tensor:
    size = images.shape[-1]
    margin, side, down = round(_MARGIN * size), round(scale * size), round(offset * size)
    left = margin + (size - side) // 2
    top = left - down
    if side < 1 or min(left, top) < 0 or top + side > size + 2 * margin:
        raise FacebiasError(
            "SHIFT",
            "view",
            f"scale {scale:g}, offset {offset:g} leave the mirrored margin",
            f"Stay within {1 + 2 * _MARGIN:g} and {_MARGIN:g}",
        )
    wide = transforms.pad(images, [margin] * 4, padding_mode="symmetric")
    return transforms.resized_crop(wide, top, left, side, side, [size, size], antialias=True)


def _exposed(images: Tensor, stops: float) -> Tensor:
    level = np.arange(256) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    linear = np.clip(linear * 2.0**stops, 0, 1)
    level = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return torch.from_numpy(np.rint(255 * level).astype(np.uint8))[images.int()]


def _small(images: Tensor, side: int) -> Tensor:
    """Shrunk to `side` pixels as a small face would be cut, and enlarged again as cutting to 64 would."""
    size = images.shape[-1]
    small = transforms.resize(images, [side, side], antialias=True)
    return transforms.resize(small, [size, size], antialias=True)


def _blurred(images: Tensor, sigma: float) -> Tensor:
    taps = 2 * math.ceil(3 * sigma) + 1
    pixels = images.to(torch.float32)
    for kernel in ([taps, 1], [1, taps]):  # a Gaussian is separable: two short passes, not one of taps x taps
        pixels = transforms.gaussian_blur(pixels, kernel, [sigma, sigma])
    return pixels.round_().clamp_(0, 255).to(torch.uint8)
