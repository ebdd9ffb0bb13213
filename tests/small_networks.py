"""Noise, a function as a module, and a small hardened network: what tests of FullGrad put a model around."""

from __future__ import annotations

import torch
from torch import nn

from facebias.saliency.benchmarks.networks import harden


def noise(count: int = 2, side: int = 32, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn((count, 3, side, side), generator=generator, dtype=torch.float64).to(dtype)


class Call(nn.Module):
    """A function as a module; further modules belong to it."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.modules_ = function, nn.ModuleList(modules)

    def forward(self, x):
        return self.function(x)


def small(dtype: torch.dtype = torch.float64) -> nn.Module:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.SiLU(),
        nn.Conv2d(8, 8, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 3),
    )
    return harden(model).to(dtype).eval()


INNER = small()
