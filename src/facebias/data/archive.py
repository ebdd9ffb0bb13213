"""Where pictures lie: folders and zip archives, listed once and read one at a time, never unpacked."""

from __future__ import annotations

import io
import lzma
import os
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.core.formats import found_format, is_picture

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
MAX_RATIO = 200  # unpacked to packed bytes; pictures are packed already, so a high ratio is a bomb
_MEMBER_LIMIT = 1 << 30
_MAC = "._"  # what macOS writes beside a file on other disks: it ends in .jpg and holds no picture
_ELSE = (".csv", ".gz", ".txt", ".json", ".md", ".h5", ".parquet", ".npy", ".py", ".html", ".pdf", ".xml", ".zip")
_PEEKED = 60  # pictures whose size is looked at
# What zipfile raises for archives that are damaged, encrypted, or packed by a method that Python has not (deflate64)
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError),
)


class Place(NamedTuple):
    """A picture's file, or an archive and the name of the entry in it."""

    path: Path
    member: str = ""


class Pictures(dict[str, Place]):
    """Pictures by name, in sorted order; `of_mac` files that macOS added beside them were passed over."""

    of_mac: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """What was passed over, for a source's own counts."""
        return {f"files that macOS adds ({_MAC}NAME)": self.of_mac} if self.of_mac else {}


def pictures(root: str | Path) -> Pictures:
    """All pictures under a folder or in a zip archive: relative name with "/" -> place, in sorted order.

    A picture is what has a picture's suffix, or begins like one whatever it is called. Links to folders are followed;
    each real folder is walked once, so a loop of links ends. Bytes of a name that are no UTF-8 are spelled out.

    Raises:
        FacebiasError: missing, neither folder nor zip, or an archive that is refused (see `zip_pictures`).
    """
    root = Path(root)
    if root.is_dir():
        return _folder_pictures(root)
    if root.is_file():
        return zip_pictures(root)
    raise FacebiasError("MISSING", root, "no such folder or archive", "See data/README.md for the layout expected")


def _folder_pictures(root: Path) -> Pictures:
    found, seen = Pictures(), set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders.sort()  # which of two links to one folder is met first must not depend on the disk
        prefix = "" if Path(folder) == root else Path(folder).relative_to(root).as_posix() + "/"
        for file in files:
            if file.startswith(_MAC):
                found.of_mac += 1
            elif file.lower().endswith(SUFFIXES) or (_may_be(file) and _begins_as_picture(Path(folder, file))):
                found[as_text(prefix + file)] = Place(root / (prefix + file))
    return _sorted(found)


def _sorted(found: Pictures) -> Pictures:
    result = Pictures(sorted(found.items()))
    result.of_mac = found.of_mac
    return result


def _may_be(file: str) -> bool:
    return not (file.startswith(".") or file.lower().endswith(_ELSE))


def _begins_as_picture(path: Path) -> bool:
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as file:
            return is_picture(file.read(16))
    except OSError:  # not ours to judge
        return False


def as_text(name: str | Path) -> str:
    """A file's name as UTF-8 can write it: bytes that are no text are spelled out."""
    return str(name).encode("utf-8", "backslashreplace").decode("utf-8")


def zip_pictures(path: Path) -> Pictures:
    """All pictures in a zip archive, in sorted order.

    Raises:
        FacebiasError: not a zip (the format found is named), an entry that escapes or is a link, or one that
            unpacks to more than `MAX_RATIO` times its size; the entry is named.
    """
    with _opened(path) as archive:
        entries = archive.infolist()
    for entry in entries:
        _refuse_unsafe(entry, path)
    found = Pictures()
    for entry in entries:
        name = entry.filename
        if PurePosixPath(name).name.startswith(_MAC):
            found.of_mac += 1
        elif name.lower().endswith(SUFFIXES):
            if as_text(name) in found:
                raise FacebiasError("ARCHIVE", path, f"entry {name!r} is there twice", "Do not use this archive")
            found[as_text(name)] = Place(path, name)
    return _sorted(found)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise
    except _BROKEN as error:
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
            _refuse_endless(place.path)
            return place.path.read_bytes()
        return _shared(place.path).read(place.member)
    except (FileNotFoundError, KeyError) as error:
        raise FacebiasError("MISSING", spell(place), "no such picture", "Restore it, or leave its row out") from error
    except _BROKEN as error:
        raise FacebiasError("UNREADABLE", spell(place), f"cannot be read ({error})", "Get the file again") from error


def _refuse_endless(path: Path) -> None:
    about = path.stat()
    if not stat.S_ISREG(about.st_mode) or about.st_size > _MEMBER_LIMIT:
        what = f"{about.st_size:,} bytes" if stat.S_ISREG(about.st_mode) else "a pipe, socket or device"
        raise FacebiasError("UNREADABLE", path, f"no picture, but {what}", "Move it away")


@lru_cache(maxsize=4)
def _shared(path: Path) -> zipfile.ZipFile:
    return _opened(path)  # one handle a process: reading the directory of 200,000 entries takes a second


def spell(place: Place) -> str:
    """A picture's place in one line: its file, or archive!entry."""
    return as_text(f"{place.path}!{place.member}" if place.member else place.path)


def one_size(places: Sequence[Place], least: int = 5) -> tuple[int, int] | None:
    """Width and height that all of up to 60 pictures have; None where they differ, or are fewer than `least`."""
    found = sizes(places)
    return found[0] if len(found) >= least and len(set(found)) == 1 else None


def sizes(places: Sequence[Place]) -> list[tuple[int, int]]:
    """Width and height, by their headers, of up to 60 pictures spread over all; unreadable ones are passed over."""
    found = []
    for place in places[:: max(1, len(places) // _PEEKED)][:_PEEKED]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sizes: packing refuses large pictures by itself
                found.append(Image.open(io.BytesIO(read_bytes(place))).size)
        except (FacebiasError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
    return found


def found_in(folder: Path, most: int = 6) -> str:
    """What lies in a folder, in words, for a message that expected something else there."""
    if not folder.is_dir():
        above = folder.parent
        return f"no folder {as_text(folder.name)}; {found_in(above)}" if above.is_dir() else f"no folder {above}"
    names = sorted(as_text(path.name) + "/" * path.is_dir() for path in folder.iterdir() if path.name[0] != ".")
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"found in {as_text(folder.name)}/: {', '.join(names[:most]) or 'nothing'}{more}"
