"""Permutation tests of saliency between groups: one statistic a group, exact whatever the maps look like.

Under the null hypothesis a face's group says nothing of its map, so group labels may be shuffled over the faces. The
statistic is the largest |difference of means| over cells, in standard deviations between faces: it is the maximum
of t statistics up to a monotone change, so cells of different spread count alike, and comparing single cells with
its distribution holds for all cells at once (Westfall and Young 1993; for images, Nichols and Holmes 2002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHUFFLES = 2000
_CHUNK = 1 << 22  # labels shuffled at a time


@dataclass(frozen=True)
class GroupTests:
    """Each tested group against all other faces.

    Attributes:
        effect: (G, cells) mean of the group less mean of the others, in standard deviations between faces.
        peak: (G,) largest |effect|, the statistic.
        p: (G,) (1 + shuffles with a statistic as large) / (1 + shuffles).
        critical: (G,) |effect| that shuffled labels exceed anywhere in 5 %.
        moved: (G,) half the summed |difference| of the two mean maps, each scaled to sum 1: the share of saliency that
            lies elsewhere.
        moved_by_chance: (G,) its mean over shuffles; noise alone moves that much.
    """

    effect: np.ndarray
    peak: np.ndarray
    p: np.ndarray
    critical: np.ndarray
    moved: np.ndarray
    moved_by_chance: np.ndarray


def group_tests(
    values: np.ndarray, codes: np.ndarray, tested: np.ndarray, *, shuffles: int = SHUFFLES, seed: int = 0
) -> GroupTests:
    """Test groups one by one against all other faces; every shuffle serves all groups.

    Args:
        values: (N, cells), one row a face, not negative; average over seeds first: faces are what is
            exchangeable.
        codes: (N,) group of each face. To compare two groups, give their faces alone.
        tested: (G,) the groups to test; each needs faces in it and outside of it.
        shuffles: B.
        seed: of the generator.
    """
    values = np.asarray(values, dtype=np.float32)
    tested, codes = np.asarray(tested), np.asarray(codes)
    spread = values.std(axis=0)
    scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0)
    mean = values.mean(axis=0)
    size = np.bincount(codes, minlength=tested.max() + 1)[tested]
    weight = (1 / size + 1 / (len(codes) - size)).astype(np.float32)[:, None]

    def differences(labels: np.ndarray) -> np.ndarray:
        """Mean of each tested group less the mean of the others, for each row of labels."""
        # the others' centred sum is the group's with the sign turned
        mine = (labels[:, None] == tested[:, None]).astype(np.float32)
        return (mine.reshape(-1, len(codes)) @ (values - mean)).reshape(len(labels), len(tested), -1) * weight

    def moved(difference: np.ndarray) -> np.ndarray:
        """Share of saliency that lies elsewhere in the group than in the others."""
        inside = mean + difference * (1 - size / len(codes)).astype(np.float32)[:, None]
        outside = inside - difference
        shares = [part / np.maximum(part.sum(axis=-1, keepdims=True), 1e-12) for part in (inside, outside)]
        return np.abs(shares[0] - shares[1]).sum(axis=-1) / 2

    observed = differences(codes[None])
    rng, parts, elsewhere = np.random.default_rng(seed), [], np.zeros(len(tested))
    for count in _chunks(shuffles, max(1, _CHUNK // (len(codes) * len(tested)))):
        drawn = differences(rng.permuted(np.broadcast_to(codes, (count, len(codes))), axis=1))
        parts.append(np.abs(drawn * scale).max(axis=-1))
        elsewhere += moved(drawn).sum(axis=0)
    largest, effect = np.concatenate(parts), (observed * scale)[0]
    peak = np.abs(effect).max(axis=-1)
    # a shuffle that gives the very same split may differ in the last bits
    p = (1 + (largest >= peak * (1 - 1e-5)).sum(axis=0)) / (1 + shuffles)
    return GroupTests(effect, peak, p, np.quantile(largest, 0.95, axis=0), moved(observed)[0], elsewhere / shuffles)


def _chunks(total: int, most: int) -> list[int]:
    return [min(most, total - start) for start in range(0, total, most)]
