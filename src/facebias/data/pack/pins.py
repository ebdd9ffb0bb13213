"""What each raw picture held when it was first read: a bit that flips later changes pixels, and no decoder says so."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from facebias.core.csv import read_csv, write_csv


class Pins:
    """Hashes of raw pictures by their place, kept beside the packed files.

    Args:
        path: the CSV that holds them: place, hash (16 bytes of BLAKE2b in hexadecimal digits).
        root: folder of the raw photographs; places are told from there, so that they hold on another disk.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.path, self._root = path, f"{root}/"
        table = read_csv(path) if path.exists() else pd.DataFrame({"place": [], "hash": []})
        self._known: dict[str, str] = dict(zip(table["place"], table["hash"], strict=True))
        self._new = False

    def holds(self, place: str, digest: bytes) -> bool:
        """Whether the picture is as it was when first read; one that was never read is remembered."""
        place = place.removeprefix(self._root)
        if place not in self._known:
            self._known[place], self._new = digest.hex(), True
        return self._known[place] == digest.hex()

    def write(self) -> None:
        """Keep what was read for the first time."""
        if self._new:
            write_csv(pd.DataFrame({"place": list(self._known), "hash": list(self._known.values())}), self.path)
