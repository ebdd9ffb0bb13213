"""Windows a second in a whole picture: cut and scored in batches, against a plain loop over crops.

    .venv/bin/python benchmarks/windows.py [rounds]

The plain loop cuts each window out of the picture, resizes it, and runs the network on it alone, as most published
sliding windows do. Both use one thread, the same windows, pixels to within rounding, and network, and take turns;
medians over the rounds. Wall time is what a user waits; processor time tells how it would be on a quiet machine.
"""

from __future__ import annotations

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


def main() -> None:
    """Print windows a second of both, and their ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    torch.set_num_threads(1)
    coarse = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    image = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
    places = Scan.parse("fine").places(*SIZE)
    boxes, score = boxes_of(places, *SIZE), scorer(build_model(Config(model="standard_cnn")))
    part = np.random.default_rng(1).permutation(len(places))[:100]
    difference = np.abs(score_windows(image, places, [score])[0][part] - loop(image, boxes[part], score)).max()
    print(f"{len(places)} windows in a picture of {SIZE[0]} x {SIZE[1]}; scores differ by at most {difference:.1e}")
    times = np.array([(*timed(lambda: loop(image, boxes[part], score)),
                       *timed(lambda: score_windows(image, places, [score]))) for _ in range(rounds)])
    loop_wall, loop_own, wall, own = np.median(times, axis=0)
    for name, seconds, other in (("wall", wall, loop_wall), ("processor", own, loop_own)):
        print(f"{name:<10} plain loop {len(part) / other:6.0f} windows/s, in batches {len(places) / seconds:6.0f} "
              f"windows/s, ratio {other / len(part) / (seconds / len(places)):.1f}")


if __name__ == "__main__":
    main()
