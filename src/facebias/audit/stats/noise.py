"""How far rates would move with other trainings and other images: the two sources, told apart and drawn.

Trainings (seeds) and images are crossed, not nested: every training scores the same images, and an image that is hard
is hard for all. The variance of a mean rate is then seeds / S + images / n + residual / (n S). Drawing seeds and images
with replacement, as the pigeonhole bootstrap does (Owen 2007), counts the residual three times and seeds
(S - 1) / S times: in simulation its 95 % intervals of a change held the truth in 99 %. Here each part is drawn with its
unbiased estimate, a multiplier bootstrap over both levels (Owen and Eckles 2012 reweight both levels alike).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from facebias.audit.stats.intervals import rate_interval

REPLICATES = 2000
SHARED, APART, ALONE = "shared seeds and images", "seeds of each model and shared images", "images alone"


@dataclass(frozen=True)
class Noise:
    """Rates of some arms over the same images, and what makes them uncertain.

    Attributes:
        by_seed: an array (seeds, groups) of rates for each arm; NaN for an empty group.
        images: (groups, arms, arms) covariance of the mean rates that the draw of images adds, net of the residual
            where the spread between seeds holds it already.
        n: (groups,) images.
        drawn: what is uncertain: SHARED where arms are paired by seed, APART where each has its own, ALONE where an
            arm's only training is all there is.
    """

    by_seed: tuple[np.ndarray, ...]
    images: np.ndarray
    n: np.ndarray
    drawn: str = SHARED

    @classmethod
    def of(cls, values: Iterable[np.ndarray], codes: np.ndarray, count: int, drawn: str = SHARED) -> Self:
        """Take the two sources apart, by the mean squares of a two-way layout within each group.

        Args:
            values: an array (seeds, images) in [0, 1] for each arm, bool for decisions; or one (arms, seeds, images).
            codes: (images,) group of each image, 0 to count - 1.
            count: number of groups.
            drawn: SHARED, APART or ALONE.
        """
        sides = [np.asarray(side, dtype=float) for side in values]
        n = np.bincount(codes, minlength=count)
        by_image = [side.mean(axis=0) for side in sides]
        by_seed = tuple(np.array([_means(row, codes, n) for row in side]) for side in sides)
        images = np.zeros((count, len(sides), len(sides)))
        for a in range(len(sides)):
            for b in range(a + 1):
                crossed = _means(by_image[a] * by_image[b], codes, n)
                mean = by_seed[a].mean(axis=0) * by_seed[b].mean(axis=0)
                residual = 0.0
                if len(sides[a]) > 1 and (drawn == SHARED or (drawn == APART and a == b)):
                    both = _means((sides[a] * sides[b]).mean(axis=0), codes, n)
                    within = both - (by_seed[a] * by_seed[b]).mean(axis=0) - crossed + mean
                    residual = within / ((len(sides[a]) - 1) * np.maximum(n - 1, 1))
                images[:, a, b] = images[:, b, a] = (crossed - mean) / np.maximum(n - 1, 1) - residual
        return cls(by_seed, np.nan_to_num(images), n, drawn)

    @property
    def rates(self) -> np.ndarray:
        """(arms, groups) mean over seeds."""
        return np.array([side.mean(axis=0) for side in self.by_seed])

    @property
    def variance(self) -> np.ndarray:
        """(arms, groups) of the mean rates; NaN for an empty group."""
        total: np.ndarray = self._seeds + np.maximum(np.diagonal(self.images, axis1=1, axis2=2).T, 0)
        return total

    @property
    def freedom(self) -> np.ndarray:
        """(arms, groups) degrees of freedom of `variance` (Satterthwaite 1946), from seeds - 1 to images - 1."""
        seeds, total = self._seeds, self.variance
        few = np.array([[max(len(side) - 1, 1)] for side in self.by_seed])
        many = np.broadcast_to(np.maximum(self.n - 1, 1), total.shape).astype(float)
        parts = seeds**2 / few + (total - seeds) ** 2 / many
        freedom: np.ndarray = np.divide(total**2, parts, out=many.copy(), where=parts > 0)
        return freedom

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """95 % interval of `rates`, low and high (arms, groups); see `facebias.audit.stats.intervals.rate_interval`."""
        return rate_interval(self.rates, self.variance, self.freedom, self.n)

    @property
    def _seeds(self) -> np.ndarray:
        spread = [
            side.var(axis=0, ddof=1) / len(side) if len(side) > 1 and self.drawn != ALONE else side[0] * 0
            for side in self.by_seed
        ]
        return np.array(spread)

    def draws(self, replicates: int = REPLICATES, seed: int = 0) -> np.ndarray:
        """(replicates, arms, groups) errors of the rates, paired between arms; add them to rates to get replicates.

        The part of the seeds has the tails of a t distribution, since few seeds say little of their own spread. A
        group of whose faces fewer than two are missed gets the doubt of Agresti and Coull (1998), the same in all arms,
        so that a perfect group is not certain and arms that decide alike do not differ.
        """
        rng = np.random.default_rng(seed)
        arms, count = len(self.by_seed), len(self.n)
        errors = np.stack(self._seed_errors(rng, replicates), axis=1)
        size, axes = np.linalg.eigh(self.images)
        parts = axes * np.sqrt(np.maximum(size, 0))[:, None, :]
        errors += np.einsum("gab,kgb->kag", parts, rng.standard_normal((replicates, count, arms)))
        least = 2 * (self.n + 2) / (self.n + 4.0) ** 3  # p (1 - p) / (n + 4) of p = (n + 2) / (n + 4)
        lacking = np.sqrt(np.maximum(least - self.variance, 0))
        errors += lacking * rng.standard_normal((replicates, 1, count))
        return errors

    def _seed_errors(self, rng: np.random.Generator, replicates: int) -> list[np.ndarray]:
        """(replicates, groups) for each arm: combinations of the seeds' own deviations, with t tails."""
        found, shared = [], None
        for side in self.by_seed:
            seeds = len(side)
            if seeds == 1 or self.drawn == ALONE:
                found.append(np.zeros((replicates, 1)) + side[0] * 0)
                continue
            if shared is None or self.drawn == APART:
                weights = rng.standard_normal((replicates, seeds))
                tails = np.sqrt((seeds - 1) / rng.chisquare(seeds - 1, size=(replicates, 1)))
                shared = weights * tails / np.sqrt(seeds * (seeds - 1))
            found.append(shared @ (side - side.mean(axis=0)))
        return found


def _means(values: np.ndarray, codes: np.ndarray, n: np.ndarray) -> np.ndarray:
    total = np.bincount(codes, weights=values, minlength=len(n))
    means: np.ndarray = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
    return means
