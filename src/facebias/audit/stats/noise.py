"""How far rates would move with other trainings, images and thresholds: the three sources, told apart and drawn.

Trainings (seeds) and images are crossed, not nested: every training scores the same images, and an image that is hard
is hard for all. The variance of a mean rate is then seeds / S + images / n + residual / (n S). Drawing seeds and images
with replacement, as the pigeonhole bootstrap does (Owen 2007), counts the residual three times and seeds
(S - 1) / S times: in simulation its 95 % intervals of a change held the truth in 99 %. Here each part is drawn with its
unbiased estimate, a multiplier bootstrap over both levels (Owen and Eckles 2012 reweight both levels alike).

The third source is the pictures of non-faces that fixed the thresholds. All groups of all arms share them, so its
covariance is one between all pairs of arm and group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        thresholds: (arms * groups, arms * groups) covariance of the mean rates that the draw of the pictures of
            non-faces adds, net of what the spread between seeds holds already; None where thresholds are given.
        above: non-faces above the thresholds, on which that covariance rests.
    """

    by_seed: tuple[np.ndarray, ...]
    images: np.ndarray
    n: np.ndarray
    drawn: str = SHARED
    thresholds: np.ndarray | None = None
    above: int = 0

    @classmethod
    def of(
        cls,
        values: Iterable[np.ndarray],
        codes: np.ndarray,
        count: int,
        drawn: str = SHARED,
        moved: Sequence[np.ndarray] | None = None,
        above: int = 0,
    ) -> Self:
        """Take the sources apart, seeds and images by the mean squares of a two-way layout within each group.

        Args:
            values: an array (seeds, images) in [0, 1] for each arm, bool for decisions; or one (arms, seeds, images).
            codes: (images,) group of each image, 0 to count - 1.
            count: number of groups.
            drawn: SHARED, APART or ALONE.
            moved: of each arm (seeds, draws, groups) rates at the thresholds that other pictures of non-faces would
                have fixed, the same pictures in the same draw; None where thresholds are given.
            above: non-faces above the thresholds.
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
        thresholds = None if moved is None else _threshold_covariance(moved, drawn)
        return cls(by_seed, np.nan_to_num(images), n, drawn, thresholds, above)

    @property
    def rates(self) -> np.ndarray:
        """(arms, groups) mean over seeds."""
        return np.array([side.mean(axis=0) for side in self.by_seed])

    @property
    def variance(self) -> np.ndarray:
        """(arms, groups) of the mean rates; NaN for an empty group."""
        total: np.ndarray = self._seeds + self._images + self.by_thresholds
        return total

    @property
    def by_thresholds(self) -> np.ndarray:
        """(arms, groups) variance of the mean rates that the draw of the pictures of non-faces adds."""
        shape = len(self.by_seed), len(self.n)
        if self.thresholds is None:
            return np.zeros(shape)
        part: np.ndarray = np.maximum(np.diag(self.thresholds), 0).reshape(shape)
        return part

    @property
    def _images(self) -> np.ndarray:
        part: np.ndarray = np.maximum(np.diagonal(self.images, axis1=1, axis2=2).T, 0)
        return part

    @property
    def freedom(self) -> np.ndarray:
        """(arms, groups) degrees of freedom of `variance` (Satterthwaite 1946), from seeds - 1 to images - 1."""
        seeds, total, moved = self._seeds, self.variance, self.by_thresholds
        few = np.array([[max(len(side) - 1, 1)] for side in self.by_seed])
        many = np.broadcast_to(np.maximum(self.n - 1, 1), total.shape).astype(float)
        parts = seeds**2 / few + self._images**2 / many + moved**2 / max(self.above, 1)
        freedom: np.ndarray = np.divide(total**2, parts, out=many.copy(), where=parts > 0)
        return freedom

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """95 % interval of `rates`, low and high (arms, groups); see `facebias.audit.stats.intervals.rate_interval`."""
        return rate_interval(self.rates, self.variance, self.freedom, self.n)

    def change_error(self, group: int) -> tuple[float, float]:
        """Standard error of the change of a group's rate from the first arm to the second, paired by seed.

        As `draws` has it: seeds, images and thresholds, and at the least the doubt of Agresti and Coull (1998) of a
        group that no arm misses a face of.

        Returns:
            The standard error, a share, and its degrees of freedom (Satterthwaite 1946).
        """
        count, n = len(self.n), float(self.n[group])
        apart = self.by_seed[1][:, group] - self.by_seed[0][:, group]
        seeds = apart.var(ddof=1) / len(apart) if len(apart) > 1 else 0.0
        side = np.array([-1.0, 1.0])
        images = max(float(side @ self.images[group] @ side), 0.0)
        both = np.ix_([group, count + group], [group, count + group])
        moved = 0.0 if self.thresholds is None else max(float(side @ self.thresholds[both] @ side), 0.0)
        least = 2 / (n + 4) ** 2  # of one face that one arm alone finds and one that the other does, of n + 4
        parts = np.array([seeds, images, moved])
        freedoms = np.array([max(len(apart) - 1, 1), max(n - 1, 1), max(self.above, 1)])
        total = parts.sum()
        freedom = total**2 / (parts**2 / freedoms).sum() if total > 0 else n - 1
        return float(np.sqrt(max(total, least))), float(freedom)

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
        if self.thresholds is not None:
            errors += _correlated(rng, self.thresholds, max(self.above, 1), replicates).reshape(replicates, arms, count)
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


def _correlated(rng: np.random.Generator, covariance: np.ndarray, freedom: int, replicates: int) -> np.ndarray:
    """(replicates, k) draws of this covariance (k, k), with the tails of t where it rests on little."""
    size, axes = np.linalg.eigh(covariance)
    # rounded, so that arms that decide alike have the very same errors
    parts = np.round(axes * np.sqrt(np.maximum(size, 0)), 7)
    tails = np.sqrt(freedom / rng.chisquare(freedom, size=(replicates, 1)))
    errors: np.ndarray = np.round(rng.standard_normal((replicates, len(size))) * tails @ parts.T, 12)
    return errors


def _threshold_covariance(moved: Sequence[np.ndarray], drawn: str) -> np.ndarray:
    """`Noise.thresholds` of rates (seeds, draws, groups) of each arm.

    What pictures do to every training alike is the covariance between different seeds. What they do to one alone is in
    the spread between seeds already.
    """
    away = [np.nan_to_num(side - side.mean(axis=1, keepdims=True)) for side in moved]
    draws, count = away[0].shape[1:]
    means = np.concatenate([side.mean(axis=0) for side in away], axis=1)
    found: np.ndarray = means.T @ means / (draws - 1)
    for a, one in enumerate(away):
        for b, other in enumerate(away):
            if (seeds := len(one)) > 1 and (drawn == SHARED or (drawn == APART and a == b)):
                same = one.reshape(-1, count).T @ other.reshape(-1, count) / (seeds * (draws - 1))
                place = np.ix_(range(a * count, (a + 1) * count), range(b * count, (b + 1) * count))
                found[place] = (seeds * found[place] - same) / (seeds - 1)
    return found


def of_units(values: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Values whose mean over units is the mean over images, and whose spread is that of a draw of whole units.

    Args:
        values: (..., images).
        units: (images,) number of the unit, 0 and up: the picture that a crop comes from.

    Returns:
        (..., units) float.
    """
    mean = values.mean(axis=-1, keepdims=True)
    rows = (values - mean).reshape(-1, values.shape[-1])
    sums = np.stack([np.bincount(units, weights=row) for row in rows]).reshape(*values.shape[:-1], -1)
    found: np.ndarray = mean + sums * (sums.shape[-1] / values.shape[-1])
    return found


def _means(values: np.ndarray, codes: np.ndarray, n: np.ndarray) -> np.ndarray:
    total = np.bincount(codes, weights=values, minlength=len(n))
    means: np.ndarray = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
    return means
