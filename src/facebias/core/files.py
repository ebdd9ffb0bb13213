"""Files that are whole or absent: nothing is ever written under its final name, see `atomic_write`.

A half-written file that still parses is the danger in a long study.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facebias.core.errors import FacebiasError

_ERRNO = re.compile(r"\berrno = (\d+)")
_STALE = ".part"  # suffix of temporary files; swept when the next writer starts in the same folder


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
        if error.filename and Path(os.fsdecode(error.filename)) not in (temporary, path):
            raise  # a file that is read while this one is written
        raise _write_error(path, error) from error
    except (RuntimeError, ValueError) as error:
        if (system := _behind(error)) is None:
            raise
        raise _write_error(path, system) from error
    finally:
        temporary.unlink(missing_ok=True)


def _behind(error: BaseException) -> OSError | None:
    """The operating system's own error behind one of a library: torch hides it, HDF5 tells it in its text."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno:
            return found
        if told := _ERRNO.search(str(found)):
            return OSError(int(told[1]), os.strerror(int(told[1])))
        found = found.__cause__ or found.__context__
    return None


def refuse_unwritable(folder: Path) -> None:
    """Try a folder that will be written to, before work begins; of one that is not there, where it will be made.

    Raises:
        FacebiasError: it is a file, or nothing can be written there.
    """
    # a link to nothing, such as a disk that is gone, or to itself is there, and nothing can be written to it
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b" ")
    except OSError as error:
        raise _write_error(folder, error) from error


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
        FacebiasError: the file is missing, a folder, or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FacebiasError("MISSING", path, "no such file", "Run the stage that writes it first") from error
    except (ValueError, RecursionError, IsADirectoryError) as error:
        raise FacebiasError("JSON", path, f"not JSON ({error})", "Delete it and run the stage again") from error
