"""One process a folder: a lock of the operating system, which ends with the process that holds it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from facebias.core.errors import FacebiasError


@contextlib.contextmanager
def folder_lock(folder: str | Path, wait: float = 0) -> Iterator[None]:
    """Hold `folder` for one process; whatever ends that process frees the folder.

    Args:
        folder: made where it is not there.
        wait: seconds to wait for another process that holds it.

    Raises:
        FacebiasError: another process holds the folder; its pid and host are named.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=wait)
    # Beside the lock, not in it: whoever tries the lock empties its file
    holder = folder / ".lock.holder"
    try:
        lock.acquire()
    except Timeout as error:
        raise FacebiasError("LOCKED", folder, f"in use by {_named(holder)}", "Wait until it has ended") from error
    try:
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def holder_of(folder: str | Path) -> str:
    """The process that holds a folder, "" where none does; nothing is written."""
    file = Path(folder) / ".lock"
    if not file.exists():
        return ""
    try:
        with FileLock(file, timeout=0):
            return ""
    except Timeout:
        return _named(Path(folder) / ".lock.holder")


def _named(holder: Path) -> str:
    try:
        return holder.read_text(encoding="utf-8") or "another process"
    except OSError:  # taken this very moment, and not yet signed
        return "another process"
