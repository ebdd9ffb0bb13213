"""Where the project lies: relative folders are anchored there, never in the working directory; and its version."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from functools import lru_cache
from importlib.metadata import requires, version
from importlib.resources import files
from pathlib import Path

from facebias.core.errors import FacebiasError

_LONGEST = 120  # characters of a file's name, with room for a suffix
_PACKAGE = Path(str(files("facebias")))


def project_root() -> Path:
    """The folder that holds `data/`, `runs/` and `figures/`.

    ``FACEBIAS_HOME`` where set; else the checkout this package is installed from; else the working directory.
    """
    if home := os.environ.get("FACEBIAS_HOME"):
        return Path(home).expanduser().resolve()
    return checkout() or Path.cwd()


def checkout() -> Path | None:
    """The checkout that this package is run from; None where it is installed from a wheel."""
    root = _PACKAGE.resolve().parents[1]  # above src/
    return root if (root / "pyproject.toml").exists() else None


def anchored(path: str | Path) -> Path:
    """An absolute path; a relative one is taken from the project root, never from the working directory."""
    path = Path(path).expanduser()
    return path if path.is_absolute() else project_root() / path


def file_name(text: str) -> str:
    """A name for a file from any text, such as what somebody's table calls its data set: never a path.

    Letters, digits, blanks and ``_ . + -`` stay. Anything else becomes "-", and a short hash before the suffix keeps
    such texts apart.
    """
    suffix = match[0] if (match := re.search(r"\.[a-z0-9]{1,8}\Z", text)) else ""
    stem = re.sub(r"[^\w .+-]", "-", text.removesuffix(suffix)).strip(" .")[:_LONGEST] or "unnamed"
    if stem + suffix == text:
        return text
    return f"{stem}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}{suffix}"


def inside(folder: Path, relative: str) -> Path:
    """`folder / relative`, where that lies in the folder.

    Raises:
        FacebiasError: it leads out of it, as an absolute path or ".." does.
    """
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        raise FacebiasError("PATH", relative, f"leads out of {folder}", "Whoever sent this name is not to be trusted")
    return path


@lru_cache(maxsize=1)
def code_version() -> str:
    """Package version, with the commit and a mark for uncommitted source where this is a git checkout."""
    base = version("facebias")
    if checkout() is None:
        return base  # a wheel, perhaps in an environment inside somebody's own repository
    git = ["git", "-C", str(_PACKAGE)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run([*git, "status", "--porcelain", "."], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return base  # no git on this machine: the version alone is the truth we have
    return f"{base}+{commit.stdout.strip()}{'.dirty' if dirty.stdout.strip() else ''}"


@lru_cache(maxsize=1)
def maker() -> str:
    """SHA-256 of what makes results from data: each file of this package as it is now, and its libraries' versions."""
    found = hashlib.sha256(code_version().encode())
    for file in sorted(_PACKAGE.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            found.update(f"\n{file.relative_to(_PACKAGE)}\n".encode() + file.read_bytes())
    needed = [re.split(r"[^\w.-]", one)[0] for one in requires("facebias") or () if "extra ==" not in one]
    found.update(" ".join(version(name) for name in needed).encode())
    return found.hexdigest()
