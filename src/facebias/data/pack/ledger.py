"""What packing has seen: duplicates by pixels and by file, what could not be read, what was mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facebias.core.errors import FacebiasError
from facebias.core.rejects import Reject, write_rejects
from facebias.data.pack.pins import Pins
from facebias.data.pack.workers import Decoded


@dataclass
class Ledger:
    """What is known of all images so far: their hashes, duplicates, rejects and mends.

    Attributes:
        pins: what raw pictures held when they were first read.
        duplicates: images left out because their pixels, or the file they were cut from, had been seen elsewhere.
    """

    pins: Pins
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
            if decoded.files:
                file, place = decoded.files[row]
                if not self.pins.holds(place, file):
                    image = str(table["image_id"].iloc[row])
                    self.rejects.append(Reject(image, where, "HASH", f"{place}: bytes differ from when first read"))
                    continue
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
                first = self._files.setdefault(file, place) == place and first
            if first:
                keep.append(row)
            else:
                self.duplicates[source] += 1
        return np.array(keep, dtype=np.int64)


def refuse_past(share: float, rejects: Sequence[Reject], total: int, record: Path) -> None:
    """Write the rejects and raise once they are more than `share` of `total` pictures.

    Raises:
        FacebiasError: they are.
    """
    if rejects and len(rejects) > share * total:
        write_rejects(record, rejects)
        first = rejects[0]
        raise FacebiasError(
            "REJECTS",
            record,
            f"{len(rejects):,} of {total:,} pictures cannot be read, over "
            f"{share:.2%}; the first: [{first.code}] {first.where}: {first.reason}",
            "Mend or remove the pictures listed there, or allow a larger --reject-share",
        )
