"""The exercises of docs/teaching.md as a student meets them: commands pasted, solutions run, answers checked."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path

import pytest

from facebias.analyses.exercises import EXERCISES, Subject, check
from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from scored_runs import command

DOCUMENT = Path(__file__).resolve().parents[1] / "docs/teaching.md"
# A tenth of the size, and 40 faces a skin tone
SMALLER = {"-size 1200": "-size 240", "--count 480": "--count 120", "--model": "--epochs 2 --model"}
PIECES = re.compile(r"^```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def exercises() -> list[list[tuple[str, str]]]:
    """Language and text of each piece of code, exercise by exercise."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for large, small in SMALLER.items():
        text = text.replace(large, small)
    return [PIECES.findall(part) for part in re.split(r"^## \d", text, flags=re.MULTILINE)[1:]]


def lines(code: str) -> list[list[str]]:
    return [shlex.split(line.removeprefix(".venv/bin/facebias ")) for line in code.splitlines()]


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """The command that checks each exercise, and the answer of its solution."""
    home, found, names = tmp_path_factory.mktemp("course"), [], {}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "framing differs")  # which the text speaks of
        patch.setenv("FACEBIAS_HOME", str(home))
        patch.chdir(home)
        patch.setattr("facebias.report.audit_figures.AuditFigures.all", lambda self: None)  # tables alone are read
        for pieces in exercises():
            for language, code in pieces:
                if "def score(" in code:
                    (home / "contrast.py").write_text(code)
                elif language == "python":
                    exec(code, names)
                else:
                    checks = [words for words in lines(code) if words[0] == "check"]
                    for words in lines(code):
                        done = None if words in checks else command(*words)
                        assert done is None or done.exit_code == 0, (words, done.output, done.exception)
                    found += checks
            found[-1] = (found[-1], names["answer"])
        yield found


def test_every_exercise_is_in_the_text(solved):
    assert [words[1] for words, _ in solved] == list(EXERCISES)


@pytest.mark.parametrize("number", range(len(EXERCISES)), ids=list(EXERCISES))
def test_the_solution_is_right_and_another_number_gets_a_hint(solved, number):
    words, answer = solved[number]
    right, wrong, share = (
        command(*[str(value) if word == "NUMBER" else word for word in words])
        for value in (round(answer, 1), round(answer + 3, 1), answer / 100)
    )
    assert right.exit_code == 0 and right.output.startswith("right: ")
    assert wrong.exit_code == 1 and EXERCISES[words[1]][1] in wrong.output
    assert share.exit_code == (0 if abs(answer) < 0.1 else 1)


def test_the_right_loss_of_the_second_exercise_leaks_nothing_before_it_is_broken(solved):
    names: dict = {}
    exec(next(code for language, code in exercises()[1] if language == "python"), names)
    assert (names["table"]["right"] - names["table"]["mistaken"]).abs().max() < 1e-6
    assert names["table"]["mistaken"].iloc[1] == 0


def test_a_share_is_told_to_be_one(solved):
    _, answer = solved[0]
    done = command("check", "alpha", "--answer", answer / 100, "--of", "dbvae-0.001-s0")
    assert "in % or points" in done.output


def test_an_unknown_exercise_and_groups_that_are_too_small_are_one_line(solved):
    with pytest.raises(FacebiasError, match="no such exercise"):
        check("beta", 1.0, Subject(profile("tiny")))
    with pytest.raises(FacebiasError, match="no two groups of 30"):
        check("group", 1.0, Subject(profile("tiny"), "cnn-s0", "race"))
