"""Who is taken of a source: everything, or whole identities in a seeded order up to a cap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from facebias.core.rejects import Reject
from facebias.data.sources.base import UNLISTED, Block, Sample, Source, Task, block_of
from facebias.data.splits import quotas


@dataclass
class Part:
    """A source and how many samples of each identity to take; None takes all of `total`.

    Attributes:
        there: samples that the source has.
        absent: what it lists and has not.
    """

    source: Source
    quota: dict[str, int] | None
    total: int
    there: int = 0
    absent: tuple[Reject, ...] = ()

    @property
    def is_subset(self) -> bool:
        """Whether most of what is listed is not there, and whatever is there is listed.

        So does a set look that somebody cut on purpose beside its whole label files. Of a broken copy less is missing.
        """
        missing = sum(one.code == "MISSING" for one in self.absent)
        return self.there < missing == len(self.absent) and not self.source.counts[UNLISTED]


def select(source: Source, cap: int, seed: int) -> Part:
    """Decide who is taken of a source: all, or whole identities in a seeded order up to `cap` samples.

    A source that knows its `total` (a rendered one) is taken whole.
    """
    if (total := getattr(source, "total", None)) is not None:
        return Part(source, None, total)
    identities = list(_identities(source))
    quota = quotas(identities, cap, seed)
    return Part(source, quota, sum(quota.values()), len(identities), tuple(getattr(source, "absent", ())))


def _identities(source: Source) -> Iterator[str]:
    for item in source:
        if isinstance(item, Sample):
            yield item.identity
        else:
            yield from block_of(item).table["identity"]


def taken(part: Part) -> Iterator[Sample | Block | Task]:
    """What of a part's source is within its quota, in the source's order."""
    if part.quota is None:
        yield from part.source
        return
    left = dict(part.quota)
    for item in part.source:
        if isinstance(item, Sample):
            if left.get(item.identity, 0) > 0:
                left[item.identity] -= 1
                yield item
            continue
        block = block_of(item)
        if len(rows := _rows_within(block.table["identity"], left)):
            yield Block(block.images[rows], block.table.iloc[rows].reset_index(drop=True))


def _rows_within(identities: Iterable[str], left: dict[str, int]) -> np.ndarray:
    rows = []
    for row, identity in enumerate(identities):
        if left.get(identity, 0) > 0:
            left[identity] -= 1
            rows.append(row)
    return np.array(rows, dtype=np.int64)
