"""A trained network as it is scored in bulk: batch normalisation folded into the weights beside it.

In evaluation mode batch normalisation is a scale and a shift of each channel. `torch.nn.utils.fusion` folds it into the
convolution *before*; here ReLU lies between the two, so it goes into the layer *after*. The scale joins that layer's
weights. The shift, seen through a convolution whose border is padded with zeros, is no constant but a fixed map, added
to its output in place of the bias. The division of pixels by 255 goes into the first convolution. All is worked out in
float64, so outputs are those of the network but for float32 rounding. For outputs alone: explanations and steps of
training want the network's own layers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facebias.core.words import IMAGE_SIZE
from facebias.detectors.networks import DBVAE, Encoder, StandardCNN


class _Step(NamedTuple):
    """A convolution with what is added to its output: (1, C, 1, 1), or a map (1, C, H, W)."""

    weight: Tensor
    added: Tensor
    stride: tuple[int, ...]
    padding: str | tuple[int, ...]


class Folded:
    """Face logits of stored pixels: uint8 (N, 3, 64, 64) RGB to float32 (N,) on the CPU.

    The weights are those at the time of folding, on the device where the network is. The network stays as it is, its
    mode too.
    """

    def __init__(self, model: StandardCNN | DBVAE) -> None:
        self.device = next(model.parameters()).device
        steps, scale, shift = _steps(model.encoder)
        weight = _exact(model.encoder.hidden.weight)
        weight = weight.view(len(weight), len(scale), -1)  # hidden units, channels, places
        added = _exact(model.encoder.hidden.bias) + torch.einsum("hcp,c->h", weight, shift)
        self._steps = tuple(_Step(self._kept(step.weight), self._kept(step.added), *step[2:]) for step in steps)
        self._hidden, self._added = self._kept((weight * scale[None, :, None]).flatten(1)), self._kept(added)
        self._head, self._bias = (self._kept(_exact(part)) for part in (model.head.weight, model.head.bias))

    def _kept(self, weight: Tensor) -> Tensor:
        laid = torch.channels_last if weight.ndim == 4 else torch.contiguous_format
        return weight.float().to(self.device, memory_format=laid)

    def __call__(self, images: Tensor) -> Tensor:
        """Logits of one batch.

        Raises:
            TypeError: the images are not uint8, so their range is not known.
        """
        with torch.inference_mode():
            # the DB-VAE's other outputs are its latents
            return functional.linear(self._features(images), self._head[:1], self._bias[:1]).squeeze(1).cpu()

    def outputs(self, images: Tensor) -> Tensor:
        """All outputs (N, outputs) of the network's head for one batch, on its device.

        Raises:
            TypeError: as a call.
        """
        with torch.inference_mode():
            return functional.linear(self._features(images), self._head, self._bias)

    def _features(self, images: Tensor) -> Tensor:
        if images.dtype != torch.uint8:
            raise TypeError(f"expected uint8 images, found {images.dtype}")
        found = images.to(self.device).to(torch.float32, memory_format=torch.channels_last)
        for step in self._steps:
            found = functional.conv2d(found, step.weight, None, step.stride, step.padding)
            found = found.add_(step.added).relu_()
        return functional.linear(found.flatten(1), self._hidden, self._added).relu_()


def _steps(encoder: Encoder) -> tuple[list[_Step], Tensor, Tensor]:
    """The convolutions, and scale and shift (C,) of the last normalisation, all in float64."""
    convolutions = [layer for layer in encoder.convolutions if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in encoder.convolutions if isinstance(layer, nn.BatchNorm2d)]
    steps: list[_Step] = []
    scale = torch.full((3,), 1 / 255, dtype=torch.float64)
    shift, side = torch.zeros_like(scale), IMAGE_SIZE
    for convolution, norm in zip(convolutions, norms, strict=True):
        weight, added = _exact(convolution.weight), _exact(convolution.bias)[None, :, None, None]
        if steps:  # pixels are not shifted
            seen = shift[None, :, None, None].expand(1, -1, side, side)
            added = added + functional.conv2d(seen, weight, None, convolution.stride, convolution.padding)
        steps.append(_Step(weight * scale[None, :, None, None], added, convolution.stride, convolution.padding))
        scale = _exact(norm.weight) * (_exact(norm.running_var) + norm.eps).rsqrt()
        shift = _exact(norm.bias) - _exact(norm.running_mean) * scale
        side //= 2
    return steps, scale, shift


def _exact(weight: Tensor | None) -> Tensor:
    assert weight is not None  # to torch, layers may lack a bias and running statistics; ours have them
    return weight.detach().cpu().double()
