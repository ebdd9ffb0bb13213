"""Child processes that end with their parent, whatever ends it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any


def process_pool(workers: int, *shared: Any) -> ProcessPoolExecutor:
    """A pool of fresh processes, each of which ends when this one does.

    Args:
        workers: processes at most.
        shared: what tasks find in `SHARED`, such as a `multiprocessing` queue, which can't be sent with a task.
    """
    # spawn: a forked child would inherit locks of threads that it does not have (torch, HDF5), and a CUDA context
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=shared)


SHARED: list[Any] = []


def _begin(*shared: Any) -> None:
    SHARED[:] = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent ends its own
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    # Not sys.exit: this is not the main thread, which may be in a long operation and would end its epoch first
    os._exit(1)
