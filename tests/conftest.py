"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facebias.config import Config, profile


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real photographs, or a skip that says so."""
    folder = os.environ.get("FACEBIAS_TEST_DATA")
    if not folder:
        pytest.skip("needs real photographs: set FACEBIAS_TEST_DATA to a folder laid out as data/README.md says")
    if not Path(folder).is_dir():
        pytest.fail(f"FACEBIAS_TEST_DATA names {folder}, which is not a folder")
    return Path(folder).resolve()


@pytest.fixture
def tiny(tmp_path: Path) -> Config:
    """A configuration of seconds whose files all go to the test's own folder."""
    return profile("tiny", runs_dir=str(tmp_path / "runs"), data_dir=str(tmp_path / "data"),
                   figures_dir=str(tmp_path / "figures"))
