"""A folder of results, and the record of what belongs to it: nothing of another study enters a report.

Whoever writes a table or a figure adds it to the folder's `manifest.json` with its SHA-256. A file that is there and
not in the record belongs to nobody; one that was changed since is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from facebias.core.csv import write_csv
from facebias.core.errors import FacebiasError
from facebias.core.files import sweep_stale, write_json
from facebias.core.lock import folder_lock
from facebias.core.manifest import sha256
from facebias.core.parquet import write_parquet
from facebias.core.paths import code_version, file_name
from facebias.core.records import read_record, write_record

RECORD = "manifest.json"
SCHEMA = "facebias.outputs/1"
_WAIT = 60.0  # seconds: another verb may be adding a file of its own just now


@dataclass(frozen=True)
class OutputFolder:
    """Where the results of one study, or of one audit, go.

    Attributes:
        folder: tables, figures and the record.
        owner: whose results they are: a study's id, or a word for what was audited. Results of another owner leave the
            record with the first file of this one; their files stay where they are.
    """

    folder: Path
    owner: str

    def path(self, name: str) -> Path:
        """Where a file of this name lies; names may hold what somebody's table calls its groups and data sets."""
        return self.folder / file_name(name)

    def csv(self, table: pd.DataFrame, name: str) -> Path:
        """Write a table as `name`, and record it."""
        write_csv(table, self.path(name))
        return self.add(self.path(name))

    def parquet(self, table: pd.DataFrame, name: str) -> Path:
        """Write a table that other programs read, as `name`, and record it."""
        write_parquet(table, self.path(name))
        return self.add(self.path(name))

    def json(self, value: Any, name: str) -> Path:
        """Write a value as `name`, and record it."""
        write_json(self.path(name), value)
        return self.add(self.path(name))

    def add(self, path: Path, *more: Path) -> Path:
        """Record files that have been written into the folder; the first is returned."""
        with folder_lock(self.folder, wait=_WAIT):
            sweep_stale(self.folder)
            found = _read(self.folder) if (self.folder / RECORD).exists() else {}
            files = dict(found["files"]) if found.get("owner") == self.owner else {}
            files |= {file.name: sha256(file) for file in (path, *more)}
            record = {"schema": SCHEMA, "owner": self.owner, "code_version": code_version()}
            write_record(self.folder / RECORD, record | {"files": dict(sorted(files.items()))})
        return path


def recorded(folder: Path) -> list[Path]:
    """The files that belong to a folder's results, by name, each with the bytes that were written.

    Raises:
        FacebiasError: no record, a file that is missing, or one that was changed since.
    """
    if not (folder / RECORD).exists():
        raise FacebiasError(
            "REPORT", folder, f"no {RECORD} says what belongs to it", "Run the study or the audit again"
        )
    found = []
    for name, expected in _read(folder)["files"].items():
        path = folder / Path(name).name  # a name, never a way out of the folder
        if not path.exists():
            raise FacebiasError("MISSING", path, "is in the record and not there", "Run the study or the audit again")
        if sha256(path) != expected:
            raise FacebiasError("HASH", path, "bytes differ from those written", "Run the study or the audit again")
        found.append(path)
    return found


def _read(folder: Path) -> Mapping[str, Any]:
    record = read_record(folder / RECORD, schema=str, files=dict)
    if record["schema"] != SCHEMA:
        what = f"expected {SCHEMA}, found {record['schema']}"
        raise FacebiasError("SCHEMA", folder / RECORD, what, "Run the study or the audit again")
    return record
