"""Who goes where: whole identities to train, validation and test, by a seeded hash of the identity.

The hash makes a split a property of the person (or picture, for negatives) and the seed alone: packing more or
fewer pictures never moves anybody from training to test.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable


def place_of(identity: str, seed: int, purpose: str) -> float:
    """A number in [0, 1) that identity, seed and purpose fix; uniform over identities."""
    digest = hashlib.blake2b(f"{purpose}\0{seed}\0{identity}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def split_of(identity: str, seed: int, validation_share: float, test_share: float) -> str:
    """The split of an identity: "validation" and "test" get their shares of identities, "train" the rest."""
    place = place_of(identity, seed, "split")
    if place < validation_share:
        return "validation"
    return "test" if place < validation_share + test_share else "train"


def quotas(identities: Iterable[str], cap: int, seed: int) -> dict[str, int]:
    """How many samples of each identity to take: all, or as many as `cap` allows.

    Identities are taken whole in a seeded order; the last one is cut so that exactly `cap` samples are taken.

    Args:
        identities: the identity of every sample, in any order.
        cap: samples at most; 0 takes all.
        seed: of the order.
    """
    counts = Counter(identities)
    if not cap or counts.total() <= cap:
        return dict(counts)
    taken: dict[str, int] = {}
    left = cap
    for identity in sorted(counts, key=lambda name: (place_of(name, seed, "order"), name)):
        taken[identity] = min(counts[identity], left)
        left -= taken[identity]
        if not left:
            break
    return taken
