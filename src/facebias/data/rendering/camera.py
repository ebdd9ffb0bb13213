"""From light to a file: exposure, tone, blur, noise, sRGB and JPEG. Faces and negatives go through the same camera."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from facebias.core.words import IMAGE_SIZE
from facebias.data.rendering.canvas import Factors
from facebias.data.rendering.colour import encode_srgb

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def develop(image: np.ndarray, f: Factors, rng: np.random.Generator) -> np.ndarray:
    """Photograph linear light (n, 3, side, side): uint8 RGB (n, side, side, 3). `f` is drawn by factors.draw_photo."""
    image = image * (f.light_colour * np.exp2(f.exposure)[:, None])
    image += f.haze[:, None]
    luma = image[:, 0:1] * _LUMA[0] + image[:, 1:2] * _LUMA[1] + image[:, 2:3] * _LUMA[2]
    image -= luma
    image *= (f.saturation * (1 - f.grey))[:, None]
    image += luma
    np.clip(image, 0, None, out=image)
    image = _blurred(image, f.values["blur"] * f.values["stretch"], f.values["blur"] / f.values["stretch"])
    # A shoulder keeps highlights from clipping hard
    encoded = encode_srgb(np.minimum(image * (1 + 0.15 * image) / (1 + 0.25 * image * image), 1))
    encoded -= 0.42
    encoded *= f.contrast[:, None]
    encoded += 0.42
    encoded += _noise(f, rng)
    pixels = np.clip(encoded * 255 + 0.5, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return _compressed(np.ascontiguousarray(pixels), f.values["jpeg"])


def _noise(f: Factors, rng: np.random.Generator) -> np.ndarray:
    """Brightness and colour noise (n, 3, side, side)."""
    grain = rng.standard_normal((len(f), 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
    common = grain[:, 0:1].copy()
    grain *= 0.45
    grain += 0.9 * common
    grain *= f.noise[:, None]
    return grain


def _blurred(image: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Gaussian blur with a sigma for each image and direction, in pixels, as a product with two banded matrices."""
    return _kernel(down)[:, None] @ image @ _kernel(across)[:, None].transpose(0, 1, 3, 2)


def _kernel(sigma: np.ndarray) -> np.ndarray:
    """(n, side, side): each row the weights of one pixel, summing to 1 at the borders too."""
    distance = np.arange(IMAGE_SIZE, dtype=np.float32)[:, None] - np.arange(IMAGE_SIZE, dtype=np.float32)[None]
    weight = np.exp(-0.5 * (distance / sigma.astype(np.float32).reshape(-1, 1, 1)) ** 2)
    return weight / weight.sum(axis=2, keepdims=True)


def _compressed(pixels: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Each picture (n, side, side, 3) through JPEG at its quality, and back."""
    for index, picture in enumerate(pixels):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=int(quality[index]))
        pixels[index] = np.asarray(Image.open(buffer))
    return pixels
