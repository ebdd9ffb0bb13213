"""CelebA's label files as its authors and mirrors lay them out: text with blanks, or Kaggle's CSV, some in Anno/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from facebias.core.errors import FacebiasError
from facebias.core.label_files import Row, label, lines, read_csv
from facebias.data.archive import found_in

_SUBFOLDERS = ("", "Anno", "Eval", "Img")  # as the authors' drive sorts them
_ATTRIBUTES = "list_attr_celeba"


class Table(NamedTuple):
    """Names of the columns behind the picture's name ("" where the file names none), and its rows in order."""

    names: tuple[str, ...]
    rows: Iterator[tuple[str, list[str]]]  # place, cells


def beside(folder: Path, *names: str) -> Path | None:
    """The first of these that is in the folder, or where the authors' drive has it; None where none is."""
    places = [folder / sub / name for name in names for sub in _SUBFOLDERS]
    return next((place for place in places if place.exists()), None)


def label_file(folder: Path, stem: str) -> Path | None:
    """A label file by its name without suffix: .txt as published, or .csv as Kaggle has it."""
    return beside(folder, f"{stem}.txt", f"{stem}.csv")


def attributes_file(folder: Path) -> Path:
    """The file of attributes.

    Raises:
        FacebiasError: there is none; what is there instead is named.
    """
    if (path := label_file(folder, _ATTRIBUTES)) is None:
        raise FacebiasError(
            "MISSING", folder, f"no {_ATTRIBUTES}.txt or .csv; {found_in(folder)}", "See data/README.md for the layout"
        )
    return path


def attributes_of(path: Path) -> Iterator[tuple[Row, dict[str, str]]]:
    """Each picture's row, whose "0" is its file, and its attributes, "1" or "-1", of list_attr_celeba.

    Raises:
        FacebiasError: no attribute Male, or another number of rows than the file announces, or a fault of a line.
    """
    table = _table(path)
    if "Male" not in table.names:
        what = "expected a line of attributes with Male"
        mend = "Use list_attr_celeba as published or lines cut from it"
        raise FacebiasError("CSV_COLUMN", f"{path}:{2 if path.suffix == '.txt' else 1}", what, mend)
    for where, cells in table.rows:
        yield Row(where, {"0": cells[0]}), dict(zip(table.names, cells[1:], strict=True))


def words_of(path: Path, known: dict[str, str] | None = None) -> dict[str, str]:
    """One word for each picture: its person, or its part, which must be among those known."""
    found: dict[str, str] = {}
    for where, (name, word) in _table(path, columns=1).rows:
        if name in found:  # would silently take the last one
            raise FacebiasError("DUPLICATE", where, f"{name} is listed twice", "Remove one of the lines")
        found[name] = word if known is None else label(word, known, where)
    return found


def numbers_of(path: Path | None, count: int) -> dict[str, tuple[float, ...]]:
    """`count` numbers for each picture, of a file with a header; empty without a file."""
    if path is None:
        return {}
    found = {}
    for where, cells in _table(path, columns=count).rows:
        try:
            found[cells[0]] = tuple(map(float, cells[1:]))
        except ValueError as error:
            raise FacebiasError("CSV_ROW", where, str(error), "Mend or remove that line") from error
    return found


def _table(path: Path, columns: int | None = None) -> Table:
    """A file told by its first line: names and commas, a count and a line of names, or rows at once."""
    numbered = lines(path)
    first = next(numbered, (1, ""))[1]
    if "," in first:
        names = tuple(name.strip() for name in first.split(","))[1:]
        rows = ((row.where, [cell.strip() for cell in row.values.values()]) for row in read_csv(path, ()))
        return Table(names, _of_width(rows, 1 + (len(names) if columns is None else columns)))
    if first.strip().isdigit():
        names = tuple(next(numbered, (2, ""))[1].split())
        # the published names of landmarks and boxes may or may not begin with that of the picture
        width = 1 + (len(names) if columns is None else columns)
        return Table(names, _announced(path, first.strip(), _of_width(_split(path, numbered), width)))
    return Table((), _of_width(_split(path, lines(path)), 1 + (columns or 0)))


def _split(path: Path, numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[str, list[str]]]:
    return ((f"{path}:{number}", cells) for number, text in numbered if (cells := text.split()))


def _of_width(rows: Iterator[tuple[str, list[str]]], width: int) -> Iterator[tuple[str, list[str]]]:
    for where, cells in rows:
        if len(cells) != width:
            what = f"{len(cells)} fields, expected {width}"
            raise FacebiasError("CSV_ROW", where, what, "Mend or remove that line; the file may have been cut off")
        yield where, cells


def _announced(path: Path, count: str, rows: Iterator[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    found = 0
    for row in rows:
        found += 1
        yield row
    if str(found) != count:  # as text: Python refuses to read a number of 5,000 digits
        mend = "Get the file again, or set that count if you cut the file yourself"
        raise FacebiasError("CSV_ROW", f"{path}:1", f"announces {count:.20} rows, has {found}", mend)
