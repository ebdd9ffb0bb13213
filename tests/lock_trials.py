"""What each of several processes does to contend for a folder; processes that are spawned import it by name."""

from __future__ import annotations

from pathlib import Path

from facebias.core.errors import FacebiasError
from facebias.core.lock import folder_lock

PROCESSES, TRIALS = 6, 60


def contend(home: Path, barrier, results) -> None:
    """Try for one folder after the other, all processes at once; report which were held."""
    held = []
    for trial in range(TRIALS):
        barrier.wait()
        try:
            with folder_lock(home / str(trial)):
                barrier.wait()  # held until all have tried
            held.append(True)
        except FacebiasError:
            barrier.wait()
            held.append(False)
    results.put(held)
