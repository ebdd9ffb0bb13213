"""The one kind of error that a user of facebias meets: one line that names the place and the mend."""

from __future__ import annotations

from pathlib import Path


class FacebiasError(Exception):
    """A fault in input, files or settings that the user can mend.

    Args:
        code: short upper-case name of the kind of fault, for example ``CSV_COLUMN``.
        where: the place: a file, ``file:row``, or the name of a setting.
        what: what is wrong there, with what was found and what was expected.
        mend: what to do about it, as an imperative.
    """

    def __init__(self, code: str, where: str | Path, what: str, mend: str) -> None:
        self.code, self.where, self.what, self.mend = code, str(where), what, mend
        super().__init__(code, str(where), what, mend)

    def __str__(self) -> str:
        return f"[{self.code}] {self.where}: {self.what}. {self.mend}"
