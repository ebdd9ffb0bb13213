"""Where the project lies: relative folders are anchored there, never in the working directory; and its version."""

from __future__ import annotations

import os
import subprocess
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(str(files("facebias")))


def project_root() -> Path:
    """The folder that holds `data/`, `runs/` and `figures/`.

    ``FACEBIAS_HOME`` where set; else the checkout this package is installed from; else the working directory.
    """
    if home := os.environ.get("FACEBIAS_HOME"):
        return Path(home).expanduser().resolve()
    checkout = _PACKAGE.resolve().parents[1]  # above src/
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


def anchored(path: str | Path) -> Path:
    """An absolute path; a relative one is taken from the project root, never from the working directory."""
    path = Path(path).expanduser()
    return path if path.is_absolute() else project_root() / path


@lru_cache(maxsize=1)
def code_version() -> str:
    """Package version, with the commit and a mark for uncommitted source where this is a git checkout."""
    base = version("facebias")
    git = ["git", "-C", str(_PACKAGE)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run([*git, "status", "--porcelain", "."], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return base  # installed from a wheel, or no git on this machine: the version alone is the truth we have
    return f"{base}+{commit.stdout.strip()}{'.dirty' if dirty.stdout.strip() else ''}"
