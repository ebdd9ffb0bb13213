"""Files that are whole or absent: atomic writes, manifests with SHA-256, locks and the project's paths.

A half-written file that still parses is the danger in a long study, so nothing is ever written under its
final name: see `atomic_write`. Every artifact has a manifest beside it (`<name>.manifest.json`), and reading
through `verify` proves that the bytes are those that were written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from facebias.core.errors import FacebiasError

_STALE = ".part"  # suffix of temporary files; swept when the next writer starts in the same folder


def project_root() -> Path:
    """The folder that holds `data/`, `runs/` and `figures/`.

    ``FACEBIAS_HOME`` where set; else the checkout this package is installed from; else the working directory.
    """
    if home := os.environ.get("FACEBIAS_HOME"):
        return Path(home).expanduser().resolve()
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


def anchored(path: str | Path) -> Path:
    """An absolute path; a relative one is taken from the project root, never from the working directory."""
    path = Path(path).expanduser()
    return path if path.is_absolute() else project_root() / path


@lru_cache(maxsize=1)
def code_version() -> str:
    """Package version, with the commit and a mark for uncommitted source where this is a git checkout."""
    base = version("facebias")
    source = Path(__file__).resolve().parent
    git = ["git", "-C", str(source)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run([*git, "status", "--porcelain", "."], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return base  # installed from a wheel, or no git on this machine: the version alone is the truth we have
    return f"{base}+{commit.stdout.strip()}{'.dirty' if dirty.stdout.strip() else ''}"


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it replaces `path`, on any error it is removed.

    The data are flushed to the disk before the rename and the folder after it, so that a power cut leaves the
    old file or the new one, never a mixture.

    Raises:
        FacebiasError: the folder cannot be written to, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.{os.getpid()}.", suffix=_STALE, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise _write_error(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        _fsync_folder(path.parent)
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_error(path: Path, error: OSError) -> FacebiasError:
    free = shutil.disk_usage(path.parent).free if path.parent.exists() else 0
    return FacebiasError(
        "WRITE",
        path,
        f"cannot be written ({error.strerror or error}; {free:,} bytes free)",
        "Free space or choose a folder that can be written to; the previous file, if any, is untouched",
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _fsync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system lets a folder be opened (Windows)
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep_stale(folder: str | Path) -> int:
    """Remove temporary files that a dead process left in `folder`; return how many. Live writers keep theirs."""
    count = 0
    for file in Path(folder).glob(f".*{_STALE}"):
        pid = file.name.rsplit(".", 3)[-3]
        if not (pid.isdigit() and _alive(int(pid))):
            file.unlink(missing_ok=True)
            count += 1
    return count


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, keys in the order given, one key a line, NaN refused."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises:
        FacebiasError: the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FacebiasError("MISSING", path, "no such file", "Run the stage that writes it first") from error
    except ValueError as error:
        raise FacebiasError("JSON", path, f"not JSON ({error})", "Delete it and run the stage again") from error


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    write_json(manifest_path(path), manifest)
    return manifest


def verify(path: str | Path, schema: str) -> dict[str, Any]:
    """The manifest of an artifact whose bytes and schema are as recorded.

    Raises:
        FacebiasError: file or manifest missing, other schema, or bytes that differ from those written.
    """
    path = Path(path)
    if not path.exists():
        raise FacebiasError("MISSING", path, "no such file", "Run the stage that writes it first")
    manifest = read_json(manifest_path(path))
    if manifest.get("schema") != schema:
        raise FacebiasError("SCHEMA", path, f"expected {schema}, found {manifest.get('schema')}", "Write it again")
    if sha256(path) != manifest["sha256"]:
        raise FacebiasError("HASH", path, "bytes differ from those written", "Delete it and run the stage again")
    return manifest


@contextlib.contextmanager
def folder_lock(folder: str | Path) -> Iterator[None]:
    """Hold `folder` for one process; a lock whose process has died on this machine is taken over.

    Raises:
        FacebiasError: another live process holds the folder; its pid and host are named.
    """
    lock = Path(folder) / ".lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    mine = {"pid": os.getpid(), "host": socket.gethostname()}
    for _ in range(2):
        try:
            handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            break
        except FileExistsError:
            _take_over_or_refuse(lock, mine["host"])
    else:
        raise FacebiasError("LOCKED", folder, "taken by another process just now", "Run again when it has ended")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(mine, file)
        yield
    finally:
        lock.unlink(missing_ok=True)


def _take_over_or_refuse(lock: Path, host: str) -> None:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        holder = {}  # its writer died between creating and filling it
    if holder.get("host", host) == host and not _alive(int(holder.get("pid", 0)) or 2**22 + 1):
        lock.unlink(missing_ok=True)
        return
    raise FacebiasError(
        "LOCKED",
        lock.parent,
        f"in use by process {holder.get('pid')} on {holder.get('host')}",
        "Wait for it, or delete the file .lock there if that process is gone",
    )
