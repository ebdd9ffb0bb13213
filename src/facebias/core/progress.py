"""Progress that suits the reader: a bar in a terminal or in Jupyter, plain lines where nobody watches live.

Headless means that standard error is no terminal and no Jupyter front end is there: papermill and nbclient have a
kernel and nobody who could answer it. ``FACEBIAS_HEADLESS`` says so too (``facebias notebook`` sets it for the kernel
that papermill starts, whose lines it then relays). Whoever wants results alone is shown no progress (`silence`).
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any

_LINE_EVERY = 10.0  # seconds between lines of a headless bar


def in_jupyter() -> bool:
    """Whether this process is a Jupyter kernel."""
    return _kernel() is not None


def _kernel() -> Any:
    ipython = sys.modules.get("IPython")  # whoever runs in a kernel has it imported
    return getattr(ipython.get_ipython(), "kernel", None) if ipython else None


def at_a_front_end() -> bool:
    """Whether somebody steps through a notebook: a front end takes input, what executes a notebook headlessly does
    not."""
    return getattr(_kernel(), "_allow_stdin", False) and not os.environ.get("FACEBIAS_HEADLESS")


def headless() -> bool:
    """Whether progress should be plain lines."""
    return bool(os.environ.get("FACEBIAS_HEADLESS")) or not (at_a_front_end() or sys.stderr.isatty())


MARK = "\N{MIDDLE DOT} "  # begins a line of progress, so that it can be told from a notebook's results


_QUIET = "FACEBIAS_QUIET"  # in the environment, so that kernels and worker processes know it too


def quiet() -> bool:
    """Whether progress is not to be shown at all."""
    return bool(os.environ.get(_QUIET))


@contextlib.contextmanager
def silence(wanted: bool) -> Iterator[None]:
    """No progress while this lasts, where it is wanted."""
    before = os.environ.get(_QUIET)
    if wanted:
        os.environ[_QUIET] = "1"
    try:
        yield
    finally:
        if wanted:
            os.environ.pop(_QUIET)
            if before is not None:
                os.environ[_QUIET] = before


def say(line: str) -> None:
    """One line of progress, flushed, on standard output."""
    if not quiet():
        print(MARK + line, flush=True)


def tidy() -> None:
    """Drop the lines of progress from the cell's output when the work is done: they were for whoever waited."""
    if in_jupyter() and headless():
        from IPython.display import clear_output

        clear_output()  # type: ignore[no-untyped-call]  # IPython says nothing of types here


class Lines:
    """The part of tqdm's interface that we use, as a line now and then and one at the end."""

    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        total: int | None = None,
        desc: str = "",
        unit: str = "it",
        every: float = _LINE_EVERY,
    ) -> None:
        self.iterable, self.desc, self.unit, self.every = iterable, desc, unit, every
        self.total = total if total is not None else len(iterable) if isinstance(iterable, Sized) else None
        self.n, self.start, self.said = 0, time.monotonic(), time.monotonic()
        self.postfix = ""

    def __iter__(self) -> Iterator[Any]:
        with self:
            for item in self.iterable or ():
                yield item
                self.update()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None and self.n and time.monotonic() - self.start > self.every:
            self._say()  # short work says nothing at all

    def update(self, n: int = 1) -> None:
        """Count `n` more; say so when the last line is old enough."""
        self.n += n
        if time.monotonic() - self.said > self.every:
            self._say()

    def set_postfix_str(self, text: str) -> None:
        """What to say behind the count."""
        self.postfix = text

    def _say(self) -> None:
        self.said = time.monotonic()
        of = f"/{self.total}" if self.total else ""
        say(f"{self.desc}: {self.n}{of} {self.unit}, {self.said - self.start:.0f} s {self.postfix}".rstrip())


def bar(iterable: Iterable[Any] | None = None, total: int | None = None, desc: str = "", unit: str = "it") -> Any:
    """A progress bar: a context manager with `update(n)`, also usable as an iterator over `iterable`."""
    if quiet() or headless():
        return Lines(iterable, total, desc, unit, math.inf if quiet() else _LINE_EVERY)
    from tqdm.auto import tqdm  # here, since it looks for a front end when imported

    return tqdm(iterable, total=total, desc=desc, unit=unit, leave=False, dynamic_ncols=True)
