"""How often intervals of whole pictures hold the truth: a detector of known recall, asked in simulated studies.

    python benchmarks/picture_coverage.py [STUDIES, 500] [OUT.csv]

Scores are normal, so recall is known at every share of false alarms. A study draws 150 faces of each of three groups,
and face-free pictures, one half of which fixes the threshold. So intervals must hold the truth over both draws.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from facebias.analyses.whole_pictures.points import SHIPPED, rule_of
from facebias.audit import measures, summarise
from facebias.core.csv import write_csv

RECALLS, FACES = np.array([0.6, 0.8, 0.9]), 150
POINTS = {SHIPPED: 400, 0.1: 400, 0.01: 4000}  # face-free pictures a study, at each point
BY = (("ethnicity",),)


def study(rng: np.random.Generator, rate: float, free: int) -> pd.DataFrame:
    """Predictions of a detector that finds each group with its known recall at the threshold of `rate`, which is 0."""
    limit, groups = norm.isf(rate), len(RECALLS)
    scores = [*(-norm.isf(recall) + rng.normal(size=FACES) for recall in RECALLS), rng.normal(size=free) - limit]
    faces, half = FACES * groups, np.where(np.arange(free) % 2, "validation", "test")
    unknown = dict.fromkeys(("skin_tone", "race", "gender", "age"), "")
    return pd.DataFrame(
        {
            "run_id": "known",
            "model": "known",
            "seed": 0,
            "dataset": ["made"] * faces + list(half),
            "image_id": [str(number) for number in range(faces + free)],
            "label": np.repeat([1, 0], [faces, free]),
            "score": np.concatenate(scores),
            "ita": np.nan,
            **unknown,
            "ethnicity": [f"g{group}" for group in range(groups) for _ in range(FACES)] + [""] * free,
        }
    )


def held(rng: np.random.Generator, point: str | float, free: int) -> list[bool]:
    """Of one study, whether the interval of each group, and of the gap, holds the truth."""
    table = study(rng, 0.1 if point == SHIPPED else float(point), free)
    rates = summarise(table, rule_of(point), BY).query("metric == 'TPR'")
    gap = measures(table, rule_of(point), BY).query("metric == 'gap'").iloc[0]
    groups = (rates["low"].to_numpy() <= RECALLS) & (rates["high"].to_numpy() >= RECALLS)
    return [*groups, gap["low"] <= np.ptp(RECALLS) <= gap["high"]]


def main() -> None:
    """Simulate, count, write."""
    studies, rows = int(sys.argv[1]) if len(sys.argv) > 1 else 500, []
    for point, free in POINTS.items():
        rng = np.random.default_rng(7)
        share = np.mean([held(rng, point, free) for _ in range(studies)], axis=0)
        names = [*(f"recall {recall:g}" for recall in RECALLS), "gap"]
        rows += [(point, free, studies, name, one) for name, one in zip(names, share, strict=True)]
        print(point, dict(zip(names, share.round(3).tolist(), strict=True)), flush=True)
    if len(sys.argv) > 2:
        write_csv(pd.DataFrame(rows, columns=["point", "face_free", "studies", "interval", "held"]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
