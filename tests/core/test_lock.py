"""One process holds a folder at a time, and whatever ends it frees the folder."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys

import pytest

from facebias.core.errors import FacebiasError
from facebias.core.lock import folder_lock
from lock_trials import PROCESSES, TRIALS, contend

HOLD = """import sys, time
from facebias.core.lock import folder_lock
with folder_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_in_use_is_refused_with_its_holder(tmp_path):
    with (
        folder_lock(tmp_path),
        pytest.raises(FacebiasError, match=rf"in use by process {os.getpid()} on "),
        folder_lock(tmp_path),
    ):
        pass
    with folder_lock(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FacebiasError, match=str(holder.pid)), folder_lock(tmp_path):
            pass
        holder.kill()
    with folder_lock(tmp_path):
        pass


@pytest.mark.parametrize("left", ["", '{"pid": 1, "host": "elsewhere.invalid"}'])
def test_a_file_that_a_dead_process_or_an_earlier_version_left_excludes_nobody(tmp_path, left):
    (tmp_path / ".lock").write_text(left)
    with folder_lock(tmp_path):
        pass


def test_of_processes_that_try_at_once_one_alone_holds_it(tmp_path):
    """Every other trial finds a file that a dead process left."""
    for trial in range(0, TRIALS, 2):
        (tmp_path / str(trial)).mkdir()
        (tmp_path / str(trial) / ".lock").touch()
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    workers = [context.Process(target=contend, args=(tmp_path, barrier, results)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    won = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    assert [sum(trial) for trial in zip(*won, strict=True)] == [1] * TRIALS
