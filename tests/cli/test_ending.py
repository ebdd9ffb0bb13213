"""How commands end: one line and an exit status, whatever happens to them."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures.process import BrokenProcessPool

import pytest

import facebias.cli
from facebias.cli import app
from facebias.cli.ending import Stopped, ended, one_line, printable
from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write

FAULTS = {
    "[CSV] labels.csv:3: no such label. Name one": FacebiasError("CSV", "labels.csv:3", "no such label", "Name one"),
    "[WORKER] workers: a worker process was killed": BrokenProcessPool("abruptly"),
    "[MEMORY] this machine: not enough memory": MemoryError(),
    "[MEMORY] this machine": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    "[SYSTEM] out: Permission denied. Choose a place": PermissionError(errno.EACCES, "Permission denied", "out"),
    "[SYSTEM] a/b: Not a directory. Name a folder": NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"),
    "[UNEXPECTED] KeyError: 'sha256'. This is a fault of facebias": KeyError("sha256"),
    "[UNEXPECTED] ValueError: first second. This": ValueError("first\n  second"),
}


@pytest.mark.parametrize("line", FAULTS, ids=lambda line: line.split(":")[0])
def test_a_fault_is_one_line_and_exit_status_1(line, capsys):
    def command():
        raise FAULTS[line]

    assert ended(command) == 1
    told = capsys.readouterr()
    assert told.err.startswith(line) and told.err.count("\n") == 1 and not told.out


def test_a_full_disk_is_told_with_the_bytes_that_are_free():
    assert " bytes free). Free some space" in one_line(OSError(errno.ENOSPC, "No space left on device", "/x.h5"))


def test_the_traceback_is_there_for_whoever_asks(monkeypatch):
    monkeypatch.setenv("FACEBIAS_DEBUG", "1")

    def command():
        raise KeyError("sha256")

    with pytest.raises(KeyError):
        ended(command)


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_ends_a_command_with_one_line_and_its_status(number, word, capsys):
    before = signal.getsignal(number)

    def command():
        signal.raise_signal(number)
        raise AssertionError("went on")

    assert ended(command) == 128 + number
    assert capsys.readouterr().err == f"{word}; finished epochs and runs are kept, the same command goes on from them\n"
    assert signal.getsignal(number) is before


def test_a_warning_of_a_command_is_one_line_without_our_source():
    told = []
    ended(lambda: told.append(warnings.formatwarning(UserWarning("3 missing\n  pictures"), UserWarning, "x.py", 1)))
    assert told == ["warning: 3 missing pictures\n"] and "x.py" in warnings.formatwarning("", UserWarning, "x.py", 1)


def test_names_from_outside_neither_move_nor_colour_a_terminal(capsys):
    hostile = "\x1b[2J\x1b]0;mine\x07 \u202egnp.exe \udcff \r"

    def command():
        print(warnings.formatwarning(UserWarning(hostile), UserWarning, "x.py", 1), file=sys.stderr)
        raise FacebiasError("CSV", hostile, "no such label", "Name one")

    assert ended(command) == 1
    told = capsys.readouterr().err
    assert told.count("\\u001b[2J") == 2 and not set(told) & set("\x1b\x07\u202e\udcff\r")
    assert printable("4·9 points\n\tso é 面") == "4·9 points\n\tso é 面"


def test_a_terminal_without_a_letter_gets_its_number(monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    monkeypatch.setattr(facebias.cli, "app", lambda: print("4·9 points"))
    with pytest.raises(SystemExit, match="0"):
        facebias.cli.main()
    narrow.flush()
    assert narrow.buffer.getvalue() == b"4\\xb79 points\n"


@pytest.mark.parametrize(
    ("number", "status", "line"), [("SIGINT", 130, "interrupted\n"), ("SIGTERM", 143, "terminated\n")]
)
def test_while_modules_load_a_signal_ends_with_one_line(number, status, line):
    asked = "import signal, sys; sys.modules['facebias.cli'] = None\ntry: import facebias.__main__\n"
    asked += f"except ImportError: signal.raise_signal(signal.{number})"  # in the midst of loading the command line
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (status, line)


def test_what_catches_every_exception_does_not_swallow_a_signal():
    assert not issubclass(Stopped, Exception) and not issubclass(Stopped, KeyboardInterrupt)


def test_a_file_that_cannot_be_read_is_not_reported_as_one_that_cannot_be_written(tmp_path):
    with pytest.raises(FileNotFoundError, match="labels"), atomic_write(tmp_path / "out.h5"):
        (tmp_path / "labels.csv").read_text()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_study_with_workers_ends_with_its_children_and_without_their_words(tiny, number, status):
    folders = [word for name in ("runs", "data", "studies") for word in (f"--{name}-dir", getattr(tiny, f"{name}_dir"))]
    verb = [sys.executable, "-m", "facebias", "study", "--profile", "tiny", "--epochs", "500", "--workers", "2"]
    process = subprocess.Popen(
        [*verb, *folders], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    for line in process.stdout:
        if b"epoch 1/500" in line:
            break
    os.killpg(process.pid, number)  # as a terminal or a scheduler does: all processes of the group
    told = process.communicate()[1].decode()
    assert process.returncode == status and len(told.splitlines()) == 1, told
    for _ in range(6000):  # ten minutes at most: a busy machine ends them late, but surely
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("a child lives on")


@pytest.mark.parametrize(("rank", "status", "lines"), [("0", 1, 1), ("1", 0, 0)])
@pytest.mark.parametrize("verb", [["score", "a-run"], ["data", "pack"], ["study"], ["audit", "-h"]])
def test_what_several_processes_cannot_share_is_refused_by_the_first_of_them(
    monkeypatch, capsys, verb, rank, status, lines
):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    assert ended(lambda: app(verb, standalone_mode=False)) == status
    told = capsys.readouterr()
    assert not told.out and told.err.count("\n") == lines
    assert not lines or told.err.startswith(
        f"[RANKS] {verb[0]}: one of 2 processes, and train alone is shared by several"
    )
