"""Children end with their parent, also where it is killed and can do nothing for them; freed memory is kept."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from facebias.core.processes import keep_freed_memory, process_pool

PARENT = """import os, time
from facebias.core.processes import process_pool
from waiting import wait_for_ever

if __name__ == "__main__":
    pool = process_pool(2)
    for _ in range(2):
        pool.submit(wait_for_ever)
    time.sleep(600)
"""
CHILD = """import os, time

def wait_for_ever():
    print(os.getpid(), flush=True)
    time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_children_of_a_killed_parent_end(tmp_path, how):
    (tmp_path / "parent.py").write_text(PARENT)
    (tmp_path / "waiting.py").write_text(CHILD)
    with subprocess.Popen([sys.executable, "parent.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        children = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(map(alive, children))
        parent.send_signal(how)
        parent.wait()
        for _ in range(6000):  # ten minutes at most: a busy machine ends them late, but surely
            if not any(map(alive, children)):
                break
            time.sleep(0.1)
        assert not any(map(alive, children))


def test_processes_know_what_is_in_the_environment_when_their_pool_is_made(monkeypatch):
    for said in ("once", "then"):  # the server that they come of began with the first pool
        monkeypatch.setenv("FACEBIAS_SAID", said)
        with process_pool(1) as pool:
            assert pool.submit(os.getenv, "FACEBIAS_SAID").result() == said


def kept_of_40_megabytes(*, keep: bool) -> float:
    """How many this process still has after it freed them."""
    if keep:
        keep_freed_memory()
    before = resident_megabytes()
    held = [np.ones(2**17) for _ in range(40)]
    del held
    return resident_megabytes() - before


def resident_megabytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's memory")
def test_memory_that_a_step_freed_stays_for_the_next_one():
    with process_pool(1) as pool:  # what is kept once is kept for good
        assert pool.submit(kept_of_40_megabytes, keep=False).result() < 10
        assert pool.submit(kept_of_40_megabytes, keep=True).result() > 30
