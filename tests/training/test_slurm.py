"""A study on a real Slurm: `make test-slurm` sets one up, and everywhere else these are skipped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facebias.core.config import Config
from facebias.core.profiles import profile
from facebias.training.run import Run
from facebias.training.study import plan

pytestmark = pytest.mark.skipif("SLURM_CONF" not in os.environ, reason="needs Slurm: make test-slurm")
SETTINGS = {"profile": "tiny", "arms": "cnn,dbvae-0.01", "seeds": "3", "epochs": "12", "workers": "2"}


def _study(folder: Path, data: Path, kind: str) -> tuple[subprocess.Popen, Config]:
    places = {"data_dir": str(data), "runs_dir": str(folder / "runs"), "studies_dir": str(folder / "studies")}
    told = [f"--{name.replace('_', '-')}={value}" for name, value in (SETTINGS | places).items()]
    command = [sys.executable, "-m", "facebias", "study", *told, "--cluster", kind, "--memory", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    values = {name: int(value) if value.isdigit() else value for name, value in SETTINGS.items() if name != "profile"}
    return process, profile("tiny", **values, **places)


def _job_of(config: Config, run: Run) -> str:
    """Slurm's name of the task that trains a run, once it is past its first epoch."""
    index = [Run.of(one).id for one in plan(config)].index(run.id)
    while not list(run.path.glob("checkpoint-*.pt")):
        time.sleep(0.2)
    listed = subprocess.run(["squeue", "--noheader", "--format=%A %F %K"], check=True, capture_output=True, text=True)
    jobs = {fields[2]: f"{fields[1]}_{fields[2]}" for fields in map(str.split, listed.stdout.splitlines())}
    return jobs[str(index)]


def test_a_study_of_six_runs_one_of_them_stopped_and_queued_again_is_that_of_this_machine(tmp_path):
    slurm, config = _study(tmp_path / "slurm", tmp_path / "data", "slurm")
    stopped = Run.of(plan(config)[1])
    subprocess.run(["scancel", "--signal=USR2", _job_of(config, stopped)], check=True)
    text, _ = slurm.communicate()
    assert slurm.returncode == 0, text
    assert "6 tasks are queued as Slurm's job" in text and "6 of 6 tasks done, 0 failed" in text
    logs = [file.read_text() for file in (tmp_path / "slurm/runs/submitit").glob("*_log.out")]
    assert sum("Requeued job" in log or "requeue" in log.lower() for log in logs) == 1
    local, other = _study(tmp_path / "local", tmp_path / "data", "local")
    text, _ = local.communicate()
    assert local.returncode == 0, text
    ours, theirs = config.study_folder, other.study_folder
    names = sorted(str(file.relative_to(ours)) for file in ours.rglob("*") if file.is_file())
    assert names == sorted(str(file.relative_to(theirs)) for file in theirs.rglob("*") if file.is_file()) != []
    different = [name for name in names if (ours / name).read_bytes() != (theirs / name).read_bytes()]
    assert not different
    for one, two in zip(plan(config), plan(other), strict=True):
        assert (Run.of(one).path / "weights.pt").read_bytes() == (Run.of(two).path / "weights.pt").read_bytes()
