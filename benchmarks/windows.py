"""Windows a second in a whole picture: cut and scored in batches, against a plain loop over crops.

    .venv/bin/python benchmarks/windows.py [rounds]

The plain loop cuts each window out of the picture, resizes it, and runs the network on it alone, as most published
sliding windows do. Both have the same windows, pixels to within rounding, network and threads, and take turns; medians
over the rounds. Wall time is what a user waits; processor time tells how it would be on a quiet machine.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image

from facebias.config import Config
from facebias.detect import Scorer, score_windows, scorer
from facebias.images import square
from facebias.models import build_model
from facebias.sources.base import Box
from facebias.windows import Scan, boxes_of

SIZES = ((448, 448), (1024, 768), (2048, 1536))  # a FairFace chip, a small and a large photograph


def loop(image: Image.Image, boxes: np.ndarray, score: Scorer) -> np.ndarray:
    """Cut, resize and score one window at a time: scores (n,)."""
    found = []
    for x0, y0, x1, _ in boxes:
        crop = square(image, Box(x0, y0, (x1 - x0) * (1 - 1e-9)), 64)  # a hair inside: no rounding past the edge
        found.append(score(crop[None])[0])
    return np.array(found)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall and of processor that `work` takes."""
    wall, own = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - own


def compare(image: Image.Image, score: Scorer, rounds: int) -> None:
    """Print windows a second of both, and their ratio, with the threads that are set."""
    places = Scan.parse("fine").places(*image.size)
    part = np.random.default_rng(1).permutation(len(places))[:60]
    boxes = boxes_of(places, *image.size)[part]
    difference = np.abs(score_windows(image, places, [score])[0][part] - loop(image, boxes, score)).max()
    times = np.array([(*timed(lambda: loop(image, boxes, score)),
                       *timed(lambda: score_windows(image, places, [score]))) for _ in range(rounds)])
    loop_wall, loop_own, wall, own = np.median(times, axis=0) / np.repeat([len(part), len(places)], 2)
    print(f"{image.width} x {image.height}, {len(places)} windows, {torch.get_num_threads()} thread(s); scores differ "
          f"by at most {difference:.0e}")
    for name, mine, other in (("wall", wall, loop_wall), ("processor", own, loop_own)):
        print(f"    {name:<10} plain loop {1 / other:6.0f} windows/s, in batches {1 / mine:6.0f} windows/s, "
              f"ratio {other / mine:.1f}")


def main() -> None:
    """Compare both on pictures of several sizes, on one thread and on all processors."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8))
    score = scorer(build_model(Config(model="standard_cnn")))
    for count in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(count)
        for size in SIZES:
            compare(coarse.resize(size, Image.Resampling.BICUBIC), score, rounds)


if __name__ == "__main__":
    main()
