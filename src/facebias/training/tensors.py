"""Tensors on disk, in bytes that depend on the tensors alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from facebias.core.files import atomic_write


def write_tensors(path: Path, value: Any) -> None:
    """`torch.save` to a file that is whole or absent; the same value gives the same bytes.

    Raises:
        FacebiasError: the file cannot be written.
    """
    # To an open file: given a path, torch writes the name of the temporary file into the archive
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        torch.save(value, file)
