"""How much a file that somebody else wrote may claim before it is read, and take while it is run."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from facebias.core.errors import FacebiasError

ROWS = 20_000_000  # of a table: an audit of one million takes minutes
BYTES = 8 << 30  # unpacked, or taken by a program
STRINGS = 50_000  # rows of a column that are Python's own strings at a time, five times the size of a column
_PAGES = Path("/proc/self/statm")


def damaged_parquet(path: Path, error: Exception, mend: str) -> FacebiasError:
    """The error of a parquet file that cannot be read, with what the library says of it, in one line."""
    text = " ".join(str(error).split())[:200]
    return FacebiasError("PARQUET", path, f"not a whole parquet file ({text})", mend)


def refuse_large_parquet(path: Path) -> None:
    """Raise where a parquet file claims more rows or bytes than a table of scores has, before they are made.

    Raises:
        FacebiasError: it does, a column holds lists or bytes, or it is no whole parquet file.
    """
    try:
        about = pq.read_metadata(path)
        size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged_parquet(path, error, "Write it again") from error
    if about.num_rows > ROWS or size > BYTES:
        what = f"claims {about.num_rows:,} rows and {size:,} bytes, over {ROWS:,} and {BYTES:,}"
        raise FacebiasError("PARQUET", path, what, "Audit fewer images")
    for column in about.schema.to_arrow_schema():
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            what = f"column {column.name} holds {column.type}, expected text or numbers"
            raise FacebiasError("PARQUET", path, what, "Leave it out or convert it")


@contextlib.contextmanager
def memory_limit(most: int = BYTES) -> Iterator[None]:
    """Hold this process to some bytes beyond what it has: a library that wants more fails, and the machine lives on.

    Linux alone counts what a process has; elsewhere nothing is held.

    Args:
        most: bytes; half of the machine's memory where that is less.
    """
    if not _PAGES.exists():
        yield
        return
    page, before = resource.getpagesize(), resource.getrlimit(resource.RLIMIT_AS)
    limit = int(_PAGES.read_text().split()[0]) * page + min(most, os.sysconf("SC_PHYS_PAGES") * page // 2)
    told = [limit, *(each for each in before if each != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(told), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
