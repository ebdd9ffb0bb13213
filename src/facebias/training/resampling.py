"""From latent means to sampling probabilities: rare faces are drawn more often (Amini et al. 2019, Algorithm 1).

The paper estimates each latent's density by a histogram Q_i and draws a face x with W(x) proportional to
prod_i 1 / (Q_i(z_i(x)) + alpha). With many latents that product gives all weight to one or two images
(effective sample size near 1), so most code takes the maximum over latents, as the course lab does; there alpha means
something else. All three rules are here, and `effective_sample_size` says how far each one goes.

Under the maximum a latent counts by the height of its density, which grows as its spread shrinks. So latents that carry
next to nothing decide most faces' probabilities. Two further rules tell that effect apart: "used" leaves such latents
out, "z" gives all latents the same spread.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import logsumexp

from facebias.core.errors import FacebiasError
from facebias.training.ranks import ALONE, World

COLLAPSED = 0.01  # share of the faces; an effective sample below it is no training set
USED = 0.2  # nats of divergence from the prior, mean over the faces; a latent with less is called unused


def sampling_probabilities(
    mu: np.ndarray,
    alpha: float,
    bins: int = 10,
    rule: str = "max",
    target_ess: float = 0.5,
    nats: np.ndarray | None = None,
    world: World = ALONE,
) -> np.ndarray:
    """Probability of drawing each face.

    Args:
        mu: latent means (N, k); of several ranks, those of this rank's block of the faces.
        alpha: added to the densities, 0 or more; larger is closer to uniform.
        bins: bins of each latent's histogram, between its minimum and maximum.
        rule: "uniform"; "max", the largest over latents of 1 / (Q_i + alpha), each normalised to sum 1 first (MIT
            6.S191); "used", the same over latents of `USED` nats or more, and uniform while there is none; "z", the
            same over latents divided by their standard deviation; "product", the paper's formula, in log space;
            "tempered", the product to the power tau, with tau solved so that the effective sample size is
            `target_ess`.
        target_ess: share of N, for "tempered".
        nats: (k,) what each latent carries, for "used" (`facebias.detectors.inference.posterior`).
        world: over whose blocks histograms and sums go.

    Returns:
        float64 (N,), positive, summing to 1; of several ranks, of all faces on each rank.

    Raises:
        FacebiasError: latents that are not finite or not (N, k), an unknown rule, or "used" without `nats`.
    """
    mu = _checked(mu, world)
    if rule in ("uniform", "max", "used", "z"):
        return _by_maximum(_read(mu, rule, nats, world), alpha, bins, world)
    if rule not in ("product", "tempered"):
        raise FacebiasError(
            "RESAMPLING", "rule", f"{rule!r} is unknown", "Use uniform, max, used, z, product or tempered"
        )
    return _by_product(mu, alpha, bins, None if rule == "product" else target_ess, world)


def _by_product(mu: np.ndarray, alpha: float, bins: int, target_ess: float | None, world: World) -> np.ndarray:
    mine = -sum((np.log(density + alpha) for density in _densities(mu, bins, world)), start=np.zeros(len(mu)))
    log_weight = world.joined(mine)
    tau = 1.0 if target_ess is None else _temperature(log_weight, target_ess)
    probability: np.ndarray = np.exp(tau * log_weight - logsumexp(tau * log_weight))
    if target_ess is None and (share := effective_sample_size(probability) / len(probability)) < COLLAPSED:
        warnings.warn(
            f"the product over {mu.shape[1]} latents collapses: its effective sample is "
            f"{share * len(probability):.1f} of {len(probability)} faces",
            stacklevel=3,
        )
    return probability


def _read(mu: np.ndarray, rule: str, nats: np.ndarray | None, world: World) -> np.ndarray:
    """The latents (N, some) that a rule of the maximum reads; none for uniform draws."""
    if rule == "z":
        mu = mu.astype(np.float64)
        count = world.sum(len(mu))
        centred = mu - world.sum(mu.sum(axis=0)) / count
        spread = np.sqrt(world.sum((centred * centred).sum(axis=0)) / count)
        scaled: np.ndarray = np.divide(mu, spread, out=np.zeros_like(mu), where=spread > 0)
        return scaled
    if rule == "used":
        if nats is None:
            raise FacebiasError("RESAMPLING", "nats", "rule 'used' needs what each latent carries", "Give nats (k,)")
        return mu[:, nats >= USED]
    return mu if rule == "max" else mu[:, :0]


def _by_maximum(mu: np.ndarray, alpha: float, bins: int, world: World) -> np.ndarray:
    if not mu.shape[1]:
        count = int(world.sum(len(mu)))
        return np.full(count, 1 / count)
    best = np.zeros(len(mu))
    for density in _densities(mu, bins, world):
        inverse = 1 / (density + alpha)
        np.maximum(best, inverse / world.sum(inverse.sum()), out=best)
    best = world.joined(best)
    best /= best.sum()
    return best


def _checked(mu: np.ndarray, world: World) -> np.ndarray:
    mu = np.asarray(mu)
    if mu.ndim != 2 or not world.sum(mu.size):
        raise FacebiasError("LATENTS", "mu", f"expected a shape (N, k), found {mu.shape}", "Give one row a face")
    if world.sum(int((~np.isfinite(mu)).sum())):
        raise FacebiasError("LATENTS", "mu", "NaN or infinite latents", "The encoder has diverged: lower learning_rate")
    return mu


def _densities(mu: np.ndarray, bins: int, world: World) -> Iterator[np.ndarray]:
    """Each latent's histogram density at each face (N,), one latent at a time so that it stays in the cache.

    The bins are those of `numpy.histogram`; bin numbers come from one affine map instead of a search.
    """
    count = world.sum(len(mu))
    lowest = world.least(mu.min(axis=0, initial=np.inf))
    highest = -world.least(-mu.max(axis=0, initial=-np.inf))
    for column, low, high in zip(np.ascontiguousarray(mu.T), lowest.astype(float), highest.astype(float), strict=True):
        values = column.astype(np.float64)
        if low == high:  # a latent that says nothing: as numpy, one bin of a range of width 1
            yield np.full(len(values), float(bins))
            continue
        index = ((values - low) * (bins / (high - low))).astype(np.intp)
        np.minimum(index, bins - 1, out=index)
        counts = world.sum(np.bincount(index, minlength=bins))
        yield (counts * (bins / (high - low) / count))[index]


def _temperature(log_weight: np.ndarray, target_ess: float) -> float:
    def excess(tau: float) -> float:
        """Effective sample size at this exponent, as a share, less the one that is asked for."""
        return float(
            np.exp(2 * logsumexp(tau * log_weight) - logsumexp(2 * tau * log_weight)) / len(log_weight) - target_ess
        )

    high = 1.0
    while excess(high) > 0:  # the effective sample falls as tau grows
        high *= 2
        if high > 1e6:
            return 0.0  # weights are all alike: no temperature reaches the target
    return float(brentq(excess, 0.0, high, xtol=1e-10)) if excess(0.0) > 0 else 0.0


def draw_rows(probability: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows (count,) drawn with replacement: places in the cumulative sum, which has no limit of 2^24 rows.

    (`torch.multinomial` has one.)
    """
    rows: np.ndarray = rng.choice(len(probability), size=count, p=probability)
    return rows


def effective_sample_size(probability: np.ndarray) -> float:
    """Kish's effective number of images, 1 / sum p^2: N where all are alike, 1 where one has all the weight."""
    return float(1 / np.square(probability).sum())


def share_by_group(probability: np.ndarray, table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """How much of the probability falls on each group, beside the group's share of the faces.

    Args:
        probability: (N,) summing to 1.
        table: N rows with `columns`.
        columns: each is a grouping of its own.

    Returns:
        One row a group: grouping, group, n, natural_share, share. Shares sum to 1 within a grouping.
    """
    parts = []
    for column in columns:
        frame = pd.DataFrame({"group": table[column].to_numpy(), "share": probability})
        part = frame.groupby("group", sort=True)["share"].agg(n="size", share="sum").reset_index()
        part.insert(0, "grouping", column)
        part.insert(3, "natural_share", part["n"] / len(frame))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
