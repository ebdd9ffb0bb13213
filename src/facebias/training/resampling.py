"""From latent means to sampling probabilities: rare faces are drawn more often (Amini et al. 2019, Algorithm 1).

The paper estimates each latent's density by a histogram Q_i and draws a face x with W(x) proportional to
prod_i 1 / (Q_i(z_i(x)) + alpha). With many latents that product gives all weight to one or two images
(effective sample size near 1), so most code takes the maximum over latents, as the course lab does; there alpha means
something else. Two more are a known reproduction's (`facebias.audit.paper.reproduction`): the product of the five
largest, and the maximum by normal densities in place of histograms. `effective_sample_size` says how far each one goes.

Under the maximum a latent counts by the height of its density, which grows as its spread shrinks. So latents that carry
next to nothing decide most faces' probabilities. Two further rules tell that effect apart: "used" leaves such latents
out, "z" gives all latents the same spread.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import logsumexp

from facebias.core.errors import FacebiasError
from facebias.training.ranks import ALONE, World

COLLAPSED = 0.01  # share of the faces; an effective sample below it is no training set
USED = 0.2  # nats of divergence from the prior, mean over the faces; a latent with less is called unused
_LARGEST = 5  # latents that rule max5 multiplies
_Density = tuple[np.ndarray, np.ndarray | slice]  # values, as many as bins or faces, and which of them each face has
_BLOCK = 2**17  # pairs of faces whose densities are held at once: a megabyte, which stays in the cache


def sampling_probabilities(
    mu: np.ndarray,
    alpha: float,
    bins: int = 10,
    rule: str = "max",
    target_ess: float = 0.5,
    nats: np.ndarray | None = None,
    world: World = ALONE,
    sd: np.ndarray | None = None,
) -> np.ndarray:
    """Probability of drawing each face.

    Args:
        mu: latent means (N, k); of several ranks, those of this rank's block of the faces.
        alpha: added to the densities, 0 or more; larger is closer to uniform.
        bins: bins of each latent's histogram, between its minimum and maximum.
        rule: "uniform"; "max", the largest over latents of 1 / (Q_i + alpha), each normalised to sum 1 first (MIT
            6.S191); "used", the same over latents of `USED` nats or more, and uniform while there is none; "z", the
            same over latents divided by their standard deviation; "gaussian", the same with Q_i the mean over all
            faces of their posteriors' normal densities, at a cost that grows with N squared; "max5", the product of
            the five largest; "product", the paper's formula; "tempered", the product to the power tau, with tau solved
            so that the effective sample size is `target_ess`. Products are taken in log space.
        target_ess: share of N, for "tempered".
        nats: (k,) what each latent carries, for "used" (`facebias.detectors.inference.posterior`).
        world: over whose blocks histograms and sums go.
        sd: (N, k) standard deviations of the faces' posteriors, of the same block as `mu`, for "gaussian".

    Returns:
        float64 (N,), positive, summing to 1; of several ranks, of all faces on each rank.

    Raises:
        FacebiasError: latents that are not finite or not (N, k), an unknown rule, "used" without `nats`, or "gaussian"
            without positive `sd`.
    """
    mu = _checked(mu, world)
    if rule in ("uniform", "max", "used", "z"):
        mu = _read(mu, rule, nats, world)
        return _by_maximum(_densities(mu, bins, world) if mu.shape[1] else (), len(mu), alpha, world)
    if rule == "gaussian":
        return _by_maximum(_posterior_densities(mu, _checked_sd(sd, mu, world), world), len(mu), alpha, world)
    if rule == "max5":
        return _by_largest(mu, alpha, bins, world)
    if rule not in ("product", "tempered"):
        raise FacebiasError(
            "RESAMPLING",
            "rule",
            f"{rule!r} is unknown",
            "Use uniform, max, used, z, gaussian, max5, product or tempered",
        )
    return _by_product(mu, alpha, bins, None if rule == "product" else target_ess, world)


def _by_product(mu: np.ndarray, alpha: float, bins: int, target_ess: float | None, world: World) -> np.ndarray:
    parts = (np.log(density + alpha)[faces] for density, faces in _densities(mu, bins, world))
    mine = -sum(parts, start=np.zeros(len(mu)))
    log_weight = world.joined(mine)
    if target_ess is None:
        return _of_logs(log_weight, mu.shape[1])
    tau = _temperature(log_weight, target_ess)
    probability: np.ndarray = np.exp(tau * log_weight - logsumexp(tau * log_weight))
    return probability


def _by_largest(mu: np.ndarray, alpha: float, bins: int, world: World) -> np.ndarray:
    largest = np.full((min(_LARGEST, mu.shape[1]), len(mu)), -np.inf)
    for density, faces in _densities(mu, bins, world):
        inverse = 1 / (density + alpha)
        offered = np.log(inverse / world.sum(inverse[faces].sum()))[faces]
        for kept in largest:  # whatever a larger one displaces is offered to the next place
            kept[:], offered = np.maximum(kept, offered), np.minimum(kept, offered)
    return _of_logs(world.joined(largest.sum(axis=0)), len(largest))


def _of_logs(log_weight: np.ndarray, latents: int) -> np.ndarray:
    """The probabilities (N,) of a product over so many latents, with a warning where one or two faces take it all."""
    probability: np.ndarray = np.exp(log_weight - logsumexp(log_weight))
    if (share := effective_sample_size(probability) / len(probability)) < COLLAPSED:
        warnings.warn(
            f"the product over {latents} latents collapses: its effective sample is "
            f"{share * len(probability):.1f} of {len(probability)} faces",
            stacklevel=4,
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


def _by_maximum(densities: Iterable[_Density], mine: int, alpha: float, world: World) -> np.ndarray:
    """By the densities of each latent at `mine` faces; alike where there is no latent."""
    best = np.zeros(mine)
    for density, faces in densities:
        inverse = 1 / (density + alpha)
        np.maximum(best, (inverse / world.sum(inverse[faces].sum()))[faces], out=best)
    best = world.joined(best)
    if not best.any():
        return np.full(len(best), 1 / len(best))
    best /= best.sum()
    return best


def _checked(mu: np.ndarray, world: World) -> np.ndarray:
    mu = np.asarray(mu)
    if mu.ndim != 2 or not world.sum(mu.size):
        raise FacebiasError("LATENTS", "mu", f"expected a shape (N, k), found {mu.shape}", "Give one row a face")
    if world.sum(int((~np.isfinite(mu)).sum())):
        raise FacebiasError("LATENTS", "mu", "NaN or infinite latents", "The encoder has diverged: lower learning_rate")
    return mu


def _checked_sd(sd: np.ndarray | None, mu: np.ndarray, world: World) -> np.ndarray:
    if sd is None or sd.shape != mu.shape:
        found = None if sd is None else f"shape {sd.shape}"
        what = f"rule 'gaussian' needs the posteriors' spread, found {found} for means {mu.shape}"
        raise FacebiasError("LATENTS", "sd", what, "Give sd (N, k), one a mean")
    sd = np.asarray(sd, np.float64)
    with np.errstate(over="ignore", divide="ignore"):
        right = (sd > 0) & np.isfinite(sd) & np.isfinite(1 / sd)
    if world.sum(int((~right).sum())):
        what = "standard deviations that are 0, negative or not finite"
        raise FacebiasError("LATENTS", "sd", what, "The encoder has diverged: lower learning_rate")
    return sd


def _posterior_densities(mu: np.ndarray, sd: np.ndarray, world: World) -> Iterator[_Density]:
    """Each latent's density at each face: the mean of all faces' normal posteriors, a latent at a time.

    A face's own posterior is among them, so that no density is 0. Pairs of faces are taken block by block.
    """
    for points, spread in zip(np.ascontiguousarray(mu.T, np.float64), np.ascontiguousarray(sd.T), strict=True):
        centres, scales = world.joined(points), world.joined(spread)
        heights = 1 / (scales * (math.sqrt(2 * math.pi) * len(centres)))
        density, step = np.empty(len(points)), max(1, _BLOCK // len(centres))
        with np.errstate(over="ignore", under="ignore"):  # far from a narrow posterior its density is 0
            for start in range(0, len(points), step):
                terms = (points[start : start + step, None] - centres) / scales
                np.square(terms, out=terms)
                terms *= -0.5
                density[start : start + step] = np.exp(terms, out=terms) @ heights
        yield density, slice(None)


def _densities(mu: np.ndarray, bins: int, world: World) -> Iterator[_Density]:
    """Each latent's histogram density at each face, one latent at a time so that it stays in the cache.

    The bins are those of `numpy.histogram`; bin numbers come from one affine map instead of a search.
    """
    count = world.sum(len(mu))
    lowest = world.least(mu.min(axis=0, initial=np.inf))
    highest = -world.least(-mu.max(axis=0, initial=-np.inf))
    for column, low, high in zip(np.ascontiguousarray(mu.T), lowest.astype(float), highest.astype(float), strict=True):
        values = column.astype(np.float64)
        if low == high:  # a latent that says nothing: as numpy, one bin of a range of width 1
            yield np.full(len(values), float(bins)), slice(None)
            continue
        values -= low
        values *= bins / (high - low)
        index = values.astype(np.intp)
        np.minimum(index, bins - 1, out=index)
        counts = world.sum(np.bincount(index, minlength=bins))
        yield counts * (bins / (high - low) / count), index


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
