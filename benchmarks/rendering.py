"""Images a second of the face renderer on one process and on two, and against one image at a time.

    .venv/bin/python benchmarks/rendering.py [faces]

The plain loop draws the same pictures with the same functions, one image a call, as a renderer without blocks
does. Wall time is what a user waits; processor time, of this process and its workers, tells how much of it was
rendering where others share the machine.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import numpy as np

from facebias.data.rendering import Difficulty, blocks, render_negatives
from facebias.data.rendering.camera import develop
from facebias.data.rendering.face_light import face_light
from facebias.data.rendering.factors import draw_factors
from facebias.data.rendering.population import draw_cells


def one_at_a_time(n: int, seed: int) -> None:
    """Render n faces by a plain loop."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        tone, woman = draw_cells(rng, 1, None, 0.5)
        factors = draw_factors(rng, tone, woman, Difficulty())
        develop(face_light(factors, rng), factors, rng)


def rate(label: str, n: int, work: Callable[[], None]) -> float:
    """Print and return images a second of `work`, by wall time."""
    wall, own = time.perf_counter(), sum(os.times()[:4])
    work()
    wall, own = time.perf_counter() - wall, sum(os.times()[:4]) - own
    print(f"{label:<34}{n / wall:8.0f} images/s   {own / n * 1000:6.2f} ms of processors an image")
    return n / wall


def rendered(n: int, workers: int) -> None:
    """Render n faces by blocks."""
    for _ in blocks("faces", n, 11, workers=workers):
        pass


def main() -> None:
    """Print the rates and their ratios."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 3840
    rendered(96, 1)  # warm up: imports and interpolation tables
    loop = rate("faces, one image at a time", n // 8, lambda: one_at_a_time(n // 8, 11))
    one = rate("faces, blocks, 1 process", n // 2, lambda: rendered(n // 2, 1))
    two = rate("faces, blocks, 2 processes", n, lambda: rendered(n, 2))
    rate("negatives, blocks, 1 process", n // 4, lambda: render_negatives(n // 4, 11) and None)
    print(f"blocks to plain loop {one / loop:.1f}; two processes to one {two / one:.2f} (their start included)")


if __name__ == "__main__":
    main()
