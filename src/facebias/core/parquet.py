"""Tables as parquet, block by block: text that is coded in memory is text in the file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

_ROWS = 2**17  # written at a time


def write_parquet(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table without its index. What it takes beside the table is one block, whatever the table's length."""
    coded = [name for name, kind in table.dtypes.items() if isinstance(kind, pd.CategoricalDtype)]
    text = dict.fromkeys(coded, "str")
    schema = pa.Schema.from_pandas(table.iloc[:1].astype(text), preserve_index=False)
    with pq.ParquetWriter(path, schema) as file:
        for start in range(0, max(1, len(table)), _ROWS):
            block = table.iloc[start : start + _ROWS].astype(text)
            file.write_table(pa.Table.from_pandas(block, schema, preserve_index=False))
