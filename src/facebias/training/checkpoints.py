"""Checkpoints of a training: the two newest are kept, each proven by its manifest, the older one as a fallback."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from facebias.core.errors import FacebiasError
from facebias.core.manifest import manifest_path, verify, write_manifest
from facebias.training.tensors import write_tensors

SCHEMA = "facebias.checkpoint/1"


@dataclass(frozen=True)
class Circumstances:
    """What a training must go on with to end with the weights that it would have had.

    Attributes:
        key: of its settings.
        data: SHA-256 of the packed training split.
        threads: of PyTorch within an operation: in another order sums round otherwise.
        ranks: processes that train together: their draws are their own.
    """

    key: str
    data: str
    threads: int
    ranks: int = 1


def save(folder: Path, epoch: int, state: dict[str, Any], under: Circumstances) -> None:
    """Write the state after `epoch` finished epochs, then drop all but the two newest."""
    path = folder / f"checkpoint-{epoch:06d}.pt"
    write_tensors(path, state)
    write_manifest(path, SCHEMA, 1, under.key, data=under.data, threads=under.threads, ranks=under.ranks)
    for old in _newest_first(folder)[2:]:
        _remove(old)


def load(folder: Path, under: Circumstances) -> dict[str, Any] | None:
    """The newest state that is whole, or None where there is none.

    A checkpoint whose bytes are not those that were written is set aside as `<name>.damaged`, with a warning, and the
    one before it is taken: the training repeats an epoch. Nothing is ever deleted here. Only tensors and plain values
    are read (`weights_only`), so a file cannot run code.

    Raises:
        FacebiasError: it is of other settings or data, or it is whole and cannot be read now, for want of memory.
    """
    for path in _newest_first(folder):
        try:
            about = verify(path, SCHEMA)
        except FacebiasError as error:
            _set_aside(path, str(error))
            continue
        _refuse_others(path, about, under)
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
            return state
        except pickle.UnpicklingError as error:  # more than tensors and plain values: not a file of ours
            _set_aside(path, str(error).split("\n")[0])
        except (RuntimeError, MemoryError, OSError) as error:
            what = f"is whole and cannot be read ({str(error).splitlines()[0]})"
            raise FacebiasError("CHECKPOINT", path, what, "Free memory and run again; it is kept") from error
    return None


def _refuse_others(path: Path, about: dict[str, Any], under: Circumstances) -> None:
    if about["fingerprint"] != under.key:
        raise FacebiasError("CHECKPOINT", path, "belongs to another configuration", "Use another folder")
    # what an earlier version wrote says neither: its data are taken for the same
    if about.get("data", under.data) != under.data:
        raise FacebiasError(
            "CHECKPOINT",
            path,
            "was trained on other data than the packed file holds now",
            "Put those data back, or delete the run's folder to train anew",
        )
    for name, now, unsaid in (("threads", under.threads, under.threads), ("ranks", under.ranks, 1)):
        if (before := about.get(name, unsaid)) != now:
            warnings.warn(
                f"{path.name} was trained with {name}={before} and goes on with {name}={now}: the weights will "
                "be those of neither",
                stacklevel=4,
            )


def _set_aside(path: Path, why: str) -> None:
    aside = path.with_name(path.name + ".damaged")
    warnings.warn(f"{path.name} is not used and set aside as {aside.name}: {why}", stacklevel=3)
    path.replace(aside)
    manifest_path(path).unlink(missing_ok=True)


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
