"""Tasks on a cluster: the same results, faults named one by one, only what failed repeated, requeued tasks go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import submitit

import cluster_tasks
from facebias.core.errors import FacebiasError
from facebias.core.files import write_json
from facebias.training import cluster
from facebias.training.cluster import Cluster, Resumable, run_on
from facebias.training.run import Run
from facebias.training.study import plan, run_study
from trainings import same, weights


@pytest.fixture
def importable(monkeypatch):
    """Processes of the local executor find the tasks."""
    monkeypatch.setenv("PYTHONPATH", str(Path(cluster_tasks.__file__).parent))


@pytest.mark.parametrize("kind", ["local", "debug"])
def test_failed_tasks_are_named_with_their_fault_and_log_and_the_others_are_done(importable, tmp_path, kind, capsys):
    files = [tmp_path / name for name in ("one", "two", "three")]
    files[1].with_suffix(".locked").touch()
    tasks = [(file.name, file) for file in files]
    with pytest.raises(FacebiasError, match=r"1 of 3 tasks failed: two: .*two is locked \(log: .*\)\. Run the same"):
        run_on(Cluster(kind), cluster_tasks.write_unless_locked, tasks, tmp_path / "logs", 2)
    assert [file.exists() for file in files] == [True, False, True]
    assert "two failed" in capsys.readouterr().out


def test_a_stopped_task_is_queued_again_and_goes_on(importable, tmp_path):
    executor = submitit.AutoExecutor(tmp_path / "logs", cluster="local")
    executor.update_parameters(timeout_min=5)
    file = tmp_path / "work"
    job = executor.submit(Resumable(cluster_tasks.stay_the_first_time), file)
    while not (file.exists() and file.read_text().endswith("\n")):
        assert job.state == "RUNNING"
        time.sleep(0.1)
    os.kill(int(file.read_text()), signal.SIGUSR2)  # as Slurm does before it takes the node away
    job.result()
    first, second = file.read_text().split()
    assert first != second


def test_a_study_on_a_cluster_is_the_study_of_this_machine_and_repeats_only_what_failed(config, tmp_path):
    config = config.with_(epochs=1)
    here = run_study(config)
    there = config.with_(runs_dir=str(tmp_path / "there"))
    first, second = (Run.of(one) for one in plan(there))
    write_json(second.path / "config.json", config.with_(latents=9).as_dict())
    with pytest.raises(FacebiasError, match=rf"1 of 2 tasks failed: {second.id}: \[RUN\]"):
        run_study(there, Cluster("debug"))
    done = (first.path / "DONE.json").stat().st_mtime_ns
    (second.path / "config.json").unlink()
    study = run_study(there, Cluster("debug"))
    assert (first.path / "DONE.json").stat().st_mtime_ns == done
    assert all(same(weights(a), weights(b)) for a, b in zip(here.runs, study.runs, strict=True))
    assert here.predictions.equals(study.predictions)


@pytest.fixture
def slurm_without_accounting(monkeypatch, tmp_path):
    """A Slurm that takes tasks and runs none of them; its `queue` is a file of what squeue says."""
    programs, queue = tmp_path / "bin", tmp_path / "queue"
    programs.mkdir()
    for name, text in {"srun": "", "sbatch": "echo Submitted batch job 77", "squeue": f'cat "{queue}"'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(cluster, "_POLL", 0.01)
    monkeypatch.setattr(cluster, "_LOOK", 0.0)
    return queue


def test_tasks_that_vanish_from_a_slurm_without_accounting_are_named_and_not_waited_for(
    slurm_without_accounting, tmp_path, monkeypatch
):
    looks, usual = [], subprocess.run

    def look(command, **options):
        """At first the queue cannot be asked, then it has both tasks, then one, then none."""
        if command[0] == "squeue":
            looks.append(command)
            told = [None, None, "77_0\n77_1\n", "77_1\n", "77_1\n", ""][min(len(looks), 6) - 1]
            slurm_without_accounting.unlink(missing_ok=True)
            if told is not None:
                slurm_without_accounting.write_text(told)
        return usual(command, **options)

    monkeypatch.setattr(cluster.subprocess, "run", look)
    tasks = [(name, tmp_path / name) for name in ("one", "two")]
    with pytest.raises(FacebiasError, match=r"2 of 2 tasks failed: one: it left Slurm's queue .*; two: .*Run the same"):
        run_on(Cluster("slurm"), cluster_tasks.write_unless_locked, tasks, tmp_path / "logs", 2)
    assert len(looks) == 7  # twice without an answer, once both there, and each missing twice


def test_what_a_cluster_lacks_is_said_in_one_line(monkeypatch, tmp_path):
    with pytest.raises(FacebiasError, match="'pbs' is not one of slurm, local, debug"):
        Cluster("pbs")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FacebiasError, match=r"\[CLUSTER\] slurm: .*Log in where sbatch is"):
        run_on(Cluster("slurm"), cluster_tasks.write, [], tmp_path, 1)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(FacebiasError, match=r"not installed. Run: pip install 'facebias\[cluster\]'"):
        run_on(Cluster("local"), cluster_tasks.write, [], tmp_path, 1)
