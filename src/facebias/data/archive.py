"""Where pictures lie: folders and zip archives, listed once and read one at a time, never unpacked."""

from __future__ import annotations

import os
import stat
import zipfile
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from facebias.core.errors import FacebiasError
from facebias.core.formats import found_format

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
MAX_RATIO = 200  # unpacked to packed bytes; pictures are packed already, so a high ratio is a bomb
_MEMBER_LIMIT = 1 << 30


class Place(NamedTuple):
    """A picture's file, or an archive and the name of the entry in it."""

    path: Path
    member: str = ""


def pictures(root: str | Path) -> dict[str, Place]:
    """All pictures under a folder or in a zip archive: relative name with "/" -> place, in sorted order.

    Links to folders are followed; each real folder is walked once, so a loop of links ends.

    Raises:
        FacebiasError: missing, neither folder nor zip, or an archive that is refused (see `zip_pictures`).
    """
    root = Path(root)
    if root.is_dir():
        return _folder_pictures(root)
    if root.is_file():
        return zip_pictures(root)
    raise FacebiasError("MISSING", root, "no such folder or archive", "See data/README.md for the layout expected")


def _folder_pictures(root: Path) -> dict[str, Place]:
    found, seen = [], set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders.sort()  # which of two links to one folder is met first must not depend on the disk
        prefix = "" if Path(folder) == root else Path(folder).relative_to(root).as_posix() + "/"
        found += [prefix + file for file in files if file.lower().endswith(SUFFIXES)]
    return {name: Place(root / name) for name in sorted(found)}


def zip_pictures(path: Path) -> dict[str, Place]:
    """All pictures in a zip archive, in sorted order.

    Raises:
        FacebiasError: not a zip (the format found is named), an entry that escapes or is a link, or one that
            unpacks to more than `MAX_RATIO` times its size; the entry is named.
    """
    with _opened(path) as archive:
        entries = archive.infolist()
    for entry in entries:
        _refuse_unsafe(entry, path)
    names = sorted(entry.filename for entry in entries if entry.filename.lower().endswith(SUFFIXES))
    return {name: Place(path, name) for name in names if not PurePosixPath(name).name.startswith("._")}


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        with path.open("rb") as file:
            found = found_format(file.read(4096))
        raise FacebiasError("ARCHIVE", path, f"not a whole zip archive: found {found}", "Download it again") from error


def _refuse_unsafe(entry: zipfile.ZipInfo, path: Path) -> None:
    name = entry.filename.replace("\\", "/")
    if name.startswith("/") or ":" in name.split("/")[0] or ".." in name.split("/"):
        raise FacebiasError("ARCHIVE", path, f"entry {entry.filename!r} leaves the archive", "Do not use this archive")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise FacebiasError("ARCHIVE", path, f"entry {entry.filename!r} is a link", "Do not use this archive")
    if entry.file_size > max(entry.compress_size, 1) * MAX_RATIO or entry.file_size > _MEMBER_LIMIT:
        raise FacebiasError(
            "ARCHIVE",
            path,
            f"entry {entry.filename!r} unpacks to {entry.file_size:,} bytes from {entry.compress_size:,}",
            "Do not use this archive",
        )


def read_bytes(place: Place) -> bytes:
    """The bytes of one picture.

    Raises:
        FacebiasError: missing, unreadable, or damaged in its archive.
    """
    try:
        if not place.member:
            return place.path.read_bytes()
        return _shared(place.path).read(place.member)
    except (FileNotFoundError, KeyError) as error:
        raise FacebiasError("MISSING", _spell(place), "no such picture", "Restore it, or leave its row out") from error
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise FacebiasError("UNREADABLE", _spell(place), f"cannot be read ({error})", "Get the file again") from error


@lru_cache(maxsize=4)
def _shared(path: Path) -> zipfile.ZipFile:
    return _opened(path)  # one handle a process: reading the directory of 200,000 entries takes a second


def _spell(place: Place) -> str:
    return f"{place.path}!{place.member}" if place.member else str(place.path)
