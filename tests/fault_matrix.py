"""`make faults`: the tests that faults.toml names, and a matrix of fault, what was done, required and seen.

The matrix is made of the project's own tests. A fault counts as met where each test that is named for it passed.
"""

from __future__ import annotations

import textwrap
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from facebias.core.errors import FacebiasError

TESTS = Path(__file__).parent
TABLE = TESTS / "faults.toml"
WIDTH = 118


class Fault(NamedTuple):
    """One row: its name, what was done, what is required, and the tests that show it."""

    name: str
    done: str
    required: str
    tests: tuple[str, ...]


@cache
def faults() -> list[Fault]:
    """Every fault, in the order of the table as it was when the tests began."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["fault"]
    return [Fault(row["name"], row["done"], row["required"], tuple(row["tests"])) for row in rows]


def pytest_addoption(parser):
    parser.addoption("--faults", action="store_true", help="run the tests of faults.toml alone, and print the matrix")


def _place(item) -> str:
    """A test as the table names it: file and function, whatever its parameters and class."""
    return f"{item.path.relative_to(TESTS).as_posix()}::{item.originalname}"


def pytest_collection_modifyitems(config, items):
    if config.getoption("--faults", False):
        named = {test for fault in faults() for test in fault.tests}
        kept = [item for item in items if _place(item) in named]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Keep the first fault that a test met, as it was told."""
    if not item.config.getoption("--faults", False):
        return (yield)
    told, real = [], FacebiasError.__init__

    def heard(self, *words):
        real(self, *words)
        told.append(str(self))

    FacebiasError.__init__ = heard
    try:
        return (yield)
    finally:
        FacebiasError.__init__ = real
        item.user_properties.append(("place", _place(item)))
        item.user_properties.append(("told", told[-1] if told else ""))


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--faults", False):
        met, lines = _matrix(terminalreporter.stats)
        terminalreporter.section("faults")
        terminalreporter.write("\n".join(lines) + f"\n\n{met} of {len(faults())} faults as required\n")


def pytest_sessionfinish(session):
    if session.config.getoption("--faults", False) and not session.config.option.collectonly:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        met, _ = _matrix(reporter.stats)
        if met < len(faults()) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _matrix(stats) -> tuple[int, list[str]]:
    """How many faults are met, and the lines of the matrix."""
    passed, told, wrong = defaultdict(int), defaultdict(list), {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in stats.get(outcome, []):
            about = dict(report.user_properties)
            place = about.get("place") or _of_node(report.nodeid)
            if outcome == "passed":
                passed[place] += 1
                told[place] += [about["told"]] if about.get("told") else []
            else:
                wrong[place] = outcome
    met, lines = 0, []
    for fault in faults():
        missing = [
            f"{wrong.get(test, 'did not run')}: {test}" for test in fault.tests if not _good(test, passed, wrong)
        ]
        met += not missing
        words = next((words for test in fault.tests for words in told[test]), "")
        count = sum(passed[test] for test in fault.tests)
        seen = (
            "; ".join(missing) or f"as required in {count} test{'s' * (count > 1)}{f', such as: {words}' * bool(words)}"
        )
        lines += _row(fault, seen)
    return met, lines


def _good(test: str, passed: dict[str, int], wrong: dict[str, str]) -> bool:
    # tests of photographs are skipped where there are none; others of the same fault stand for them
    return wrong.get(test) not in ("failed", "error") and (passed[test] > 0 or wrong.get(test) == "skipped")


def _of_node(nodeid: str) -> str:
    file, _, name = nodeid.partition("::")
    return f"{file.removeprefix('tests/')}::{name.rpartition('::')[2].partition('[')[0]}"


def _row(fault: Fault, seen: str) -> Iterator[str]:
    yield ""
    for head, text in ((fault.name, fault.done), ("  required", fault.required), ("  seen", " ".join(seen.split()))):
        short = text if len(text) <= 3 * WIDTH else text[: 3 * WIDTH] + "..."
        yield from textwrap.wrap(f"{head}: {short}", WIDTH, subsequent_indent="    ")
