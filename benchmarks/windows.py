"""Windows a second in a whole picture: cut and scored in batches, against a plain loop over crops.

    .venv/bin/python benchmarks/windows.py [rounds]

- *Plain loop*, what a plain user writes: cut and resize one window with Pillow (`Image.resize` with `box`, Lanczos, as
  every image of the project), `to_tensor`, and the network as it was trained on this one crop, in evaluation mode
  without gradients.
- *In batches*, what `facebias detect` does: the picture is resized once for each window size (torch's Lanczos), windows
  are views of it, and batches of 128 go through the network with its batch normalisation folded in.

Same picture, windows, weights and threads, in turns; medians over the rounds. Wall time is what a user waits; processor
time tells how it would be on a quiet machine. The network has initial weights and made-up statistics of normalisation,
so its scores differ less than a trained one's: the difference is told beside their spread over the windows.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.transforms.functional import to_tensor

from facebias.analyses.pictures.detect import Scorer, score_windows, scorer
from facebias.core.config import Config
from facebias.core.words import IMAGE_SIZE
from facebias.detectors.networks import build_model
from facebias.detectors.windows import Scan, batches, boxes_of

SIZES = ((448, 448), (1024, 768), (2048, 1536))  # a FairFace chip, a small and a large photograph
SHOWN = 60  # windows of the loop, drawn from all


def cut(image: Image.Image, box: np.ndarray) -> Image.Image:
    """One window, resized from the picture; a hair inside, so that rounding does not lead past the edge."""
    x0, y0, x1, _ = box
    side = (x1 - x0) * (1 - 1e-9)
    return image.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.LANCZOS, box=(x0, y0, x0 + side, y0 + side))


def loop(image: Image.Image, boxes: np.ndarray, model: nn.Module) -> np.ndarray:
    """Cut, resize and score one window at a time: scores (n,)."""
    with torch.inference_mode():
        return np.array([model(to_tensor(cut(image, box))[None]).item() for box in boxes])


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall and of processor that `work` takes."""
    wall, own = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - own


def compare(image: Image.Image, model: nn.Module, score: Scorer, rounds: int) -> None:
    """Print windows a second of both, their ratio, and how far pixels and scores differ."""
    places = Scan.parse("fine").places(*image.size)
    part = np.random.default_rng(1).permutation(len(places))[:SHOWN]
    boxes = boxes_of(places, *image.size)[part]
    times = np.array(
        [
            (
                *timed(lambda: loop(image, boxes, model)),
                *timed(lambda: score_windows(image, places, [score])),
                *timed(lambda: sum(len(rows) for rows, _ in batches(image, places))),
            )
            for _ in range(rounds)
        ]
    )
    times = np.median(times, axis=0) / np.repeat([len(part), len(places), len(places)], 2)
    print(f"{image.width} x {image.height}, {len(places)} windows, {torch.get_num_threads()} thread(s)")
    for name, (other, mine, cutting) in (("wall", times[::2]), ("processor", times[1::2])):
        print(
            f"    {name:<10} plain loop {1 / other:6.0f} windows/s, in batches {1 / mine:6.0f} windows/s, "
            f"ratio {other / mine:.1f} (a window takes {1e6 * mine:.0f} us, {1e6 * cutting:.0f} of them cutting)"
        )
    print(f"    {differences(image, places, boxes, part, model, score)}")


def differences(
    image: Image.Image, places: np.ndarray, boxes: np.ndarray, part: np.ndarray, model: nn.Module, score: Scorer
) -> str:
    """How far both differ, in words."""
    crops = np.empty((len(places), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    for rows, found in batches(image, places):
        crops[rows] = found
    alone = np.stack([np.asarray(cut(image, box)) for box in boxes])
    grey = np.abs(alone.astype(int) - crops[part])
    scores = score_windows(image, places, [score])[0]
    apart, folded = (
        np.abs(scores[part] - loop(image, boxes, model)).max(),
        np.abs(scores[part] - loop_of(crops[part], model)).max(),
    )
    return (
        f"pixels: {100 * np.mean(grey > 0):.1f} % of values differ, by {grey.max()} of 255 at most; scores differ "
        f"by {apart:.0e} at most ({folded:.0e} on the same pixels), their standard deviation is {scores.std():.0e}"
    )


def loop_of(crops: np.ndarray, model: nn.Module) -> np.ndarray:
    """Scores (n,) of crops (n, 64, 64, 3), one at a time."""
    with torch.inference_mode():
        return np.array([model(to_tensor(crop)[None]).item() for crop in crops])


def network() -> nn.Module:
    """The standard CNN with statistics of normalisation such as training leaves."""
    model = build_model(Config(model="standard_cnn")).eval()
    generator = torch.Generator().manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(0, 0.3, generator=generator)
            layer.running_var.uniform_(0.1, 1, generator=generator)
    return model


def main() -> None:
    """Compare both on pictures of several sizes, on one thread and on all processors."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
    model = network()
    score = scorer(model)
    for count in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(count)
        for size in SIZES:
            smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)).astype(float)
            grain = rng.normal(0, 12, smooth.shape)  # as fine as pixels, so that rounding is not hidden
            compare(Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)), model, score, rounds)


if __name__ == "__main__":
    main()
