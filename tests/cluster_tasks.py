"""Tasks that tests give to a cluster; the processes that do them import them from here."""

from __future__ import annotations

import os
import time
from pathlib import Path


def write(path: Path) -> None:
    """One more line."""
    with path.open("a") as file:
        file.write("done\n")


def write_unless_locked(path: Path) -> None:
    if path.with_suffix(".locked").exists():
        raise ValueError(f"{path.name} is locked")
    write(path)


def stay_the_first_time(path: Path) -> None:
    """What a training does that is stopped once: its second process goes on."""
    first = not path.exists()
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    while first:
        time.sleep(0.1)


def each_in_its_way(path: Path) -> None:
    """The task named "stopped" waits to be stopped, the others write."""
    stay_the_first_time(path) if path.name == "stopped" else write_unless_locked(path)
