"""Strict reading of label files: every value is text, every fault is named with its line.

No value is guessed: "NA" stays "NA", "000001" keeps its zeros, a short row or a wrong encoding is an error
with its mend, and an unknown label names the closest one.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from facebias.core.errors import FacebiasError
from facebias.core.formats import found_format

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DATE = re.compile(r"(?i)\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)")  # what 3-9 and 10-19 become
_RANGE = re.compile(r"\d+-\d+")


class Row(NamedTuple):
    """One row: `where` is "file:line", `values` maps column to text."""

    where: str
    values: dict[str, str]


def lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a UTF-8 text file (a byte order mark and gzip are accepted), without line ends.

    Raises:
        FacebiasError: missing, not text, UTF-16, another encoding, or a NUL byte; with the line.
    """
    path = Path(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4096)
            _refuse_not_text(head, path)
            file.seek(0)
            # Old Macintosh line ends (the published PPB table has them) would be one line to binary reading
            broken = b"\r" in head and b"\n" not in head
            source = file.read().replace(b"\r", b"\n").splitlines() if broken else file
            for number, raw in enumerate(source, 1):
                yield number, _decode(raw, path, number).rstrip("\r\n")
    except FileNotFoundError as error:
        raise FacebiasError("MISSING", path, "no such file", "See data/README.md for where to get it") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FacebiasError("CSV_GZIP", path, f"broken gzip ({error})", "Get the file again") from error


def _refuse_not_text(head: bytes, path: Path) -> None:
    if head.startswith(_UTF16):
        raise FacebiasError("CSV_ENCODING", path, "encoded as UTF-16", "Save it as UTF-8")
    found = found_format(head)
    if found not in ("text", "unknown bytes"):  # UTF-8 beyond ASCII is "unknown" to it
        raise FacebiasError("CSV_FORMAT", path, f"found {found}, expected a text table", "Get the file again")


def _decode(raw: bytes, path: Path, number: int) -> str:
    if b"\0" in raw:
        raise FacebiasError("CSV_NUL", f"{path}:{number}", "a NUL byte", "Get the file again; this copy is damaged")
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        byte = f"{error.object[error.start]:#04x}"
        raise FacebiasError(
            "CSV_ENCODING", f"{path}:{number}", f"not UTF-8 (byte {byte}, perhaps latin-1)", "Save it as UTF-8"
        ) from error


def read_csv(path: str | Path, columns: Collection[str]) -> Iterator[Row]:
    """Rows of a comma-separated file with a header, streamed; see `read_cells`."""
    header, rows = read_cells(path, columns)
    for line, cells in rows:
        yield Row(f"{path}:{line}", dict(zip(header, cells, strict=True)))


def read_cells(path: str | Path, columns: Collection[str]) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Header of a comma-separated file, and its rows as line and cells, streamed.

    Column names are compared without case and outer blanks; more columns than asked for are kept.

    Args:
        path: the file; ".gz" is unpacked on the fly.
        columns: names that must be there.

    Raises:
        FacebiasError: see `lines`; a missing column (expected and found are named), a row that is shorter or
            longer than the header, or a stray quote; with the line.
    """
    line = 0

    def texts() -> Iterator[str]:
        """The lines, whose number is kept for messages."""
        nonlocal line
        for number, text in lines(path):
            line = number
            yield text + "\n"

    reader = csv.reader(texts(), strict=True)

    def rows() -> Iterator[tuple[int, list[str]]]:
        """What follows the header."""
        for cells in _valid(reader, lambda: f"{path}:{line}"):
            if not cells:
                continue  # an empty line
            if len(cells) != len(header):
                raise FacebiasError(
                    "CSV_ROW",
                    f"{path}:{line}",
                    f"{len(cells)} fields, expected {len(header)}",
                    "Mend or remove that line; the file may have been cut off",
                )
            yield line, cells

    header = [name.strip().lower() for name in next(_valid(reader, lambda: f"{path}:{line}"), [])]
    _check_header(header, columns, path)
    return header, rows()


def _valid(reader: Iterator[list[str]], where: Callable[[], str]) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise FacebiasError("CSV_ROW", where(), f"not valid CSV ({error})", "Mend that line") from error


def _check_header(header: list[str], columns: Collection[str], path: str | Path) -> None:
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if twice:
        raise FacebiasError("CSV_COLUMN", f"{path}:1", f"column {', '.join(twice)} is there twice", "Keep one of each")
    missing = [name for name in columns if name.lower() not in header]
    if not missing:
        return
    if len(header) == 1 and ";" in header[0]:
        raise FacebiasError("CSV_SEPARATOR", f"{path}:1", "fields are separated by semicolons", "Save it with commas")
    raise FacebiasError(
        "CSV_COLUMN",
        f"{path}:1",
        f"expected {', '.join(columns)}, found {', '.join(header) or 'nothing'}",
        f"Add {', '.join(missing)}",
    )


def label(value: str, known: Mapping[str, str] | Collection[str], where: str) -> str:
    """The known label that `value` is, or what that one is mapped to; letter case, blanks and "_" do not matter.

    Raises:
        FacebiasError: unknown; row, value and the closest label are named.
    """
    meant = known if isinstance(known, Mapping) else dict(zip(known, known, strict=True))
    if value in meant:
        return meant[value]
    names = {plain(name): name for name in meant}
    if (name := names.get(plain(value))) is not None:
        return meant[name]
    close = difflib.get_close_matches(plain(value), list(names), n=1, cutoff=0.3)
    if _DATE.search(value) and any(_RANGE.fullmatch(name) for name in names):
        mend = "A spreadsheet has made a date of it: take the file as published"
    elif close:
        mend = f"The closest known label is {names[close[0]]!r}"
    else:
        mend = f"Known labels are {', '.join(map(repr, known))}"
    raise FacebiasError("LABEL", where, f"unknown label {value!r}", mend)


def plain(text: str) -> str:
    """What is compared of a label: lower case, blanks and "_" as one blank, a dash as a hyphen."""
    return " ".join(text.replace("_", " ").replace("\N{EN DASH}", "-").casefold().split())
