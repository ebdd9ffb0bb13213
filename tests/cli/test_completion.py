"""Completion in a real bash: the script that the program prints, sourced, and asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from made import untrained_run
from scored_runs import audited


@pytest.fixture
def shell(tmp_path):
    """Ask bash what it would offer behind the last of some words."""
    if not (bash := shutil.which("bash")):
        pytest.skip("needs bash")
    program = tmp_path / "bin" / "facebias"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom facebias.cli import main\n\nmain()\n")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "FACEBIAS_HOME": str(tmp_path)}
    script = subprocess.run(
        ["facebias"], env={**environment, "_FACEBIAS_COMPLETE": "source_bash"}, capture_output=True, text=True
    ).stdout
    assert "complete -o default -F _facebias_completion facebias" in script

    def offered(*words):
        ask = f"""{script}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _facebias_completion facebias; printf '%s\\n' "${{COMPREPLY[@]}}" """
        done = subprocess.run(
            [bash, "-c", ask, "-", "facebias", *words], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return done.stdout.split()

    return offered


def test_bash_offers_verbs_options_choices_runs_and_studies(shell, tiny, tmp_path):
    run, study = untrained_run(tiny).id, audited(tiny.with_(studies_dir=str(tmp_path / "studies")))
    assert sorted(shell("expl")) == ["explain", "explain-groups"]
    assert shell("data", "f") == ["fetch"]
    assert shell("train", "--train-f") == ["--train-faces"]
    assert shell("train", "--train-faces", "f") == ["fairface"]
    assert shell("study", "--profile", "e") == ["embedded", "evidence"]
    assert shell("score", "cn") == [run]
    assert shell("shift", "synth") == [study]
    assert shell("compare", "") == [run, study]
