"""Negatives: any folder or zip of pictures without faces, ImageNet's class folders or flat, as random crops."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facebias.core.errors import FacebiasError
from facebias.data.archive import found_in, pictures, spell
from facebias.data.sources.base import Box, Sample

SMALLEST = 0.35  # of the shorter side: objects at many scales, as a sliding window would meet them
_FINEST = 64  # pixels; a smaller crop would be magnified, and blur would then tell negatives from faces


@dataclass(frozen=True, slots=True)
class RandomSquare:
    """A square drawn once the picture's size is known: side uniform in 0.35 to 1 of the shorter side, place uniform.

    Attributes:
        seed: of its own generator; the same seed on the same picture is the same square.
    """

    seed: int

    def box(self, width: int, height: int) -> Box:
        """The square to cut from a picture of `width` x `height` pixels."""
        rng = np.random.default_rng(self.seed)
        shorter = min(width, height)
        side = float(np.clip(rng.uniform(SMALLEST, 1) * shorter, min(_FINEST, shorter), shorter))
        return Box(rng.uniform(0, width - side), rng.uniform(0, height - side), side)


class Folder:
    """Several seeded random crops of each picture; all crops of a picture share its identity.

    Args:
        root: folder (with or without subfolders) or zip archive of pictures.
        crops: squares a picture.
        seed: of the squares; with a picture's name it fixes them, whatever other pictures are there.

    Raises:
        FacebiasError: while iterating: no picture is there.
    """

    name = "folder"
    framing = "random squares"
    rule = f"squares of {SMALLEST} to 1 of the shorter side, at random places"

    def __init__(self, root: str | Path, crops: int = 4, seed: int = 0) -> None:
        self.root, self.crops, self.seed = Path(root), crops, seed
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Sample]:
        self.counts.clear()
        places = pictures(self.root)
        self.counts.update(places.counts)
        if not places:
            what, mend = f"no picture is there; {found_in(self.root)}", "Put negatives there, see data/README.md"
            raise FacebiasError("MISSING", self.root, what, mend)
        for name, place in places.items():
            where = spell(place)
            for number in range(self.crops):
                crop = RandomSquare(seed_of(self.seed, name, number))
                yield Sample(f"{name}#{number}", 0, name, where, place.path, place.member, crop)


def seed_of(*parts: object) -> int:
    """A seed that these parts fix, each read as text."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
