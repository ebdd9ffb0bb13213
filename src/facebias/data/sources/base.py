"""What every source yields, and the columns of the demographic table.

A source is lazy: it reads label files, checks them, and yields `Sample`s that say where each picture lies;
decoding is done later, once, in `facebias.data.pack`. Rendered and already packed sources yield `Block`s of pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

# The demographic side table of a packed file, one row an image. Text is "" where a source does not say, numbers
# are NaN. `gender` is "Female" or "Male" as annotators perceived it, `race` the source's own words, `age` a
# FairFace age bin ("0-2", "3-9", "10-19", ... "60-69", "more than 70") or a source's own. `ita` (degrees),
# `l_star` and `hue` (degrees) are of the skin, `skin_tone` is the class of `ita` (facebias.data.skin_tone.CLASSES); all
# four as pictured, or at a scaled exposure where the file's attribute `tone` says "normalised".
# `identity` is the unit of splitting: person, or picture for negatives. `where` is file:row of the source.
TABLE_COLUMNS = ("image_id", "label", "identity", "where", "race", "gender", "age", "skin_tone", "ita", "l_star", "hue")
ABSENT = "missing pictures"  # among a source's counts: listed and not there
UNLISTED = "pictures that no label file lists"
FACTOR_PREFIX = "factor_"  # ground truth of rendered images, one column a factor


def own_columns(columns: Iterable[str]) -> list[str]:
    """The group columns among those of a packed table that one source alone has."""
    return [name for name in columns if name not in TABLE_COLUMNS and not name.startswith(FACTOR_PREFIX)]


@dataclass(frozen=True, slots=True)
class Box:
    """A square crop in source pixels: left, top and side. It may leave the picture; what lies outside is black."""

    left: float
    top: float
    side: float


class Change(Protocol):
    """What is done to an image after it was cut. Picklable, equal by value."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The changed image; uint8 (size, size, 3), as it is given."""
        ...


class Crop(Protocol):
    """A rule that needs the picture's size first, which is known when it is decoded. Picklable, equal by value."""

    def box(self, width: int, height: int) -> Box:
        """The square to cut from an upright picture of `width` x `height` pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture to be decoded, with what its source says of it.

    Attributes:
        image_id: unique within the source, for example "train/1.jpg".
        label: 1 face, 0 non-face.
        identity: person (faces) or picture (negatives); no identity is in two splits.
        where: file and row that named it, for messages and for the table.
        path: the picture's file, or the archive or table that holds it.
        member: name of the zip entry, or row of the parquet file; "" where `path` is the picture.
        crop: a `Box`, a float (the central square of that share of the shorter side), or a `Crop` rule.
        sha256: expected hash of the picture's bytes where the source publishes it, else "".
        more: columns that this source alone has and their values; all samples of a source have the same.
        change: what is done to the image after it was cut; None for nothing.
    """

    image_id: str
    label: int
    identity: str
    where: str
    path: Path
    member: str = ""
    crop: Box | float | Crop = 1.0
    race: str = ""
    gender: str = ""
    age: str = ""
    skin_tone: str = ""  # where the source has a scale of its own; "" means that the class is measured
    sha256: str = ""
    more: tuple[tuple[str, str], ...] = ()
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Decoded images and their table: `images` (n, size, size, 3) uint8 RGB, `table` n rows of TABLE_COLUMNS
    (and factors). Measured columns (skin tone) may be missing: packing fills them in."""

    images: np.ndarray
    table: pd.DataFrame


class Task(Protocol):
    """Work that makes a block in a worker, for example rendering; picklable."""

    def block(self) -> Block:
        """Make it."""
        ...


def block_of(item: Block | Task) -> Block:
    """A block itself, or the one that a task makes."""
    return item if isinstance(item, Block) else item.block()


class Source(Protocol):
    """Something that yields samples, blocks or tasks in a stable order, the same at each pass.

    Attributes:
        name: as in `Config`, for example "celeba".
        framing: the convention its crops follow, "tight" for faces that match the audit sets (see `TIGHT`).
        rule: how the crop is made, in words, for the record.
        counts: what was left out and why, filled while iterating.

    Some have more: `absent`, a list of `Reject`s that are listed or named and cannot be used; `notes`, what must be
    known of this copy of the set; `eyes`, where those of the mean face lie as published (`facebias.data.framing.Eyes`).
    """

    name: str
    framing: str
    rule: str
    counts: Counter[str]

    def __iter__(self) -> Iterator[Sample | Block | Task]: ...
