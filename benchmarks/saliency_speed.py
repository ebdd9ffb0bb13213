"""Time and memory of FullGrad against its floor, one forward and one backward pass to the input, and against grad-cam.

    python benchmarks/saliency_speed.py [--side 224] [--batch 16] [--rounds 7] [--networks resnet18 vgg16] [--no-peer]

Time: medians of interleaved rounds in one process, so that other work on the machine hits all alike; only ratios mean
anything. Memory: a fresh process a measurement; the peak of its resident memory during one call, less what it held
before (model, images, and a warm-up call with one small image). Leak: resident memory after 50 calls and after 550.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
import torchvision
from torch import Tensor, nn

from facebias.core.words import IMAGE_SIZE
from facebias.detectors.networks import StandardCNN
from facebias.saliency import FullGrad

LIMITS = {"face": 1.4, "resnet18": 1.4, "resnet50": 1.4, "vgg16": 1.4, "efficientnet_b0": 2.0}


def build(name: str, side: int, batch: int) -> tuple[nn.Module, Tensor]:
    """A network with random weights in evaluation mode, and images (batch, 3, side, side) of noise."""
    torch.manual_seed(0)
    if name == "face":
        model, side = StandardCNN().to(memory_format=torch.channels_last), IMAGE_SIZE
    else:
        model = getattr(torchvision.models, name)()
    return model.eval(), torch.rand(batch, 3, side, side)


def floor(model: nn.Module, images: Tensor) -> Tensor:
    """One forward pass and one backward pass to the input, for the highest output."""
    images = images.detach().requires_grad_()
    out = model(images)
    score = out if out.dim() == 1 else out.max(1).values
    return torch.autograd.grad(score.sum(), images)[0]


def peer(model: nn.Module, images: Tensor) -> Tensor:
    """FullGrad of grad-cam 1.5.7."""
    from pytorch_grad_cam import FullGrad as Peer
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget, RawScoresOutputTarget

    one = model(images[:1]).dim() == 1
    targets = [RawScoresOutputTarget() if one else ClassifierOutputTarget(0) for _ in images]
    with Peer(model, []) as method:
        return method(images, targets)


def ours(model: nn.Module, images: Tensor) -> Tensor:
    """FullGrad of this project, checked on every call, as it is by default."""
    return FullGrad(model).saliency(images)


CALLS: dict[str, Callable[[nn.Module, Tensor], object]] = {"floor": floor, "ours": ours, "grad-cam": peer}


def times(name: str, side: int, batch: int, rounds: int, calls: list[str]) -> dict[str, float]:
    """Median seconds a call, all calls taking turns."""
    model, images = build(name, side, batch)
    seconds: dict[str, list[float]] = {call: [] for call in calls}
    rounds = 10 * rounds if name == "face" else rounds  # a call takes milliseconds
    for turn in range(rounds + 1):
        for call in calls:
            gc.collect()
            start = time.perf_counter()
            CALLS[call](model, images)
            if turn:  # the first turn warms up
                seconds[call].append(time.perf_counter() - start)
    return {call: statistics.median(values) for call, values in seconds.items()}


def peak_of_one_call(name: str, side: int, batch: int, call: str) -> float:
    """Peak of resident memory during one call, less the memory before it, in MB. To be run in a fresh process."""
    model, images = build(name, side, batch)
    CALLS[call](model, images[:1, :, : max(64, side // 4), : max(64, side // 4)])
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak to the present
    before = psutil.Process().memory_info().rss
    CALLS[call](model, images)
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    return (peak - before) / 1e6


def growth(calls: int = 500) -> float:
    """Growth of resident memory over that many calls on the face network, in MB, after 50 calls of warm-up."""
    model, images = build("face", IMAGE_SIZE, 16)
    for _ in range(50):
        ours(model, images)
    gc.collect()
    before = psutil.Process().memory_info().rss
    for _ in range(calls):
        ours(model, images)
    gc.collect()
    return (psutil.Process().memory_info().rss - before) / 1e6


def _in_child(name: str, side: int, batch: int, call: str) -> float:
    command = [
        sys.executable,
        __file__,
        "--child",
        call,
        "--networks",
        name,
        "--side",
        str(side),
        "--batch",
        str(batch),
    ]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def main() -> None:
    """Prints one line a network; exits with 1 where a limit of the project is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--networks", nargs="+", default=list(LIMITS))
    parser.add_argument("--no-peer", action="store_true", help="leave grad-cam out")
    parser.add_argument("--no-memory", action="store_true", help="measure time alone")
    parser.add_argument("--child", choices=list(CALLS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.child:
        print(peak_of_one_call(args.networks[0], args.side, args.batch, args.child))
        return
    calls = ["floor", "ours"] + ([] if args.no_peer else ["grad-cam"])
    missed = []
    print(f"batch {args.batch}, side {args.side} (face {IMAGE_SIZE}), {torch.get_num_threads()} threads")
    for name in args.networks:
        seconds = times(name, args.side, args.batch, args.rounds, calls)
        line = f"{name:16} floor {seconds['floor']:.3f} s"
        for call in calls[1:]:
            line += f" | {call} time x{seconds[call] / seconds['floor']:.2f}"
        if seconds["ours"] / seconds["floor"] > LIMITS.get(name, 2.0):
            missed.append(f"{name} time")
        if not args.no_memory:
            peaks = {call: _in_child(name, args.side, args.batch, call) for call in calls}
            line += "".join(f" | {call} memory x{peaks[call] / peaks['floor']:.2f}" for call in calls[1:])
            line += f" (floor {peaks['floor']:.0f} MB)"
            if peaks["ours"] / peaks["floor"] > 1.3:
                missed.append(f"{name} memory")
        print(line, flush=True)
    grown = growth()
    print(f"500 calls grow resident memory by {grown:.1f} MB")
    if grown > 20:
        missed.append("growth")
    if missed:
        sys.exit(f"over the limit: {', '.join(missed)}")


if __name__ == "__main__":
    main()
