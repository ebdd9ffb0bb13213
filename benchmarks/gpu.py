"""What a graphics card does: steps by batch, several trainings at once, FullGrad, and scores beside the processor's.

    python benchmarks/gpu.py [--tiny] [--out gpu.csv]

Under ten minutes on one card, and on a processor where there is none. Prints one line a measurement, and writes them
all with the card's name: stage, setting, value, unit.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from facebias.core.config import Config
from facebias.core.csv import write_csv
from facebias.detectors.inference import as_input, logits, pick_device
from facebias.detectors.networks import build_model
from facebias.saliency.fullgrad import FullGrad
from facebias.training.augmentation import augment

_ARMS = ("cnn", "dbvae-0.01")
Line = tuple[str, str, float, str]


def seconds(work: Callable[[], object], device: torch.device, least: float) -> float:
    """Wall seconds a call, over as many calls as fill `least` seconds, after three that warm up."""
    for _ in range(3):
        work()
    calls, begun = 0, _now(device)
    while (passed := _now(device) - begun) < least or not calls:
        work()
        calls += 1
    return passed / calls


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()  # what was asked for is done
    return time.perf_counter()


def stepper(config: Config, device: torch.device) -> Callable[[], None]:
    """One step as `training/epoch.py:train_epoch` does it, augmentation included."""
    model = build_model(config).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    pixels = noise(config.batch_size)
    labels = torch.arange(config.batch_size, device=device).lt(config.batch_size / 2).float()

    def step() -> None:
        """From stored pixels to changed weights."""
        images = augment(as_input(pixels, device), config, torch.Generator().manual_seed(0))
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            parts = model.loss(images, labels, config, torch.Generator(device).manual_seed(0))
        optimizer.zero_grad(set_to_none=True)
        parts.total.backward()
        optimizer.step()

    return step


def noise(count: int) -> Tensor:
    """Stored pixels, uint8 (count, 3, 64, 64)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8, generator=generator).permute(0, 3, 1, 2)


def steps(device: torch.device, batches: tuple[int, ...], least: float) -> Iterator[Line]:
    """Images a second of a step, by arm, precision and batch."""
    for arm in _ARMS:
        for precision in ("float32", "bfloat16"):
            for batch in batches:
                config = Config.make(batch_size=batch, precision=precision).for_arm(arm, 0)
                each = seconds(stepper(config, device), device, least)
                yield "step", f"{arm}, {precision}, batch {batch}", batch / each, "images/s"


def packed(device: torch.device, counts: tuple[int, ...], least: float) -> Iterator[Line]:
    """Images a second of several trainings that share the device, each on a stream of its own where there are some."""
    for count in counts:
        works = [stepper(Config.make().for_arm("dbvae-0.01", seed), device) for seed in range(count)]
        streams = [torch.cuda.Stream() for _ in works] if device.type == "cuda" else []

        def together(works: list[Callable[[], None]] = works, streams: list[torch.cuda.Stream] = streams) -> None:
            """One step of each."""
            for number, work in enumerate(works):
                with torch.cuda.stream(streams[number] if streams else None):
                    work()

        each = seconds(together, device, least)
        yield "side by side", f"{count} trainings", count * Config().batch_size / each, "images/s"


def explaining(device: torch.device, batches: tuple[int, ...], least: float) -> Iterator[Line]:
    """Time of FullGrad over that of forward and backward, on the face network."""
    model = build_model(Config.make().for_arm("cnn", 0)).to(device).eval()
    for batch in batches:
        images = as_input(noise(batch), device)
        method = FullGrad(model)
        ours = seconds(lambda images=images, method=method: method.saliency(images), device, least)
        floor = seconds(lambda images=images: _gradient(model, images), device, least)
        yield "FullGrad over forward and backward", f"batch {batch}", ours / floor, "times"


def _gradient(model: nn.Module, images: Tensor) -> Tensor:
    images = images.detach().requires_grad_()
    return torch.autograd.grad(model(images).sum(), images)[0]


def parity(device: torch.device, count: int) -> Iterator[Line]:
    """Largest difference of logits between this device and the processor.

    Raises:
        SystemExit: it is over a thousandth of a logit.
    """
    for arm in _ARMS:
        model, pixels = build_model(Config.make().for_arm(arm, 0)), noise(count)
        there = logits(model.to(device), pixels)
        apart = float((logits(model.cpu(), pixels) - there).abs().max())
        yield "logits beside the processor's", arm, apart, "largest difference"
        if apart > 1e-3:
            raise SystemExit(f"{arm}: logits on {device} and on the processor differ by {apart:.2g}")


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="everything once, with next to nothing")
    parser.add_argument("--out", type=Path, default=Path("gpu.csv"))
    args = parser.parse_args()
    device = pick_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else str(device)
    least = 0.0 if args.tiny else 3.0
    batches, counts = ((4,), (1, 2)) if args.tiny else ((32, 64, 128, 256, 512, 1024), (1, 2, 4, 8))
    found = []
    for line in (
        *parity(device, 8 if args.tiny else 2048),
        *steps(device, batches, least),
        *packed(device, counts, least),
        *explaining(device, (2,) if args.tiny else (16, 64, 256), least),
    ):
        print("{}: {}: {:,.4g} {}".format(*line), flush=True)
        found.append((name, torch.__version__, *line))
    write_csv(pd.DataFrame(found, columns=["device", "torch", "stage", "setting", "value", "unit"]), args.out)


if __name__ == "__main__":
    main()
