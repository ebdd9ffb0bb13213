"""The command line: help that works as pasted, one-line errors, exit codes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

VERBS = (
    "train",
    "score",
    "audit",
    "study",
    "notebook",
    "compare",
    "report",
    "shift",
    "mechanism",
    "tone",
    "detect",
    "protocols",
    "explain",
    "explain-groups",
    "benchmark-saliency",
    "data pack",
    "data describe",
    "data fetch",
)


def facebias(*words: str, home, timeout: int = 120) -> subprocess.CompletedProcess[str]:
    import os

    environment = {**os.environ, "FACEBIAS_HOME": str(home), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "facebias", *words],
        capture_output=True,
        text=True,
        cwd=home,
        env=environment,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home with space")


def example(help_text: str) -> list[str]:
    """The words of the example in a help text, which may be wrapped over lines."""
    found = re.search(r"Example: facebias (.*?)(?:\n\s*\n|\Z)", help_text, flags=re.S)
    assert found, help_text
    return shlex.split(" ".join(found.group(1).split()))


@pytest.fixture(scope="module")
def helps(home):
    return {verb: facebias(*verb.split(), "--help", home=home).stdout for verb in VERBS}


def test_help_lists_every_verb(home):
    text = facebias("--help", home=home).stdout
    for verb in {verb.split()[0] for verb in VERBS}:
        assert re.search(rf"^\s+{verb}\b", text, flags=re.M), verb


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_an_example(helps, verb):
    assert example(helps[verb])[: len(verb.split())] == verb.split()


def test_the_examples_of_train_study_score_and_audit_work_as_pasted(helps, home):
    # In an order in which each finds what it needs; the training example makes the run that the next ones name
    for verb in ("train", "score", "study"):
        done = facebias(*example(helps[verb]), home=home)
        assert done.returncode == 0, done.stderr
    runs = sorted(path.name for path in (home / "runs").iterdir() if (path / "DONE.json").exists())
    assert len([name for name in runs if name.startswith("dbvae-0.01-s0")]) == 1
    done = facebias(*example(helps["audit"]), home=home)
    assert done.returncode == 0, done.stderr
    assert (home / "audit" / "group_report.csv").exists()
    assert list((home / "audit").glob("*.png"))


def test_a_fault_is_one_line_on_standard_error_and_exit_status_1(home):
    done = facebias("score", "no-such-run", home=home)
    assert done.returncode == 1
    assert re.fullmatch(r"\[RUN\] .*no run 'no-such-run'.*\n", done.stderr)


@pytest.mark.parametrize("words", [["train", "--epochs", "many"], ["train", "--epoch", "3"], ["trian"]])
def test_words_that_are_no_setting_are_refused_before_any_work(home, words):
    done = facebias(*words, home=home)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_value_outside_its_range_is_one_line(home):
    done = facebias("train", "--alpha", "-1", home=home)
    assert done.returncode == 1
    assert "alpha: -1.0 is outside" in done.stderr and done.stderr.count("\n") == 1
