"""Calibration of the permutation test of saliency between groups: shuffled groups have to be significant in 5 %.

    python benchmarks/permutation_calibration.py [--maps runs/<id>/saliency-<dataset>.h5] [--kind raw] [--faces 300]

Without a file of maps, smooth random fields stand in for them, skewed as maps are. Each of 1,000 shuffles deals faces
into groups anew and tests one group against the others with 200 permutations. Prints the share with p < .05 with its
exact 95 % interval; exits with 1 where the share is outside 3 to 7 %.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import binomtest

from facebias.analyses.saliency.permutation import group_tests
from facebias.analyses.saliency.stack import GRID, pool
from facebias.saliency.maps_file import KINDS, SaliencyMaps

LIMITS = (0.03, 0.07)


def fields(faces: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth positive skewed fields (faces, cells), each of a magnitude of its own."""
    noise = gaussian_filter(rng.standard_normal((faces, GRID, GRID)), (0, 2, 2))
    size = rng.lognormal(sigma=0.5, size=(faces, 1))
    return size * np.exp(2 * noise / noise.std()).reshape(faces, -1)


def p_values(
    values: np.ndarray, members: int, shuffles: int, permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """p-value of each of `shuffles` random groups of `members` faces."""
    codes = np.zeros(len(values), dtype=int)
    codes[:members] = 1
    return np.array(
        [
            group_tests(values, rng.permutation(codes), [1], shuffles=permutations, seed=int(rng.integers(2**31))).p[0]
            for _ in range(shuffles)
        ]
    )


def main() -> None:
    """Prints the share of shuffles with p < .05 for a small, a middling and a large group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=Path)
    parser.add_argument("--kind", choices=KINDS, default="raw")
    parser.add_argument("--faces", type=int, default=300)
    parser.add_argument("--shuffles", type=int, default=1000)
    parser.add_argument("--permutations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, missed = np.random.default_rng(args.seed), False
    if args.maps:
        values = pool(getattr(SaliencyMaps.read(args.maps), args.kind).astype(np.float32))
        values = values[rng.permutation(len(values))[: args.faces]]
    else:
        values = fields(args.faces, rng)
    for members in (30, len(values) // 4, len(values) // 2):
        start = time.perf_counter()
        p = p_values(values, members, args.shuffles, args.permutations, rng)
        found = binomtest(int((p < 0.05).sum()), len(p))
        low, high = found.proportion_ci(method="exact")
        print(
            f"{members} of {len(values)} faces: p < .05 in {100 * found.statistic:.1f} % of {len(p):,} shuffles "
            f"({100 * low:.1f} to {100 * high:.1f} %), {time.perf_counter() - start:.1f} s",
            flush=True,
        )
        missed |= not LIMITS[0] <= found.statistic <= LIMITS[1]
    if missed:
        sys.exit("outside 3 to 7 %")


if __name__ == "__main__":
    main()
