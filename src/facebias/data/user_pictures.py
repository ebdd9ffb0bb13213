"""Pictures by the names that strangers gave them: which are meant, what is safe to write of a name, reading them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.core.rejects import Reject
from facebias.data.archive import Place, pictures, read_bytes
from facebias.data.pixels import read_rgb

_LONGEST = 40  # characters: four bytes each at most, and file systems allow 255 with all suffixes


def gather(paths: Sequence[str | Path]) -> list[Place]:
    """All pictures of files, folders and zip archives, each once, in the order given and sorted within a folder.

    Raises:
        FacebiasError: a path that does not exist, or no picture at all.
    """
    found: dict[tuple[Path, str], Place] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise FacebiasError("MISSING", printable(path), "no such picture or folder", "Check the path")
        for place in pictures(path).values() if path.is_dir() or _is_zip(path) else [Place(path)]:
            found.setdefault((place.path.resolve(), place.member), place)
    if not found:
        raise FacebiasError(
            "MISSING",
            ", ".join(map(printable, paths)),
            "no picture is there",
            "Name pictures, or a folder that holds some",
        )
    return list(found.values())


def _is_zip(path: Path) -> bool:
    """Whether a file is an archive by its first bytes, or by its name where it is damaged there."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04" or path.suffix.lower() == ".zip"


def spell(place: Place) -> str:
    """The picture's name for a manifest or a message."""
    return printable(f"{place.path}!{place.member}" if place.member else place.path)


def printable(name: str | Path) -> str:
    """A name without control characters, line breaks or bytes that are no text; these are spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))


def safe_names(places: Iterable[Place]) -> list[str]:
    """A file name without suffix for each picture: letters, digits, "-", "_", "." alone, short, no two alike.

    Names that differ in case alone count as alike, since some file systems hold them so.
    """
    names: list[str] = []
    used: set[str] = set()
    for place in places:
        stem = Path(place.member or place.path).stem
        base = "".join(c if c.isalnum() or c in "-_." else "_" for c in stem)[:_LONGEST].strip(".-") or "picture"
        name, number = base, 1
        while name.casefold() in used:
            number += 1
            name = f"{base}-{number}"
        used.add(name.casefold())
        names.append(name)
    return names


def readable(places: Sequence[Place], rejects: list[Reject], progress: Any) -> Iterator[tuple[str, Place, Image.Image]]:
    """Safe name, place and upright RGB of each picture that can be read; the others go to `rejects`.

    Args:
        places: from `gather`.
        rejects: is added to.
        progress: is told of each picture when it is done with.
    """
    for name, place in zip(safe_names(places), places, strict=True):
        try:
            yield name, place, read_rgb(read_bytes(place), spell(place))
        except FacebiasError as error:
            rejects.append(Reject(name, spell(place), error.code, error.what))
        progress.update(1)
