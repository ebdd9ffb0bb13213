"""Time and memory of FullGrad against its floor, one forward and one backward pass to the input, and beside others.

    python benchmarks/saliency_speed.py [--side 224] [--batch 16] [--rounds 7] [--networks resnet18:4 vgg16:1]
        [--no-peer] [--authors FOLDER] [--out FILE.csv]

Others: FullGrad of grad-cam, and with --authors that of a checkout of github.com/idiap/fullgrad-saliency, which is no
package. Time: processor time in turns in one process (`measured.py`); only ratios mean anything. Memory: a fresh
process a measurement; the peak of its resident memory during one call, less what it held before (model, images, and a
warm-up call with one small image). Leak: resident memory after 50 calls and after 550.
"""

from __future__ import annotations

import argparse
import copy
import gc
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import torch
import torchvision
from measured import in_turns
from torch import Tensor, nn

from facebias.core.csv import write_csv
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


class _Plain(nn.Module):
    """A copy with channels first, and scores (N,) as (N, 2): what the authors' code can take."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).to(memory_format=torch.contiguous_format)

    def forward(self, images: Tensor) -> Tensor:
        """Scores, and zeros."""
        out = self.model(images)
        return torch.stack([out, torch.zeros_like(out)], 1) if out.dim() == 1 else out


@lru_cache(maxsize=1)
def _built(model: nn.Module) -> Any:
    from saliency.fullgrad import FullGrad as Theirs

    # Without the check of completeness that it makes when it is built.
    return type("Unchecked", (Theirs,), {"checkCompleteness": lambda self: None})(_Plain(model))


def authors(model: nn.Module, images: Tensor) -> Tensor:
    """FullGrad of the authors' code."""
    return _built(model).saliency(images.clone())


CALLS: dict[str, Callable[[nn.Module, Tensor], object]] = {
    "floor": floor,
    "ours": ours,
    "grad-cam": peer,
    "authors": authors,
}


def times(name: str, side: int, batch: int, rounds: int, calls: list[str]) -> dict[str, tuple[float, float, float]]:
    """Of each call that works: median and quartiles of its time over the floor's, all taking turns."""
    model, images = build(name, side, batch)
    able = ["floor"]
    for call in calls[1:]:
        try:
            CALLS[call](model, images)
            able.append(call)
        except (RuntimeError, IndexError, ValueError) as error:
            print(f"{call} cannot explain {name}: {str(error).splitlines()[0]}", file=sys.stderr)
    rounds = 10 * rounds if name == "face" else rounds  # a call takes milliseconds
    turns = in_turns([lambda call=call: CALLS[call](model, images) for call in able], rounds)
    return {call: turns.ratio(place, 0) for place, call in enumerate(able)}


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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=16, help="of networks without a batch of their own")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--networks", nargs="+", default=list(LIMITS), help="each a name, or name:batch")
    parser.add_argument("--no-peer", action="store_true", help="leave grad-cam out")
    parser.add_argument("--no-memory", action="store_true", help="measure time alone")
    parser.add_argument("--authors", type=Path, help="a checkout of the authors' code")
    parser.add_argument("--out", type=Path, help="a table of the times")
    parser.add_argument("--child", choices=list(CALLS), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Prints one line a network; exits with 1 where a limit of the project is missed."""
    args = _arguments()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if args.child:
        print(peak_of_one_call(args.networks[0], args.side, args.batch, args.child))
        return
    calls = ["floor", "ours"] + ([] if args.no_peer else ["grad-cam"])
    if args.authors:
        sys.path.insert(0, str(args.authors))
        calls.append("authors")
    missed, rows = [], []
    for name, _, own in (network.partition(":") for network in args.networks):
        batch = int(own or args.batch)
        found = times(name, args.side, batch, args.rounds, calls)
        line = f"{name:16} batch {batch:2}"
        for call, (middle, low, high) in list(found.items())[1:]:
            line += f" | {call} time x{middle:.2f} ({low:.2f} to {high:.2f})"
            rows.append({"network": name, "batch": batch, "call": call, "times": middle, "low": low, "high": high})
        if found["ours"][0] > LIMITS.get(name, 2.0):
            missed.append(f"{name} time")
        if not args.no_memory:
            peaks = {call: _in_child(name, args.side, batch, call) for call in found if call != "authors"}
            line += "".join(f" | {call} memory x{peaks[call] / peaks['floor']:.2f}" for call in list(peaks)[1:])
            line += f" (floor {peaks['floor']:.0f} MB)"
            if peaks["ours"] / peaks["floor"] > 1.3:
                missed.append(f"{name} memory")
        print(line, flush=True)
        if args.out:
            write_csv(pd.DataFrame(rows).round(3), args.out)
    if not args.no_memory:
        grown = growth()
        print(f"500 calls grow resident memory by {grown:.1f} MB")
        if grown > 20:
            missed.append("growth")
    if missed:
        sys.exit(f"over the limit: {', '.join(missed)}")


if __name__ == "__main__":
    main()
