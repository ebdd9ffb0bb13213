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

SIZE = (448, 448)


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
    places = Scan.parse("fine").places(*SIZE)
    part = np.random.default_rng(1).permutation(len(places))[:100]
    boxes = boxes_of(places, *SIZE)[part]
    times = np.array([(*timed(lambda: loop(image, boxes, score)),
                       *timed(lambda: score_windows(image, places, [score]))) for _ in range(rounds)])
    loop_wall, loop_own, wall, own = np.median(times, axis=0) / np.repeat([len(part), len(places)], 2)
    for name, mine, other in (("wall", wall, loop_wall), ("processor", own, loop_own)):
        print(f"{torch.get_num_threads()} thread(s), {name} time: plain loop {1 / other:6.0f} windows/s, in batches "
              f"{1 / mine:6.0f} windows/s, ratio {other / mine:.1f}")


def main() -> None:
    """Check that both find the same, then compare them on one thread and on all processors."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    coarse = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    image = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
    score = scorer(build_model(Config(model="standard_cnn")))
    places = Scan.parse("fine").places(*SIZE)
    difference = np.abs(score_windows(image, places, [score])[0] - loop(image, boxes_of(places, *SIZE), score)).max()
    print(f"{len(places)} windows in a picture of {SIZE[0]} x {SIZE[1]}; scores differ by at most {difference:.1e}")
    for count in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(count)
        compare(image, score, rounds)


if __name__ == "__main__":
    main()
