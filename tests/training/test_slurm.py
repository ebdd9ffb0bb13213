"""A study on a real Slurm: `make test-slurm` sets one up, and everywhere else these are skipped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import cluster_tasks
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.training.cluster import Cluster, run_on
from facebias.training.run import Run
from facebias.training.study import plan

pytestmark = pytest.mark.skipif("SLURM_CONF" not in os.environ, reason="needs Slurm: make test-slurm")
SETTINGS = {"profile": "tiny", "arms": "cnn,dbvae-0.01", "seeds": "3", "epochs": "12", "workers": "2"}


def test_an_array_job_names_the_task_that_fails_and_queues_again_the_one_that_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(cluster_tasks.__file__).parent))
    stopped, failing, plain = (tmp_path / name for name in ("stopped", "failing", "plain"))
    failing.with_suffix(".locked").touch()
    tasks = [(file.name, file) for file in (stopped, failing, plain)]
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(
            run_on, Cluster("slurm", memory=1), cluster_tasks.each_in_its_way, tasks, tmp_path / "logs", 3
        )
        while not (stopped.exists() and stopped.read_text().endswith("\n")):
            assert not asked.done()
            time.sleep(0.2)
        _stop(_job(0))
        with pytest.raises(FacebiasError, match=r"1 of 3 tasks failed: failing: ValueError: failing is locked \(log: "):
            asked.result()
    first, second = stopped.read_text().split()
    assert first != second and plain.read_text() == "done\n"


def _study(folder: Path, data: Path, kind: str) -> tuple[subprocess.Popen, Config]:
    """The same command in another home: nothing that a study writes may say where it lay."""
    told = [f"--{name.replace('_', '-')}={value}" for name, value in (SETTINGS | {"data_dir": str(data)}).items()]
    command = [sys.executable, "-m", "facebias", "study", *told, "--cluster", kind, "--memory", "2"]
    home = os.environ | {"FACEBIAS_HOME": str(folder)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=home)
    values = {name: int(value) if value.isdigit() else value for name, value in SETTINGS.items() if name != "profile"}
    places = {"data_dir": str(data), "runs_dir": str(folder / "runs"), "studies_dir": str(folder / "studies")}
    return process, profile("tiny", **values, **places)


def _job_of(config: Config, run: Run) -> str:
    """Slurm's name of the task that trains a run, once it is past its first epoch."""
    index = [Run.of(one).id for one in plan(config)].index(run.id)
    while not list(run.path.glob("checkpoint-*.pt")):
        time.sleep(0.2)
    return _job(index)


def _stop(job: str) -> None:
    """As Slurm does before it takes the node away. scancel asks again while the job is put back, and then complains."""
    subprocess.run(["scancel", "--signal=USR2", job], check=False)


def _job(index: int) -> str:
    """Slurm's name of a task of the array that runs."""
    listed = subprocess.run(["squeue", "--noheader", "--format=%F %K"], check=True, capture_output=True, text=True)
    jobs = {number: f"{job}_{number}" for job, number in map(str.split, listed.stdout.splitlines())}
    return jobs[str(index)]


def test_a_study_of_six_runs_one_of_them_stopped_and_queued_again_is_that_of_this_machine(tmp_path):
    slurm, config = _study(tmp_path / "slurm", tmp_path / "data", "slurm")
    stopped = Run.of(plan(config)[1])
    _stop(_job_of(config, stopped))
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
