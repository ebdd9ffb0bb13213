"""Where each run's threshold lies, and where it might have lain with other pictures of non-faces.

At FPR 1 % a threshold on 2,804 crops of 701 pictures rests on the 28 crops above it, which come from some 24 pictures.
With other pictures it would lie elsewhere, and so would every rate. So the pictures are drawn anew: each has an
exponential weight, which all of its crops share (the Bayesian bootstrap, Rubin 1981, over clusters). All runs see the
same weights, since all scored the same pictures: what moves every threshold alike cancels in a change.

A run's scores are kept as ranks among its non-faces: a face is found where no more non-faces score as high as it than
may pass. So another threshold is another number of non-faces that may pass, and no score is compared twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.audit.predictions import numbered, picture_of, sets_of
from facebias.audit.thresholds import parse_rule, threshold

DRAWS = 1000  # of the pictures: the standard deviation of a moved rate is then known to 2 %
_WEIGHTS = 2**22  # of pictures at a time, 16 MB


@dataclass(frozen=True)
class OperatingPoint:
    """The threshold of one run.

    Attributes:
        value: a face is what scores this or more.
        negatives: (n,) scores of the held-out non-faces, ascending; none where the threshold is a fixed probability.
        allowed: how many of them may score as high as a face that is found; 0 for a fixed probability.
        above: how many do score `value` or more.
        enough: whether one false positive among them is within the target.
        drawn: (DRAWS,) how many may pass in each draw of pictures; None for a fixed probability.
    """

    value: float
    negatives: np.ndarray
    allowed: int
    above: int
    enough: bool
    drawn: np.ndarray | None

    def ranks(self, scores: np.ndarray) -> np.ndarray:
        """(n,) int32: how many non-faces score as high or higher. A face is found where that is at most `allowed`.

        Of a fixed probability: 0 where it is reached, 1 where not.
        """
        scores = np.asarray(scores, dtype=float)
        if self.drawn is None:
            return (scores < self.value).astype(np.int32)
        return (len(self.negatives) - np.searchsorted(self.negatives, scores, "left")).astype(np.int32)


class OperatingPoints:
    """The thresholds of all runs at one rule, by `run_id`."""

    def __init__(self, predictions: pd.DataFrame, rule: str) -> None:
        """Fix every run's threshold on its validation negatives, and draw their pictures anew.

        Args:
            predictions: validated.
            rule: threshold rule.

        Raises:
            FacebiasError: see `facebias.audit.thresholds.threshold`.
        """
        held_out = predictions[(predictions["dataset"] == "validation") & (predictions["label"] == 0)]
        self._kind, self._rate = parse_rule(rule)
        codes, first = numbered(picture_of(held_out["image_id"]))
        scores, none = held_out["score"].to_numpy(dtype=float), np.empty(0, dtype=int)
        mine = dict.fromkeys(map(str, predictions["run_id"].unique()), none)
        mine |= {run: rows for (run,), rows in sets_of(held_out, ["run_id"])}
        # among equal scores the order of the pictures decides, not the order in which rows came
        ranked = {run: codes[own][np.lexsort((codes[own], -scores[own]))] for run, own in mine.items()}
        drawn = {} if self._kind == "p" else _drawn(ranked, len(first), self._rate)
        self._points = {run: self._point(scores[own], rule, drawn.get(run)) for run, own in mine.items()}

    def __getitem__(self, run: str) -> OperatingPoint:
        return self._points[run]

    @property
    def enough(self) -> bool:
        """Whether every run has non-faces enough for one to pass."""
        return all(point.enough for point in self._points.values())

    def above(self, runs: Iterable[str]) -> int:
        """The fewest non-faces above the threshold of one of these runs."""
        return min(self._points[run].above for run in runs)

    def _point(self, scores: np.ndarray, rule: str, drawn: np.ndarray | None) -> OperatingPoint:
        fixed = threshold(scores, rule, warn=False)
        above = int((scores >= fixed.value).sum())
        if drawn is None:
            return OperatingPoint(fixed.value, np.empty(0), 0, above, True, None)
        allowed = int(np.floor(len(scores) * self._rate + 1e-9))
        return OperatingPoint(fixed.value, np.sort(scores), allowed, above, fixed.enough, drawn)


def _drawn(ranked: dict[str, np.ndarray], count: int, rate: float) -> dict[str, np.ndarray]:
    """Of each run, `passing` in DRAWS draws of the `count` pictures, which are the same for all runs.

    Args:
        ranked: of each run the picture of each non-face, the one with the highest score first.
        count: number of pictures.
        rate: false positive rate.
    """
    rng, at_once = np.random.default_rng(0), max(1, _WEIGHTS // max(1, count))
    found: dict[str, list[np.ndarray]] = {run: [] for run in ranked}
    for start in range(0, DRAWS, at_once):
        weights = rng.standard_exponential((min(at_once, DRAWS - start), count), dtype=np.float32)
        for run, pictures in ranked.items():
            found[run].append(passing(weights, pictures, rate))
    return {run: np.concatenate(parts) for run, parts in found.items()}


def passing(weights: np.ndarray, pictures: np.ndarray, rate: float) -> np.ndarray:
    """In each draw of pictures, how many of the non-faces weigh no more together than the rate allows.

    Args:
        weights: (draws, pictures) of the pictures.
        pictures: (n,) picture of each non-face, the one with the highest score first.
        rate: false positive rate.

    Returns:
        (draws,) int, under n.
    """
    allowed = rate * (weights @ np.bincount(pictures, minlength=weights.shape[1]).astype(np.float32))
    taken = min(len(pictures), int(2 * len(pictures) * rate) + 50)
    while True:
        sums = np.cumsum(weights[:, pictures[:taken]], axis=1)
        found = (sums <= allowed[:, None] * (1 + 1e-6)).sum(axis=1)
        if taken == len(pictures) or found.max() < taken:
            fewer: np.ndarray = np.minimum(found, len(pictures) - 1)
            return fewer
        taken = min(len(pictures), 2 * taken)


def moved_rates(ranks: np.ndarray, codes: np.ndarray, count: int, drawn: np.ndarray) -> np.ndarray:
    """Rates of groups in each draw of the pictures of non-faces.

    Args:
        ranks: (runs, images) of `OperatingPoint.ranks`.
        codes: (images,) group of each image, 0 to count - 1.
        count: number of groups.
        drawn: (runs, DRAWS) how many non-faces may pass.

    Returns:
        (runs, DRAWS, count) float; 0 for an empty group.
    """
    n = np.maximum(np.bincount(codes, minlength=count), 1)
    found = np.empty((len(ranks), drawn.shape[1], count))
    for run, (rank, passing) in enumerate(zip(ranks, drawn, strict=True)):
        first, last = int(passing.min()), int(passing.max())
        step = np.clip(rank - first, 0, last - first + 1)  # those that all draws find, or none does, need no place
        flat = np.bincount(step * count + codes, minlength=(last - first + 2) * count)
        table = np.cumsum(flat.reshape(-1, count), axis=0) / n
        found[run] = table[passing - first]
    return found
