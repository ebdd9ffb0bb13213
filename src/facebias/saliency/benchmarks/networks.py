"""Networks on which a wrong decomposition cannot pass.

With initial weights the head's bias is most of the score, and biases and running means are zero, so that a method
which forgets them looks complete. Here all of them are spread, and the head's bias is zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from facebias.core.words import IMAGE_SIZE
from facebias.detectors.networks import DBVAE, StandardCNN

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


class _Uninitialised(TorchFunctionMode):
    """Skips initial weights, most of the time that a large network takes to build; `harden` sets every one."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def network(name: str, side: int = 64, seed: int = 0) -> nn.Module:
    """A network by its name, hardened, in evaluation mode.

    Args:
        name: "standard_cnn", "dbvae", "vision_transformer", or one of torchvision's.
        side: of the images in pixels; it matters to the vision transformer alone.
        seed: of the weights.
    """
    with torch.random.fork_rng(devices=[]), _Uninitialised():
        if name == "standard_cnn":
            model: nn.Module = StandardCNN()
        elif name == "dbvae":
            model = DBVAE()
        elif name == "vision_transformer":
            model = torchvision.models.VisionTransformer(side, side // 4, 2, 2, 32, 64, num_classes=10)
        else:
            extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
            model = getattr(torchvision.models, name)(**extra)
    return harden(model, seed).eval()


def smallest_side(name: str) -> int:
    """The smallest side in pixels that the network takes, of those we try: 64, or 75 for Inception."""
    return 75 if name == "inception_v3" else IMAGE_SIZE


@torch.no_grad()
def harden(model: nn.Module, seed: int = 0) -> nn.Module:
    """Kaiming weights, spread biases and batch-norm statistics, and a head without bias; the model itself, changed."""
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: Tensor, deviation: float) -> None:
        """Fill with seeded normal numbers."""
        tensor.normal_(0, deviation, generator=generator)

    def uniform(tensor: Tensor, low: float, high: float) -> None:
        """Fill with seeded uniform numbers."""
        tensor.uniform_(low, high, generator=generator)

    for name, parameter in model.named_parameters():
        if "layer_scale" in name:
            uniform(parameter, 0.5, 1.0)
        elif parameter.dim() == 1 or any(part in name for part in ("token", "embedding", "position")):
            normal(parameter, 0.3)
        else:
            normal(parameter, (2 / parameter[0].numel()) ** 0.5)
    for module in model.modules():
        if isinstance(module, _NORMS):
            if module.weight is not None:
                uniform(module.weight, 0.5, 1.0)
            if module.bias is not None:
                normal(module.bias, 0.5)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            mean, variance = module.running_mean, module.running_var
            if mean is not None and variance is not None:
                normal(mean, 0.5)
                uniform(variance, 0.5, 1.5)
    heads = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if heads and heads[-1].bias is not None:
        heads[-1].bias.zero_()
    return model
