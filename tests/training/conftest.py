"""Data that are packed once for all tests of training."""

from __future__ import annotations

import pytest

from facebias.core.config import Config
from facebias.core.profiles import profile
from facebias.data.pack import pack_training


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("packed"))
    pack_training(profile("tiny", data_dir=folder))
    return folder


@pytest.fixture
def config(packed, tmp_path) -> Config:
    return profile("tiny", data_dir=packed, runs_dir=str(tmp_path / "runs"), epochs=3)
