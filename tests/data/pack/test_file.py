"""The packed file, where the disk has no room for it."""

from __future__ import annotations

import shutil

import pytest

from facebias.core.errors import FacebiasError
from facebias.data.pack import pack_training


def test_a_disk_that_fills_up_while_packing_is_one_line_and_leaves_nothing(config, monkeypatch):
    asked = iter([10**9, 10**9])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, next(asked, 30 << 20)))
    with pytest.raises(FacebiasError, match=r"\[DISK\].*bytes needed for what comes next, 31,457,280 free"):
        pack_training(config)
    assert not list(config.path("data").iterdir())
