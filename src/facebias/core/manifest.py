"""What lies beside every artifact, `<name>.manifest.json`: its schema, SHA-256, rows and what it was made from.

Reading through `verify` proves that the bytes are those that were written.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from facebias.core.errors import FacebiasError
from facebias.core.paths import code_version
from facebias.core.records import read_record, write_record

_SETTLED = 2.0  # seconds after a change from which the file's times tell it from the next one


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_once(path: Path) -> str:
    """`sha256`, read once a process for as long as the file is not written again."""
    now = path.stat()
    if time.time() - max(now.st_mtime, now.st_ctime) < _SETTLED:
        return sha256(path)
    return _sha256_of(path, (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns))


@lru_cache(maxsize=256)
def _sha256_of(path: Path, state: tuple[int, ...]) -> str:
    return sha256(path)


def fingerprint(values: Mapping[str, Any], length: int = 8) -> str:
    """A short stable hash of names and scalar values, independent of their order."""
    text = json.dumps(dict(sorted(values.items())), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def manifest_path(path: str | Path) -> Path:
    """Where the manifest of an artifact lies: beside it."""
    path = Path(path)
    return path.with_name(path.name + ".manifest.json")


def write_manifest(path: str | Path, schema: str, rows: int, key: str, **more: Any) -> dict[str, Any]:
    """Describe a finished artifact beside it: schema with version, SHA-256, rows, fingerprint, code version.

    No time of day is recorded, so that the same inputs give the same bytes.
    """
    manifest = {
        "schema": schema,
        "file": Path(path).name,
        "sha256": sha256(path),
        "rows": rows,
        "fingerprint": key,
        "code_version": code_version(),
        **more,
    }
    write_record(manifest_path(path), manifest)
    return manifest


def recorded_sha256(path: str | Path) -> str:
    """The SHA-256 that the manifest of an artifact holds; the artifact itself is not read.

    Raises:
        FacebiasError: the manifest is missing, or none of ours.
    """
    return str(read_record(manifest_path(path), sha256=str)["sha256"])


def verify(path: str | Path, schema: str, **expected: type) -> dict[str, Any]:
    """The manifest of an artifact whose bytes and schema are as recorded.

    Bytes are read once a process, and again after the file was written to.

    Args:
        path: of the artifact.
        schema: that it must have.
        expected: further keys that its manifest must have, with the type of each.

    Raises:
        FacebiasError: file or manifest missing, a manifest that is none of ours, other schema, or bytes that differ
            from those written.
    """
    path = Path(path)
    if not path.exists():
        raise FacebiasError("MISSING", path, "no such file", "Run the stage that writes it first")
    manifest = read_record(manifest_path(path), sha256=str, fingerprint=str, **expected)
    if manifest.get("schema") != schema:
        raise FacebiasError("SCHEMA", path, f"expected {schema}, found {manifest.get('schema')}", "Write it again")
    if _sha256_once(path) != manifest["sha256"]:
        raise FacebiasError("HASH", path, "bytes differ from those written", "Delete it and run the stage again")
    return manifest
