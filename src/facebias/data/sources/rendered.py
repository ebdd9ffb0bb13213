"""Rendered faces and hard negatives as tasks, so that packing renders them in all cores."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from facebias.core.words import TIGHT
from facebias.data.sources.base import Block

_BATCH = 144  # a multiple of synthetic.BLOCK, so that no block is rendered twice


@dataclass(frozen=True, slots=True)
class Render:
    """Images `start` to `start + n` of an endless seeded sequence, made where `block` is called."""

    kind: str
    n: int
    seed: int
    start: int
    dark_share: float | None
    women_share: float
    hard_share: float = 0.0

    def block(self) -> Block:
        """Render them; the same arguments give the same bytes in any process."""
        from facebias.data import rendering as synthetic

        if self.kind == "negatives":
            hard = synthetic.Difficulty(harder=self.hard_share)
            return synthetic.render_negatives(self.n, self.seed, start=self.start, difficulty=hard)
        return synthetic.render_faces(
            self.n, self.seed, dark_share=self.dark_share, women_share=self.women_share, start=self.start
        )


class Rendered:
    """`total` rendered images.

    Args:
        kind: "faces" or "negatives".
        total: how many.
        seed: of the data; the renderer's seed is derived from it and from `purpose`.
        dark_share: share of brown or dark skin; None balances skin tones evenly.
        women_share: share of women.
        purpose: "train" or "audit", so that no rendered face is in both.
        hard_share: of upside-down faces and skin-coloured textures among negatives, beyond those always there.
    """

    name = "synthetic"
    framing = TIGHT
    rule = "rendered in the tight framing"

    def __init__(
        self,
        kind: str,
        total: int,
        seed: int,
        *,
        dark_share: float | None = None,
        women_share: float = 0.5,
        purpose: str = "train",
        hard_share: float = 0.0,
    ) -> None:
        self.kind, self.total, self.dark_share, self.women_share = kind, total, dark_share, women_share
        self.hard_share = hard_share
        digest = hashlib.blake2b(f"{purpose}\0{kind}\0{seed}".encode(), digest_size=4).digest()
        self.seed = int.from_bytes(digest, "big") >> 1
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Render]:
        for start in range(0, self.total, _BATCH):
            count = min(_BATCH, self.total - start)
            yield Render(self.kind, count, self.seed, start, self.dark_share, self.women_share, self.hard_share)
