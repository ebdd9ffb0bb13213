"""How far rates would move with other trainings and other images: the two sources, told apart and drawn.

Trainings (seeds) and images are crossed, not nested: every training scores the same images, and an image that is hard
is hard for all. The variance of a mean rate is then seeds / S + images / n + residual / (n S). Drawing seeds and images
with replacement, as the pigeonhole bootstrap does (Owen 2007), counts the residual three times and seeds
(S - 1) / S times. Here each part is drawn with its unbiased estimate: a multiplier bootstrap over both levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Noise:
    """Rates of some arms over the same seeds and images, and what makes them uncertain.

    Attributes:
        by_seed: (arms, seeds, groups) rates; NaN for an empty group.
        images: (groups, arms, arms) covariance of the mean rates that the draw of images adds, net of the residual
            which the spread between seeds holds already.
        n: (groups,) images.
    """

    by_seed: np.ndarray
    images: np.ndarray
    n: np.ndarray

    @classmethod
    def of(cls, hits: np.ndarray, codes: np.ndarray, count: int) -> Self:
        """Take the two sources apart, by the mean squares of a two-way layout within each group.

        Args:
            hits: bool (arms, seeds, images).
            codes: (images,) group of each image, 0 to count - 1.
            count: number of groups.
        """
        arms, seeds, _ = hits.shape
        n = np.bincount(codes, minlength=count)
        by_image = hits.mean(axis=1)
        by_seed = np.array([[_means(row, codes, n) for row in arm] for arm in hits])
        images = np.zeros((count, arms, arms))
        for a in range(arms):
            for b in range(a + 1):
                both = _means((hits[a] & hits[b]).sum(axis=0), codes, n) / seeds
                crossed = _means(by_image[a] * by_image[b], codes, n)
                mean = by_seed[a].mean(axis=0) * by_seed[b].mean(axis=0)
                within = both - (by_seed[a] * by_seed[b]).mean(axis=0) - crossed + mean
                residual = within / (np.maximum(seeds - 1, 1) * np.maximum(n - 1, 1))
                images[:, a, b] = images[:, b, a] = (crossed - mean) / np.maximum(n - 1, 1) - residual
        return cls(by_seed, np.nan_to_num(images), n)

    @property
    def rates(self) -> np.ndarray:
        """(arms, groups) mean over seeds."""
        return self.by_seed.mean(axis=1)

    @property
    def variance(self) -> np.ndarray:
        """(arms, groups) of the mean rates."""
        return self._seeds + np.maximum(np.diagonal(self.images, axis1=1, axis2=2).T, 0)

    @property
    def freedom(self) -> np.ndarray:
        """(arms, groups) degrees of freedom of `variance` (Satterthwaite 1946), from seeds - 1 to n - 1."""
        arms, seeds, _ = self.by_seed.shape
        images = self.variance - self._seeds
        low, high = max(seeds - 1, 1), np.maximum(self.n - 1, 1)
        spread = self._seeds**2 / low + images**2 / high
        total = self.variance**2
        return np.divide(total, spread, out=np.broadcast_to(high, total.shape).astype(float), where=spread > 0)

    @property
    def _seeds(self) -> np.ndarray:
        seeds = self.by_seed.shape[1]
        spread = self.by_seed.var(axis=1, ddof=1) if seeds > 1 else np.zeros_like(self.by_seed[:, 0])
        return np.nan_to_num(spread) / seeds

    def draws(self, replicates: int, seed: int = 0) -> np.ndarray:
        """(replicates, arms, groups) errors of the rates, paired between arms; add them to rates to get replicates.

        The part of the seeds has the tails of a t distribution, since few seeds say little of their own spread. A
        group that every training finds whole still gets an error of about 0.7 / n, the same in all arms.
        """
        rng = np.random.default_rng(seed)
        arms, seeds, count = self.by_seed.shape
        weights = rng.standard_normal((replicates, seeds))
        weights -= weights.mean(axis=1, keepdims=True)
        tails = np.sqrt(max(seeds - 1, 1) / rng.chisquare(max(seeds - 1, 1), size=(replicates, 1)))
        away = self.by_seed - self.by_seed.mean(axis=1, keepdims=True)
        errors = np.einsum("ks,asg->kag", weights * tails / np.sqrt(seeds * max(seeds - 1, 1)), away)
        size, axes = np.linalg.eigh(self.images)
        parts = axes * np.sqrt(np.maximum(size, 0))[:, None, :]
        errors += np.einsum("gab,kgb->kag", parts, rng.standard_normal((replicates, count, arms)))
        least = (self.n + 0.5) * 0.5 / (np.maximum(self.n, 1) * (self.n + 1) ** 2)  # of (n + 1/2) / (n + 1)
        lacking = np.sqrt(np.maximum(least - self.variance, 0))
        return errors + lacking * rng.standard_normal((replicates, 1, count))


def _means(values: np.ndarray, codes: np.ndarray, n: np.ndarray) -> np.ndarray:
    total = np.bincount(codes, weights=values, minlength=len(n))
    return np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
