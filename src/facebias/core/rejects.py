"""What was left out of a packed set, of scoring or of a scan, and why: one row a picture, for whoever mends it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from facebias.core.csv import write_csv


class Reject(NamedTuple):
    """A sample that could not be read, and why."""

    image_id: str
    where: str
    code: str
    reason: str


def write_rejects(path: Path, rejects: Sequence[Reject]) -> None:
    """Write the CSV of what was left out, with the columns of `Reject`; its header alone where nothing was."""
    write_csv(pd.DataFrame(list(rejects), columns=list(Reject._fields), dtype=object), path)
