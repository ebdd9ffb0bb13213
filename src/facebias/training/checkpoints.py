"""Checkpoints of a training: the two newest are kept, each proven by its manifest, the older one as a fallback."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write
from facebias.core.manifest import manifest_path, verify, write_manifest

SCHEMA = "facebias.checkpoint/1"


def save(folder: Path, epoch: int, state: dict[str, Any], key: str) -> None:
    """Write the state after `epoch` finished epochs, then drop all but the two newest."""
    path = folder / f"checkpoint-{epoch:06d}.pt"
    with atomic_write(path) as temporary:
        torch.save(state, temporary)
    write_manifest(path, SCHEMA, 1, key)
    for old in _newest_first(folder)[2:]:
        _remove(old)


def load(folder: Path, key: str) -> dict[str, Any] | None:
    """The newest state that is whole and belongs to the same configuration, or None where there is none.

    A damaged checkpoint is reported as a warning and the one before it is taken: the training repeats an epoch.
    Only tensors and plain values are read (`weights_only`), so a file cannot run code.
    """
    for path in _newest_first(folder):
        try:
            if verify(path, SCHEMA)["fingerprint"] != key:
                raise FacebiasError("CHECKPOINT", path, "belongs to another configuration", "Use another folder")
            state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
            return state
        except (FacebiasError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            warnings.warn(f"{path.name} is not used: {error}", stacklevel=2)
            _remove(path)
    return None


def clear(folder: Path) -> None:
    """Remove all checkpoints, when the final weights are safe."""
    for path in _newest_first(folder):
        _remove(path)


def _newest_first(folder: Path) -> list[Path]:
    # by step counter, never by file time: clocks differ between machines
    return sorted(folder.glob("checkpoint-*.pt"), reverse=True)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    manifest_path(path).unlink(missing_ok=True)
