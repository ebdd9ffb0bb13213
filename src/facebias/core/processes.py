"""Child processes that end with their parent, whatever ends it, and memory that a process keeps."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import platform
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any


def process_pool(workers: int, *shared: Any) -> ProcessPoolExecutor:
    """A pool of fresh processes, each of which ends when this one does.

    Args:
        workers: processes at most.
        shared: what tasks find in `SHARED`, such as a `multiprocessing` queue, which can't be sent with a task.
    """
    shared_here = (dict(os.environ), *shared)  # of this moment: the server that children come of has an older one
    return ProcessPoolExecutor(workers, mp_context=fresh(), initializer=_begin, initargs=shared_here)


def abandon(pool: ProcessPoolExecutor) -> None:
    """End a pool and all child processes at once, whatever they are at: what they finished they have kept."""
    pool.shutdown(wait=False, cancel_futures=True)
    for child in multiprocessing.active_children():
        child.terminate()


def fresh() -> BaseContext:
    """How processes start: on Linux forked from a server that has read the libraries and done nothing with them.

    So the second pool starts at once. A child forked from this process would inherit locks of threads that it does not
    have (torch, HDF5), and a CUDA context. Elsewhere processes start anew (macOS forbids a fork after some libraries).
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_READ_BEFORE))
    return context


_READ_BEFORE = ("pandas", "scipy.stats", "h5py", "PIL.Image", "torch", "torch._dynamo")  # a missing one is left out
SHARED: list[Any] = []


def keep_freed_memory() -> None:
    """Have this process keep up to 256 MB that it freed, where the C library is glibc; elsewhere nothing is done.

    A step of training frees all that it held. Handed back, it would be asked of the system again, which zeroes it.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, 32 * 2**20)  # older versions take no more; larger blocks are handed back
        library.mallopt(_TRIM_THRESHOLD, 256 * 2**20)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h


def _begin(environment: dict[str, str], *shared: Any) -> None:
    os.environ.clear()
    os.environ.update(environment)
    SHARED[:] = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent ends its own
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    # Not sys.exit: this is not the main thread, which may be in a long operation and would end its epoch first
    os._exit(1)
