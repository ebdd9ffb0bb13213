"""How a command ends: with an exit status and, unless it did what was asked, one line. Never with a traceback.

``FACEBIAS_DEBUG=1`` shows the traceback behind a fault.
"""

from __future__ import annotations

import _thread
import errno
import os
import shutil
import signal
import sys
import threading
import unicodedata
import warnings
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import FrameType

import typer

from facebias.core.errors import FacebiasError

_KEPT = "finished epochs and runs are kept, the same command goes on from them"
_UNSEEN = ("Cc", "Cf", "Cs")  # control, direction of writing, half a character
_STOPS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_MENDS = {
    errno.ENOSPC: "Free some space",
    errno.EDQUOT: "Free some space",
    errno.ENOENT: "Name a place that is there",
    errno.ENOTDIR: "Name a folder: a part of this path is a file",
    errno.EISDIR: "Name a file: this is a folder",
    errno.EMFILE: "Allow more open files (ulimit -n)",
}


class Stopped(BaseException):
    """A signal asked the command to stop. No KeyboardInterrupt, which the command line's library would swallow."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def ended(command: Callable[[], object]) -> int:
    """Run a command to its end and say in one line what stopped it.

    Args:
        command: without arguments; usage errors leave it as SystemExit.

    Returns:
        The exit status: 0, 1 after a fault, 130 when interrupted (SIGINT), 143 when terminated (SIGTERM).
    """
    before = {number: signal.signal(number, _stop) for number in _STOPS}
    usual, warnings.formatwarning = warnings.formatwarning, _warning_line
    sys.unraisablehook = _while_dropped
    try:
        command()
    except Stopped as stopped:
        typer.echo(f"{_STOPS[signal.Signals(stopped.number)]}; {_KEPT}", err=True)
        return 128 + stopped.number
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("FACEBIAS_DEBUG"):
            raise
        typer.echo(printable(one_line(error)), err=True)
        return 1
    finally:
        warnings.formatwarning = usual
        sys.unraisablehook = sys.__unraisablehook__
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def printable(text: str) -> str:
    """Text for a terminal, in which names from outside may be: what would move or colour it is spelled out."""
    return "".join(
        one if one in "\n\t" or unicodedata.category(one) not in _UNSEEN else f"\\u{ord(one):04x}" for one in text
    )


def _while_dropped(fault: sys.UnraisableHookArgs) -> None:
    """What goes wrong while an object is dropped: a signal that came then comes again, soon after.

    Nothing is told of others. HDF5 fails once more when a file that it could not write is dropped, and the fault that
    led to it is told.
    """
    if isinstance(fault.exc_value, Stopped):
        for number in _STOPS:
            signal.signal(number, _stop)
        again = threading.Timer(0.01, _thread.interrupt_main, (fault.exc_value.number,))
        again.daemon = True
        again.start()
    elif os.environ.get("FACEBIAS_DEBUG"):
        sys.__unraisablehook__(fault)


def _warning_line(message: Warning | str, *_: object, **__: object) -> str:
    """A warning in one line, without the line of our source that it came from."""
    return f"warning: {printable(' '.join(str(message).split()))}\n"


def _stop(number: int, _: FrameType | None) -> None:
    for each in _STOPS:
        signal.signal(each, signal.SIG_DFL)  # whoever asks twice does not want to wait
    raise Stopped(number)


def one_line(error: Exception) -> str:
    """A fault in one line: code, place, what, mend."""
    if isinstance(error, FacebiasError):
        return str(error)
    if isinstance(error, BrokenProcessPool):
        what, mend = "a worker process was killed, most often for want of memory", "Run again with fewer --workers"
        return str(FacebiasError("WORKER", "workers", what, mend))
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
        what, mend = (
            "not enough memory",
            "Close other programs, or lower --workers, --batch-size or the sizes of the data",
        )
        return str(FacebiasError("MEMORY", "this machine", what, mend))
    if isinstance(error, OSError) and error.errno is not None:
        return _system_line(error)
    text = " ".join(str(error).split())[:300] or "no message"
    mend = "This is a fault of facebias: FACEBIAS_DEBUG=1 shows where, please report it"
    return str(FacebiasError("UNEXPECTED", type(error).__name__, text, mend))


def _system_line(error: OSError) -> str:
    place = Path(os.fsdecode(error.filename)) if error.filename else Path.cwd()
    what = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        there = next(folder for folder in (place, *place.absolute().parents) if folder.is_dir())
        what += f" ({shutil.disk_usage(there).free:,} bytes free)"
    mend = _MENDS.get(error.errno or 0, "Choose a place that can be read and written, or change its permissions")
    return str(FacebiasError("SYSTEM", place, what, mend))
