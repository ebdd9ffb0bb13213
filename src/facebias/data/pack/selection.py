"""The steps of packing: who is taken, what is a duplicate, what is kept of the faults."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write
from facebias.data.pack.workers import Decoded, Item, Reject
from facebias.data.sources.base import Block, Sample, Source
from facebias.data.splits import quotas


@dataclass
class Part:
    """A source and how many samples of each identity to take; None takes all of `total`."""

    source: Source
    quota: dict[str, int] | None
    total: int


def select(source: Source, cap: int, seed: int) -> Part:
    """Decide who is taken of a source: all, or whole identities in a seeded order up to `cap` samples.

    A source that knows its `total` (a rendered one) is taken whole.
    """
    if (total := getattr(source, "total", None)) is not None:
        return Part(source, None, total)
    quota = quotas(_identities(source), cap, seed)
    return Part(source, quota, sum(quota.values()))


def _identities(source: Iterable[Any]) -> Iterator[str]:
    for item in source:
        if isinstance(item, Sample):
            yield item.identity
        else:
            yield from item.table["identity"]


def taken(part: Part) -> Iterator[Sample | Item]:
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
        elif len(rows := _rows_within(item.table["identity"], left)):
            yield Block(item.images[rows], item.table.iloc[rows].reset_index(drop=True))


def _rows_within(identities: Iterable[str], left: dict[str, int]) -> np.ndarray:
    rows = []
    for row, identity in enumerate(identities):
        if left.get(identity, 0) > 0:
            left[identity] -= 1
            rows.append(row)
    return np.array(rows, dtype=np.int64)


@dataclass
class Ledger:
    """What is known of all images so far: their hashes, duplicates, rejects and mends.

    Attributes:
        duplicates: images left out because their pixels, or the file they were cut from, had been seen elsewhere.
    """

    rejects: list[Reject] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    _pixels: dict[bytes, tuple[int, str]] = field(default_factory=dict)
    _files: dict[bytes, str] = field(default_factory=dict)

    def fresh(self, decoded: Decoded, source: str) -> np.ndarray:
        """Indices of the images that were not seen before, in any split.

        Raises:
            FacebiasError: the same pixels are called a face here and a non-face there.
        """
        self.rejects += decoded.rejects
        self.mended.update(decoded.mended)
        table, keep = decoded.block.table, []
        for row, (digest, label, where) in enumerate(zip(decoded.pixels, table["label"], table["where"], strict=True)):
            first = digest not in self._pixels
            known = self._pixels.setdefault(digest, (int(label), where))
            if known[0] != label:
                raise FacebiasError(
                    "CONFLICT",
                    where,
                    f"the same pixels have label {label} here and {known[0]} in {known[1]}",
                    "Remove the picture from the wrong set",
                )
            if decoded.files:
                file, place = decoded.files[row]
                first = self._files.setdefault(file, place) == place and first
            if first:
                keep.append(row)
            else:
                self.duplicates[source] += 1
        return np.array(keep, dtype=np.int64)

    def refuse_past(self, share: float, total: int, record: Path) -> None:
        """Raise once more than `share` of `total` samples could not be read."""
        if self.rejects and len(self.rejects) > share * total:
            write_rejects(record, self.rejects)
            first = self.rejects[0]
            raise FacebiasError(
                "REJECTS",
                record,
                f"{len(self.rejects):,} of {total:,} pictures cannot be read, over "
                f"{share:.2%}; the first: [{first.code}] {first.where}: {first.reason}",
                "Mend or remove the pictures listed there",
            )


def write_rejects(path: Path, rejects: Sequence[Reject]) -> None:
    """Write the CSV of what was left out; text that a spreadsheet would run as a formula is disarmed."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Reject._fields)
        writer.writerows([_inert(text) for text in reject] for reject in rejects)


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
