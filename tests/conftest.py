"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from facebias.core.config import Config
from facebias.core.profiles import profile
from fault_matrix import (
    pytest_addoption,  # noqa: F401 - the hooks of `make faults`
    pytest_collection_modifyitems,  # noqa: F401
    pytest_runtest_call,  # noqa: F401
    pytest_sessionfinish,  # noqa: F401
    pytest_terminal_summary,  # noqa: F401
)

# A busy machine is no error: no example is timed, neither its check nor its making
settings.register_profile("facebias", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("facebias")

# Helpers are imported inside the fixtures: most tests need neither tables nor figures


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real photographs, or a skip that says so."""
    wanted = "needs real photographs: set FACEBIAS_TEST_DATA to a folder laid out as data/README.md says"
    folder = os.environ.get("FACEBIAS_TEST_DATA")
    if not folder:
        pytest.skip(wanted)
    if not Path(folder).is_dir():
        pytest.skip(f"{wanted}; it names {folder}, which is no folder")
    return Path(folder).resolve()


@pytest.fixture
def tiny(tmp_path: Path) -> Config:
    """A configuration of seconds whose files all go to the test's own folder."""
    return profile(
        "tiny", runs_dir=str(tmp_path / "runs"), data_dir=str(tmp_path / "data"), studies_dir=str(tmp_path / "figures")
    )


@pytest.fixture(scope="session")
def audited(tmp_path_factory):
    """The audit of a small study whose groups have hostile names."""
    from report_pages import HOSTILE, study

    return study(tmp_path_factory.mktemp("study"), HOSTILE, "cnn,vae,dbvae-0.01", tones=False)


@pytest.fixture(scope="session")
def report_page(audited, tmp_path_factory) -> str:
    """The report of `audited`, as text."""
    from facebias.report.page import write_report

    return write_report(audited, tmp_path_factory.mktemp("page") / "report.html", "2026-01-02").read_text()


@pytest.fixture
def shelf(tmp_path):
    """A place to put runs of made scores."""
    from compared_runs import Shelf

    return Shelf(tmp_path / "runs")


@pytest.fixture(scope="session")
def compared(tmp_path_factory):
    """Two models of three seeds compared, the second better with the faces of Black people."""
    from compared_runs import Shelf
    from facebias.report.comparison import compare_runs

    shelf = Shelf(tmp_path_factory.mktemp("compared"))
    return compare_runs([*shelf.add("cnn", 0, 1, 2), *shelf.add("dbvae-0.01", 0, 1, 2, lift=4.0)])
