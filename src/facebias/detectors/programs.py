"""A detector as a stored program: a TorchScript file, or a program of `torch.export`."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facebias.core.errors import FacebiasError
from facebias.detectors.detector import CODE, Score, first_line, say_foreign_code
from facebias.detectors.inference import as_input, pick_device

PROGRAM = (
    "It must take float32 (N, 3, 64, 64) RGB in 0..1 for any N (exported with a dynamic batch) and return face "
    "logits (N,) or (N, 1)"
)
_WRITE = "Write it with torch.export.save, or save a torch.jit script or trace"


def load_program(path: Path, device: str = "auto") -> Score:
    """The program in a file as a detector of crops. What the file holds counts, not its suffix.

    Args:
        path: the file. It is code: open only what you trust.
        device: as in `Config`.

    Raises:
        FacebiasError: no such file, it holds no program (a state_dict is none), or torch cannot load it.
    """
    where = pick_device(device)
    program = open_program(path, where)

    def score(images: np.ndarray) -> np.ndarray:
        """Crops through the program, and its answer checked."""
        with torch.inference_mode():
            found = program(as_input(torch.from_numpy(images).permute(0, 3, 1, 2), where))
        if not isinstance(found, torch.Tensor):
            raise TypeError(f"it returned a {type(found).__name__}, not one tensor")
        # numpy has no bfloat16; what is no float is left as it is, to be refused
        return (found.float() if found.is_floating_point() else found).cpu().numpy()

    return score


def open_program(path: Path, device: torch.device) -> Any:
    """The program in a file, of either kind, ready to be called.

    Raises:
        FacebiasError: no such file, it holds no program, or torch cannot load it.
    """
    load = _loader(path)
    say_foreign_code(path)
    try:
        return load(path, device)
    except Exception as error:
        raise FacebiasError(CODE, path, f"cannot be loaded: {first_line(error)}", _WRITE) from error


def _loader(path: Path) -> Callable[[Path, torch.device], Any]:
    if not path.is_file():
        raise FacebiasError(CODE, path, "no such file", "Name it from the working directory, or with its whole path")
    if not zipfile.is_zipfile(path):
        raise FacebiasError(CODE, path, "holds no program (not a zip archive, as both kinds are)", _WRITE)
    with zipfile.ZipFile(path) as archive:
        names = {Path(name).name for name in archive.namelist()}
    for sign, load in (("archive_format", _exported), ("constants.pkl", _scripted)):
        if sign in names:
            return load
    held = "weights or a pickled object alone" if "data.pkl" in names else "something else"
    raise FacebiasError(CODE, path, f"holds no program, but {held}", _WRITE)


def _scripted(path: Path, device: torch.device) -> Any:
    with warnings.catch_warnings():
        # torch advises against writing TorchScript; what is written already must still be audited
        warnings.filterwarnings("ignore", ".*torch.jit.load", FutureWarning)
        return torch.jit.load(path, map_location=device).eval()


def _exported(path: Path, device: torch.device) -> Any:
    return torch.export.load(path).module().to(device)
