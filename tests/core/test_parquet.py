"""Tables as parquet: in blocks, text as text."""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq
import pytest

from facebias.core import parquet


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_coded_text_is_text_in_the_file_whatever_the_blocks(tmp_path, monkeypatch, count):
    monkeypatch.setattr(parquet, "_ROWS", 4)
    columns = {"name": [f"n{row}" for row in range(count)], "score": [0.5 * row for row in range(count)]}
    plain = pd.DataFrame(columns).astype({"name": "str", "score": float})
    plain["tone"] = pd.Series(["dark", "light", ""] * 3, dtype="str").head(count)
    parquet.write_parquet(plain.astype({"tone": "category"}), tmp_path / "t")
    assert pq.ParquetFile(tmp_path / "t").num_row_groups == max(1, -(-count // 4))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t"), plain)
    found = parquet.read_parquet(tmp_path / "t", plain=["name"])
    assert [str(kind) for kind in found.dtypes] == ["str", "float64", "category"]
    pd.testing.assert_frame_equal(found.astype({"tone": "str"}), plain)


def test_an_index_with_a_name_is_a_column_and_one_without_is_none(tmp_path):
    table = pd.DataFrame({"score": [0.5, 1.5]}, index=pd.Index(["b", "a"], name="image_id"))
    table.to_parquet(tmp_path / "named")
    assert parquet.read_parquet(tmp_path / "named")["image_id"].tolist() == ["b", "a"]
    table.rename_axis(None).to_parquet(tmp_path / "unnamed")
    assert list(parquet.read_parquet(tmp_path / "unnamed")) == ["score"]
