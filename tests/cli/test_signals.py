"""A signal ends every verb with one line and its status, from within the work that the verb began."""

from __future__ import annotations

import gc
import re
import shlex
import signal
import sys
import time
from types import FrameType

import pytest
import typer

from facebias.cli import app
from facebias.cli.ending import ended

READING = ("facebias.cli", "facebias.core.config", "facebias.core.profiles")  # options are read there, and no work done


def verbs(command=None, name: str = "") -> dict[str, str]:
    """Every verb with the help that its file has."""
    command = command or typer.main.get_command(app)
    inner = getattr(command, "commands", None)
    if not inner:
        return {name: command.help}
    return {verb: text for one, each in inner.items() for verb, text in verbs(each, f"{name} {one}".strip()).items()}


ALL = verbs()


def at_work(frame: FrameType | None) -> bool:
    """Whether this call is of a room that works, and not made while a module is imported."""
    name = frame.f_globals.get("__name__", "")
    while frame and frame.f_code.co_name != "<module>":
        frame = frame.f_back if frame.f_globals.get("__name__") != "facebias.cli.ending" else None
    return frame is None and name.startswith("facebias.") and not name.startswith(READING)


@pytest.mark.parametrize("verb", ALL)
def test_a_signal_ends_every_verb_where_its_work_begins(verb, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEBIAS_HOME", str(tmp_path))
    words = shlex.split(re.search(r"Example: facebias (.*)", re.sub(r"\\\s*\n\s*", "", ALL[verb]))[1])
    for number, said in ((signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")):
        sent = []

        def send(frame, event, _, number=number, sent=sent):
            if event == "call" and at_work(frame):
                sys.setprofile(None)
                sent.append(frame.f_code.co_qualname)
                signal.raise_signal(number)

        gc.collect()  # what earlier tests left unfinished is not to be closed within the verb
        sys.setprofile(send)
        try:
            status = ended(lambda: app(words))
        finally:
            sys.setprofile(None)
        told = capfd.readouterr().err
        assert sent and status == 128 + number, (sent, status, told)
        assert told.startswith(f"{said}; ") and told.count("\n") == 1


class Dropped:
    """Gets a signal while it is dropped, where Python ignores whatever is raised."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_an_object_is_dropped_is_not_lost(number, capfd):
    def command() -> None:
        Dropped(number)
        for _ in range(3000):
            time.sleep(0.01)

    assert ended(command) == 128 + number
    assert capfd.readouterr().err.count("\n") == 1
