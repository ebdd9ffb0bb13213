"""Intervals: of one training's rate, of a rate over trainings, and of what is read off draws; the gap of chance alone.

Draws are those of `facebias.audit.stats.noise`, over trainings and images.
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95
Z = 1.959963984540054  # of LEVEL


def wilson(count: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson 95 % interval of count / n, inside [0, 1]; NaN where n is 0."""
    count, n = np.asarray(count, dtype=float), np.asarray(n, dtype=float)
    low, high = proportion_confint(count, np.where(n > 0, n, 1), alpha=1 - LEVEL, method="wilson")
    low, high = np.where(count <= 0, 0, low), np.where(count >= n, 1, high)  # exact, free of rounding
    return np.where(n == 0, np.nan, low), np.where(n == 0, np.nan, high)


def auc_interval(auc: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of an AUC by inverting the score test with the variance of Hanley and McNeil (1982).

    Unlike DeLong's it keeps a width where every positive is above every negative. NaN where a class is empty.
    """
    auc, n, m = (np.asarray(value, dtype=float) for value in np.broadcast_arrays(auc, positives, negatives))
    known = (n > 0) & (m > 0) & ~np.isnan(auc)
    centre = np.where(known, auc, 0.5)
    low = _invert(centre, np.zeros_like(centre), np.maximum(n, 1), np.maximum(m, 1))
    high = _invert(centre, np.ones_like(centre), np.maximum(n, 1), np.maximum(m, 1))
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def _invert(centre: np.ndarray, outer: np.ndarray, n: np.ndarray, m: np.ndarray) -> np.ndarray:
    """By bisection, the value nearest to `outer` that the estimate `centre` does not reject."""
    inner, outer = centre.copy(), outer.copy()
    for _ in range(50):
        middle = (inner + outer) / 2
        one, two = (n - 1) * (1 - middle) / (2 - middle), (m - 1) * middle / (1 + middle)
        deviation = Z * np.sqrt(middle * (1 - middle) * (1 + one + two) / (n * m))
        kept = np.abs(centre - middle) <= deviation
        inner, outer = np.where(kept, middle, inner), np.where(kept, outer, middle)
    return inner


def rate_interval(
    rate: np.ndarray, variance: np.ndarray, freedom: np.ndarray, n: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a mean rate over seeds and images, inside [0, 1].

    Wilson's with the number of images that would have, alone, the variance that was estimated (the effective sample
    size, as Dean and Pagano 2015 compare it for surveys), and Student's t in place of 1.96. It is Wilson's own interval
    of n images where all seeds decide alike, also where every image is a hit.

    Args:
        rate, variance, freedom: (...) `rates`, `variance` and `freedom` of `facebias.audit.stats.noise.Noise`.
        n: (...) images; NaN is given where there are none.
    """
    rate, n = np.asarray(rate, dtype=float), np.asarray(n, dtype=float)
    spread = rate * (1 - rate)
    # where every image is a hit, thresholds may still be in doubt: then as much as they move stands for what is unseen
    unseen = np.maximum(0.5 / np.maximum(n, 1), np.sqrt(np.maximum(variance, 0)))
    size = np.divide(
        np.where(spread > 0, spread, unseen * (1 - unseen)),
        variance,
        out=np.broadcast_to(n, rate.shape).astype(float),
        where=np.asarray(variance) > 0,
    )
    size = np.maximum(np.where(spread > 0, size, np.minimum(size, n)), 1)
    square = stats.t.ppf((1 + LEVEL) / 2, np.maximum(freedom, 1)) ** 2
    centre = (rate + square / (2 * size)) / (1 + square / size)
    half = np.sqrt(square * (spread / size + square / (4 * size**2))) / (1 + square / size)
    low, high = np.where(rate <= 0, 0, centre - half), np.where(rate >= 1, 1, centre + half)
    return np.where(n > 0, np.clip(low, 0, 1), np.nan), np.where(n > 0, np.clip(high, 0, 1), np.nan)


def middle_interval(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median and 95 % quantiles of draws (B, ...), of a confidence distribution: value, low, high."""
    return tuple(np.quantile(draws, (0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0))


def corrected_interval(draws: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A change of extremes, corrected for its bias, and a 95 % interval round it that counts half the bias as doubt.

    A worst group and a gap are extremes: noise alone makes them look worse, and drawing adds that noise a second time.
    Between two arms most of that cancels. The value is 2 estimate - median(draws), as in Davison and Hinkley (1997),
    section 5.2; the half width joins half the distance between the quantiles and half of the bias. Medians and
    quantiles, since with two or three seeds the draws have no mean or variance.
    `benchmarks/interval_coverage.py` tells how
    often it holds the truth.

    Args:
        draws: (B, ...) replicates of the change.
        estimate: (...) the observed change.

    Returns:
        value, low, high.
    """
    middle, low, high = middle_interval(draws)
    bias = middle - np.asarray(estimate)
    value, half = np.asarray(estimate) - bias, np.hypot((high - low) / 2, Z * bias / 2)
    return value, value - half, value + half


def null_gaps(hits: np.ndarray, groups: np.ndarray, count: int, *, replicates: int = 999, seed: int = 0) -> np.ndarray:
    """Gaps (max - min of mean rates over seeds) that are seen if group makes no difference.

    Group labels are shuffled over the images, which keeps the pooled rate, the group sizes and how far an image
    that is hard for one seed is hard for all.

    Args:
        hits: bool (seeds, images) of one arm.
        groups: (images,) group of each image.
        count: number of groups.
        replicates: shuffles.
        seed: of the generator.

    Returns:
        (replicates,) shares; NaN where fewer than two groups have images.
    """
    size = np.bincount(groups, minlength=count)
    if (size > 0).sum() < 2:
        return np.full(replicates, np.nan)
    rng, seeds = np.random.default_rng(seed), len(hits)
    # of images that so many seeds find, so many are left; each group takes its share, which is hypergeometric
    left = np.tile(np.bincount(hits.sum(axis=0), minlength=seeds + 1), (replicates, 1))
    means = []
    for n in size[size > 0]:
        wanted, total = np.full(replicates, n), np.zeros(replicates)
        for level in range(seeds, -1, -1):
            taken = rng.hypergeometric(left[:, level], left[:, :level].sum(axis=1), wanted)
            left[:, level] -= taken
            wanted -= taken
            total += level * taken
        means.append(total / (n * seeds))
    gaps: np.ndarray = np.ptp(means, axis=0)
    return gaps


def binomial_null_gap(rate: float, sizes: np.ndarray, *, replicates: int = 100_000, seed: int = 0) -> float:
    """The same for published results of which only a rate and the group sizes are known."""
    sizes = np.asarray(sizes)
    draws = np.random.default_rng(seed).binomial(sizes, rate, size=(replicates, len(sizes))) / sizes
    return float(np.ptp(draws, axis=1).mean())
