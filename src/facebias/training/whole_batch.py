"""A batch that lies on several ranks, trained on as one: gradients are averaged, batch norm sees the whole of it.

With batch norm by each rank's own images, a network would depend on how many ranks made it. Here N ranks train what
one process would train, up to rounding and to the draws of augmentation and latent noise, which each rank makes anew.
torch's own SyncBatchNorm does the same on GPUs alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from facebias.detectors.networks import at_least_float32
from facebias.training.ranks import World


def whole_loss(model: Any, world: World) -> Callable[..., Any]:
    """The model's loss, with gradients averaged over the ranks; of one rank, the model's own.

    Every parameter gets a gradient on every rank, also where a rank has no face: its sums over faces are zeros.
    """
    if world.size == 1:
        return model.loss  # type: ignore[no-any-return]
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = WholeBatchNorm  # the same parameters and buffers under the same names
    return DistributedDataParallel(_Loss(model), broadcast_buffers=False, gradient_as_bucket_view=True)


class _Loss(nn.Module):
    """The loss as `forward`, where DistributedDataParallel begins its work."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, *args: Any) -> Any:
        """The model's loss of the same arguments."""
        return self.model.loss(*args)


class _Sum(torch.autograd.Function):
    """A sum over the ranks; its gradient is one too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """Values of any shape, summed over the ranks."""
        values = values.clone()
        dist.all_reduce(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """The gradients of all ranks' sums, summed: each rank's values are in all of them."""
        return _Sum.apply(gradient.contiguous())


class WholeBatchNorm(nn.BatchNorm2d):
    """Batch norm by the mean and variance of all ranks' images."""

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, channels, H, W), normalised. Running statistics are the whole batch's, the same on each rank."""
        if not self.training:
            return super().forward(images)
        values = at_least_float32(images)
        count = values.new_full((1,), values.numel() / values.shape[1])
        sums = _Sum.apply(torch.cat([values.sum((0, 2, 3)), count]))
        mean, total = sums[:-1] / sums[-1], sums[-1]
        centred = values - mean.view(1, -1, 1, 1)
        variance = _Sum.apply(centred.square().sum((0, 2, 3))) / total
        self._remember(mean.detach(), (variance * total / (total - 1)).detach())
        scale = (self.weight * torch.rsqrt(variance + self.eps)).view(1, -1, 1, 1)
        normal: Tensor = centred * scale + self.bias.view(1, -1, 1, 1)
        return normal.to(images.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked.add_(1)
