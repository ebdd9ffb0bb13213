"""A table of a stranger is measured by its metadata before it is read; a stranger's program cannot take all memory."""

from __future__ import annotations

import resource

import numpy as np
import pandas as pd
import pytest

from facebias.core import limits
from facebias.core.errors import FacebiasError


def test_a_table_that_claims_more_than_an_audit_can_hold_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"score": range(100)}).to_parquet(path)
    limits.refuse_large_parquet(path)
    monkeypatch.setattr(limits, "ROWS", 99)
    monkeypatch.setattr(pd, "read_parquet", lambda *_: pytest.fail("read first"))
    with pytest.raises(FacebiasError, match=r"claims 100 rows and .* bytes, over 99"):
        limits.refuse_large_parquet(path)


@pytest.mark.parametrize("cell", [b"\xff", ["a"], {"a": 1}])
def test_a_column_of_no_text_and_no_numbers_is_refused(tmp_path, cell):
    pd.DataFrame({"race": [cell], "score": [1.0]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(FacebiasError, match=r"column race holds .*, expected text or numbers"):
        limits.refuse_large_parquet(tmp_path / "t.parquet")


def test_what_is_no_parquet_is_one_line(tmp_path):
    for data in (b"", b"PAR1", b"PAR1" + b"\xff" * 40 + b"PAR1"):
        (tmp_path / "t.parquet").write_bytes(data)
        with pytest.raises(FacebiasError, match=r"not a whole parquet file"):
            limits.refuse_large_parquet(tmp_path / "t.parquet")


@pytest.mark.skipif(not limits._PAGES.exists(), reason="this system does not say how much memory a process has")
def test_more_memory_than_allowed_is_an_error_and_afterwards_nothing_is_held():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(MemoryError), limits.memory_limit(1 << 28):
        np.empty(1 << 29, np.uint8)
    assert resource.getrlimit(resource.RLIMIT_AS) == before and np.empty(1 << 29, np.uint8).size
    with limits.memory_limit(1 << 28):
        assert np.ones(1 << 20).all()
