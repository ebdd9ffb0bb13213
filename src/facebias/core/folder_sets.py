"""Audit sets of somebody's own: a folder of pictures with a CSV, named ``folder:NAME=PATH`` among the audit sets.

    labels.csv      file, and any columns to group by; PATH is the folder, or a CSV of any name in it
    a.jpg, sub/b.png, ...

``file`` is the picture's name from the CSV's folder. ``left``, ``top`` and ``side`` are the face's square in pixels,
for whole pictures; without them the picture is the face. ``person`` keeps the pictures of one person together where a
set is cut to a number. All other columns are groups, as text; "" is unknown.

A set is what is in it and not where it lies: the moment it is named in a configuration, what it holds is hashed, and
the hash goes with its name (``folder:NAME=PATH#HASH``). What was packed of it is found again without the folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from facebias.core.errors import FacebiasError
from facebias.core.label_files import Row, read_csv
from facebias.core.manifest import sha256
from facebias.core.paths import anchored, inside

PREFIX = "folder:"
LABELS = "labels.csv"
BOX = ("left", "top", "side")
_FORM = re.compile(r"folder:(?P<name>[^=]+)=(?P<path>.+?)(?:#(?P<content>[0-9a-f]{16}))?")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,29}")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,29}")
_TAKEN = frozenset({"train", "validation", "test", "negatives", "folder", "lab", "celeba"})
# Columns of packed files, predictions and group reports that mean something else there
_RESERVED = frozenset(
    "image_id label identity where ita l_star hue run_id model seed dataset score hit threshold rule grouping metric "
    "group n value low high small known note baseline".split()
)


@dataclass(frozen=True)
class FolderSet:
    """One such set.

    Attributes:
        name: as it is called in tables and figures.
        path: of the folder or of its CSV, as it was given.
        content: the first 16 hexadecimal digits of the SHA-256 of the CSV and of all pictures that it names.
    """

    name: str
    path: str
    content: str

    @classmethod
    def parse(cls, text: str, known: tuple[str, ...] = ()) -> Self:
        """The set that ``folder:NAME=PATH`` names, hashed now unless its hash is given.

        Args:
            text: one of the audit sets of a configuration.
            known: names that are taken.

        Raises:
            FacebiasError: not of this form, a name that is taken or odd, or a fault of the folder (see `rows`).
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise _fault(text, "is not folder:NAME=PATH", "Write it like folder:mine=pictures")
        name, path, content = match["name"], match["path"], match["content"]
        if not _NAME.fullmatch(name):
            raise _fault(text, f"{name!r} is no name", "Use a letter, then letters, digits, - and _, all lower case")
        if name in _TAKEN.union(known):
            raise _fault(text, f"the name {name} is taken", "Choose another one")
        return cls(name, path, content or content_of(labels_file(path)))

    @property
    def spelled(self) -> str:
        """The set as a configuration keeps it."""
        return f"{PREFIX}{self.name}={self.path}#{self.content}"

    @property
    def identity(self) -> str:
        """Name and content, whatever the path."""
        return f"{PREFIX}{self.name}#{self.content}"

    @property
    def labels(self) -> Path:
        """The CSV, absolute."""
        return labels_file(self.path)


def hashed(text: str, items: Sequence[str], known: tuple[str, ...]) -> str:
    """The audit sets of a configuration, each folder among them with its hash; the same text where there is none.

    Args:
        text: as it was given.
        items: what is named there.
        known: names of audit sets that are no folders.

    Raises:
        FacebiasError: see `FolderSet.parse`, or two folders of one name.
    """
    own = {item: FolderSet.parse(item, known) for item in items if item.startswith(PREFIX)}
    if len({one.name for one in own.values()}) < len(own):
        raise FacebiasError("CONFIG", "audit_sets", "two folders of one name", "Give each a name of its own")
    return ",".join(own[item].spelled if item in own else item for item in items) if own else text


def labels_file(path: str) -> Path:
    """The CSV of a folder, or the one that is named itself; a relative path is taken from the project root.

    Raises:
        FacebiasError: there is none.
    """
    place = anchored(path)
    if place.is_dir():
        place /= LABELS
    if not place.is_file():
        raise FacebiasError(
            "MISSING", place, "no such file", f"Give a folder with {LABELS} in it, or a CSV beside its pictures"
        )
    return place


def rows(labels: Path) -> Iterator[tuple[Row, Path]]:
    """Each row of a set's CSV with its picture, in order.

    Raises:
        FacebiasError: no rows, no column ``file``, a column whose name is odd or taken, a box of less than three
            columns, a name that leads out of the folder, one that is there twice, or a row without its picture.
    """
    seen: dict[str, str] = {}
    for row in read_csv(labels, ("file",)):
        if not seen:
            check_columns(list(row.values), labels)
        name = row.values["file"]
        if not name or not name.isprintable():
            raise FacebiasError("LABELS", row.where, f"{name!r} is no name of a file", "Mend or remove that row")
        picture = _inside(labels.parent, name, row.where)
        if name in seen:
            raise FacebiasError("CONFLICT", row.where, f"{name} is in {seen[name]} too", "Remove one of the rows")
        if not picture.is_file():
            raise FacebiasError("MISSING", row.where, f"no picture {picture}", "Restore it, or remove that row")
        seen[name] = row.where
        yield row, picture
    if not seen:
        raise FacebiasError("EMPTY", labels, "no rows", "Write one row a picture")


def _inside(folder: Path, name: str, where: str) -> Path:
    try:
        return inside(folder, name)
    except FacebiasError as error:
        raise FacebiasError("PATH", where, f"{name} {error.what}", "Name pictures in the folder") from error


def content_of(labels: Path) -> str:
    """What a set holds, as the first 16 hexadecimal digits of one SHA-256: its CSV, and each picture's name and bytes.

    Raises:
        FacebiasError: see `rows`.
    """
    whole = hashlib.sha256(sha256(labels).encode())
    for row, picture in rows(labels):
        whole.update(f"{row.values['file']}\0{sha256(picture)}\0".encode())
    return whole.hexdigest()[:16]


def check_columns(found: list[str], labels: Path) -> None:
    """Refuse column names that are odd, that mean something else in our tables, or a part of a square's three."""
    for column in found:
        if not _COLUMN.fullmatch(column):
            raise FacebiasError(
                "CSV_COLUMN", f"{labels}:1", f"{column!r} is no name of a column", "Use letters, digits and _"
            )
        if column in _RESERVED or column.startswith("factor_"):
            raise FacebiasError(
                "CSV_COLUMN", f"{labels}:1", f"{column} means something else in our tables", "Rename or remove it"
            )
    box = [column for column in BOX if column in found]
    if 0 < len(box) < len(BOX):
        what = f"of {', '.join(BOX)} only {', '.join(box)}"
        raise FacebiasError("CSV_COLUMN", f"{labels}:1", what, "Give all or none")


def _fault(text: str, what: str, mend: str) -> FacebiasError:
    return FacebiasError("CONFIG", "audit_sets", f"{text}: {what}", mend)
