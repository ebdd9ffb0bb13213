"""What was made of the same before, by the same code: known again beside the results, and not made once more.

A record for each piece of work holds the fingerprint of what went in and of the code, and the SHA-256 of what came out.
Where anything of it is otherwise, nothing is known, and the work is done anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from facebias.core.errors import FacebiasError
from facebias.core.files import sweep_stale
from facebias.core.manifest import fingerprint, sha256
from facebias.core.paths import file_name, maker
from facebias.core.records import read_record, write_record

_FOLDER = "kept"  # below the results


def known(folder: Path, work: str, key: str, **expected: type) -> dict[str, Any] | None:
    """What `keep` wrote of some work; None where it was made of other data, by other code, or anything was changed.

    Args:
        folder: of the results.
        work: what it is called.
        key: fingerprint of the data that it is made of; "" for work that is always done.
        expected: further keys of the record, with the type of each.
    """
    record = _record(folder, work)
    if not key or not record.exists():
        return None
    try:
        found = read_record(record, key=str, files=dict, **expected)
    except FacebiasError:  # damaged: nothing is lost by doing the work once more
        return None
    if found["key"] != _whole(key):
        return None
    paths = {folder / file_name(name): hash_ for name, hash_ in found["files"].items()}
    return found if all(path.exists() and sha256(path) == hash_ for path, hash_ in paths.items()) else None


def keep(folder: Path, work: str, key: str, files: Iterable[Path], **more: Any) -> None:
    """Record that `files`, all of the folder, are what some work made, and `more` about it; with the key "" nothing."""
    if key:
        record = _record(folder, work)
        sweep_stale(record.parent)
        write_record(record, {"key": _whole(key), "files": {file.name: sha256(file) for file in files}, **more})


def _record(folder: Path, work: str) -> Path:
    return folder / _FOLDER / file_name(f"{work}.json")


def _whole(key: str) -> str:
    return fingerprint({"data": key, "code": maker()}, 64)
