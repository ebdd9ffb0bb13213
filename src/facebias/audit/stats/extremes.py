"""The worst group and the gap: what they are once the luck in picking extremes is taken off.

Noise alone makes a worst group look worse and a gap wider, and resampling noisy rates adds that noise a second time. So
the question is turned round: for each draw of noise, which true rates would, with that noise added, show the extreme
that was observed? The draws of the answer are a confidence distribution, whose quantiles are an interval by test
inversion (as in Davison and Hinkley 1997, section 5.4). True rates have as many unknowns as groups, the extreme is
one number; a family of rates with one unknown stands for them: the observed deviations from the mean, all shrunk alike.
"""

from __future__ import annotations

import numpy as np

from facebias.audit.stats.intervals import middle_interval

_LARGEST = 50.0  # logarithm of a ratio of miss rates: where the best group misses next to nothing, draws have no bound


def between_groups(
    rates: np.ndarray, errors: np.ndarray, n: np.ndarray
) -> dict[str, tuple[float, float, float, float]]:
    """Value, corrected, low and high of what is said of several groups; NaN with fewer than two.

    Args:
        rates: (groups,) comparable ones.
        errors: (B, groups) draws of their noise.
        n: (groups,) images.

    Returns:
        "mean" over groups, "worst", "gap" (shares) and "miss_ratio" (worst over best), by name.
    """
    names = ("mean", "worst", "gap", "miss_ratio")
    if len(rates) < 2:
        return dict.fromkeys(names, (np.nan,) * 4)
    misses = (n * (1 - rates) + 0.5) / (n + 1)  # half a miss more: a group without one has a logarithm too
    values = rates.mean(), rates.min(), np.ptp(rates), miss_ratio(rates)
    draws = (
        rates.mean() - errors.mean(axis=1),
        worst_draws(rates, errors),
        gap_draws(rates, errors),
        np.exp(np.minimum(gap_draws(np.log(misses), -errors / misses), _LARGEST)),
    )
    limits = (1, 1, 1, np.inf)
    return {
        name: (float(value), *np.clip(extreme_interval(drawn, float(value)), 0, limit))
        for name, value, drawn, limit in zip(names, values, draws, limits, strict=True)
    }


def miss_ratio(rates: np.ndarray) -> float:
    """Miss rate of the worst group over that of the best; infinite where the best misses none, 1 where none does."""
    worst, best = 1 - np.min(rates), 1 - np.max(rates)
    return float(worst / best) if best > 0 else np.inf if worst > 0 else 1.0


def over_geometric_mean(misses: np.ndarray) -> float:
    """Highest miss rate over the geometric mean of all, as in NIST's reports on demographics (Grother 2022).

    Infinite where one group misses none, 1 where none misses any, NaN with fewer than two.
    """
    misses = np.asarray(misses, dtype=float)
    if len(misses) < 2:
        return np.nan
    if misses.max() == 0:
        return 1.0
    return float(misses.max() / np.exp(np.log(misses).mean())) if misses.min() > 0 else np.inf


def extreme_interval(draws: np.ndarray, observed: float) -> tuple[float, float, float]:
    """Median of a confidence distribution, and its 95 % interval, widened to hold what was observed.

    The luck that is taken off is an estimate. Where hardly any face is missed the noise of a count is larger than the
    spread of the rates, all of which would be taken off, and the interval would close on "no gap" for certain.

    Args:
        draws: (B,) of `gap_draws` or `worst_draws`.
        observed: the extreme that was seen; it may be infinite.

    Returns:
        value, low, high.
    """
    value, low, high = (float(end) for end in middle_interval(draws))
    return value, min(low, observed), max(high, observed)


def gap_draws(rates: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Confidence distribution of the true gap, best less worst rate.

    The lower half, and with it the median, supposes that groups are spread as observed but less widely: then chance
    picks the extremes. For a true gap above the median that would go wrong. The truth is spread more widely than what
    was seen, its extremes have fewer rivals, and the upper end would be too low. So the upper half holds the median and
    the noise of the two extreme groups alone.

    Args:
        rates: (groups,) observed; two or more.
        errors: (B, groups) draws of their noise.

    Returns:
        (B,) gaps in ascending order, 0 or more; 0 where noise alone would show a gap as wide as the observed.
    """
    order = np.argsort(rates, kind="stable")
    rates, errors = rates[order], errors[:, order]
    low, high = np.triu_indices(len(rates), 1)
    apart = rates[high] - rates[low]
    low, high, apart = low[apart > 0], high[apart > 0], apart[apart > 0]
    gap = rates[-1] - rates[0]
    if not len(apart):
        return np.zeros(len(errors))
    # past this factor some pair of groups shows a gap as wide as the observed, or wider
    factor = ((gap - errors[:, high] + errors[:, low]) / apart).min(axis=1)
    spread, upper = np.sort(np.maximum(factor, 0)) * gap, len(errors) // 2 + 1
    alone = np.sort(np.median(spread) - errors[:, -1] + errors[:, 0])
    return np.concatenate([spread[:upper], np.maximum(alone[upper:], spread[upper - 1])])


def worst_draws(rates: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Confidence distribution of the true rate of the worst group.

    Half of the draws suppose that groups are spread as observed but less widely, the other half that the worst stands
    alone below others that differ no more than beyond their noise. The first is too hopeful of a single group that
    is far behind, the second of a worst group that has others close to it.

    Args:
        rates: (groups,) observed; two or more.
        errors: (B, groups) draws of their noise.

    Returns:
        (B,) rates; they may overshoot 0 and 1.
    """
    half = len(errors) // 2
    return np.concatenate([spread_worst(rates, errors[:half]), lone_worst(rates, errors[half:])])


def spread_worst(rates: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """`worst_draws` of groups whose deviations from the mean are all shrunk by one factor."""
    shift = errors.mean(axis=1)
    centre: np.ndarray = rates.mean() - shift
    away, own = rates - rates.mean(), errors - shift[:, None]
    below = away < 0
    if below.any():
        factor = ((own[:, below] - away.min()) / -away[below]).min(axis=1)
        centre = centre + np.maximum(factor, 0) * away.min()
    return centre


def lone_worst(rates: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """`worst_draws` of one group below others, whose spread is shrunk by the share that noise explains."""
    worst = int(np.argmin(rates))
    others, noise = np.delete(rates, worst), np.delete(errors, worst, axis=1)
    shift = noise.mean(axis=1)
    chance = (noise - shift[:, None]).var(axis=0).mean() * len(others) / max(len(others) - 1, 1)
    spread = others.var(ddof=1) if len(others) > 1 else 0.0
    kept = np.sqrt(max(1 - chance / spread, 0)) if spread > 0 else 0.0
    centre = others.mean() + kept * (others - others.mean())
    lowest = (centre + noise).min(axis=1) - shift
    alone = np.where(lowest >= rates[worst], rates[worst] - errors[:, worst], np.inf)
    found: np.ndarray = np.minimum(alone, centre.min() - shift)
    return found
