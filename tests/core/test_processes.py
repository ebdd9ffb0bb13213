"""Children end with their parent, also where it is killed and can do nothing for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

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
