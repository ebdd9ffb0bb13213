"""CSV for spreadsheets and for machines: text that a spreadsheet would run as a formula is made inert.

A cell that starts with = + - @ TAB or CR is written behind an apostrophe, which spreadsheets hide and do not
evaluate. Text that already looks so prefixed gets one more, so that reading takes exactly one away.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_PREFIXED = re.compile(r"'+[=+\-@\t\r]")


def inert(value: object) -> object:
    """The value as it is written: text that would be a formula gets an apostrophe, all else stays."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _original(text: str) -> str:
    return text[1:] if _PREFIXED.match(text) else text


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table atomically as UTF-8 CSV, numbers in full precision, NaN as an empty cell.

    Raises:
        FacebiasError: the file cannot be written.
    """
    safe = table.copy()
    for number, dtype in enumerate(table.dtypes):
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)):
            safe.isetitem(number, table.iloc[:, number].astype(object).map(inert, na_action="ignore"))
    safe.columns = [inert(str(name)) for name in table.columns]
    with atomic_write(path) as temporary:
        safe.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8", quoting=_quoting(safe))


def _quoting(table: pd.DataFrame) -> int:
    """Quote where needed. The csv module does not see that a lone CR needs it, since lines here end in LF."""
    texts = list(table.columns)
    for number, dtype in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            texts += [cell for cell in table.iloc[:, number] if isinstance(cell, str)]
    return csv.QUOTE_NONNUMERIC if any("\r" in text for text in texts) else csv.QUOTE_MINIMAL


def read_csv(path: str | Path, numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Read what `write_csv` wrote: text as text ("NA" is a label), the columns in `numbers` as floats.

    Raises:
        FacebiasError: no such file, no CSV, a short or long row, a column missing, or a number that is none.
    """
    path = Path(path)
    if not path.exists():
        raise FacebiasError("MISSING", path, "no such file", "Run the stage that writes it first")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise FacebiasError("CSV", path, f"not a table of ours ({error})", "Write it again") from error
    header = [_original(name) for name in rows[0]] if rows else []
    if len(set(header)) < len(header):
        raise FacebiasError("CSV", f"{path}:1", "two columns of one name", "The file is edited: write it again")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise FacebiasError(
                "CSV",
                f"{path}:{number}",
                f"{len(row)} cells, expected {len(header)}",
                "The file is cut or edited: write it again",
            )
    table = pd.DataFrame([[_original(cell) for cell in row] for row in rows[1:]], columns=header, dtype=object)
    for name in numbers:
        if name not in header:
            raise FacebiasError("CSV", path, f"no column {name}; found {', '.join(header)}", "Write it again")
        try:
            table[name] = [float(cell or "nan") for cell in table[name]]
        except ValueError as error:
            raise FacebiasError("CSV", path, f"{name}: {error}", "Write it again") from error
    return table
