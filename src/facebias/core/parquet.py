"""Large tables as parquet: text is coded in memory and text in the file, and nothing is held twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from facebias.core.files import atomic_write

_ROWS = 2**17  # written at a time


def read_parquet(path: str | Path, plain: Sequence[str] = ("image_id",)) -> pd.DataFrame:
    """A table, each text as categories but for the columns `plain`. Reading takes little more than what is read.

    Raises:
        OSError, ValueError: no parquet table.
    """
    names = [name for name in pq.read_schema(path).names if not name.startswith("__index_level_")]
    coded = [name for name in names if name not in plain]
    columns = {}
    with pq.ParquetFile(path, read_dictionary=coded, pre_buffer=False) as file:
        for name in names:
            columns[name] = file.read(columns=[name]).to_pandas(ignore_metadata=True)[name]
            pa.default_memory_pool().release_unused()  # what decoding took would stay until the end
    return pd.DataFrame(columns, copy=False)


def write_parquet(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table atomically, without its index. It takes one block beside the table, whatever the table's length."""
    coded = [name for name, kind in table.dtypes.items() if isinstance(kind, pd.CategoricalDtype)]
    text = dict.fromkeys(coded, "str")
    schema = pa.Schema.from_pandas(table.iloc[:1].astype(text), preserve_index=False)
    with atomic_write(path) as temporary, pq.ParquetWriter(temporary, schema) as file:
        for start in range(0, max(1, len(table)), _ROWS):
            block = table.iloc[start : start + _ROWS].astype(text)
            file.write_table(pa.Table.from_pandas(block, schema, preserve_index=False))
