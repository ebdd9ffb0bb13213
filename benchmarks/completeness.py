"""Completeness of FullGrad, for each image, on hardened networks of every family, in float32 and float64.

    python benchmarks/completeness.py [--side 224] [--batch 4] [--networks resnet18 ...]

Prints the largest relative error |f - sum of terms| / |f| over the batch, and how far maps differ, as a share of the
largest value: each image's alone from the same in the batch (float64), and float32 from float64. Exits with 1 where one
of these is over its limit.
"""

from __future__ import annotations

import argparse
import sys

import torch

from facebias.core.words import IMAGE_SIZE
from facebias.saliency import FullGrad
from facebias.saliency.benchmarks.networks import network, smallest_side

TORCHVISION = (
    "alexnet",
    "vgg16",
    "vgg16_bn",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "densenet121",
    "googlenet",
    "inception_v3",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "mnasnet1_0",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "convnext_tiny",
    "swin_t",
)
NETWORKS = (*TORCHVISION, "vision_transformer", "standard_cnn", "dbvae")

LIMITS = {"float32": 1e-5, "float64": 1e-12, "alone": 1e-6, "precision": 1e-3}


def errors(name: str, side: int, batch: int) -> dict[str, float]:
    """What is printed of a network, by the names of `LIMITS`, on random images."""
    side = IMAGE_SIZE if name in ("standard_cnn", "dbvae") else max(side, smallest_side(name))
    images = torch.randn((batch, 3, side, side), generator=torch.Generator().manual_seed(1))
    found, maps = {}, {}
    for precision in (torch.float32, torch.float64):
        method, mine = FullGrad(network(name, side).to(precision)), images.to(precision)
        word = str(precision).removeprefix("torch.")
        found[word] = float(method.decompose(mine).relative_error.max())
        maps[word] = method.saliency(mine, 0).double()
    largest = maps["float64"].abs().max()
    alone = torch.cat([method.saliency(mine[row : row + 1], 0) for row in range(batch)])
    found["alone"] = float((alone - maps["float64"]).abs().max() / largest)
    found["precision"] = float((maps["float32"] - maps["float64"]).abs().max() / largest)
    return found


def main() -> None:
    """Prints one line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    args = parser.parse_args()
    missed = []
    for name in args.networks:
        found = errors(name, args.side, args.batch)
        print(f"{name:20} " + "   ".join(f"{word} {value:.1e}" for word, value in found.items()), flush=True)
        # Written so that not-a-number counts as a miss.
        missed += [name] * any(not error <= LIMITS[word] for word, error in found.items())
    if missed:
        sys.exit(f"over the limit: {', '.join(missed)}")


if __name__ == "__main__":
    main()
