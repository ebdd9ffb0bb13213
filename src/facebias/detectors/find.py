"""From what the command line says of a detector to the detector."""

from __future__ import annotations

import re
from pathlib import Path

from facebias.core.errors import FacebiasError
from facebias.detectors.detector import CODE, Detector
from facebias.detectors.functions import load_function

_FORMS = "Use package.module:function, file.py:function, file.pt (TorchScript) or file.pt2 (torch.export)"
_NAME = re.compile(r"\w[\w .+-]{0,59}")


def find_detector(spec: str, name: str = "", device: str = "auto") -> Detector:
    """The detector that `spec` names, loaded and not yet called.

    Args:
        spec: "package.module:function", "file.py:function", "file.pt" or "file.pt2".
        name: what to call it in tables and figures; the function's name or the file's stem unless told.
        device: of a stored program, as in `Config`.

    Raises:
        FacebiasError: none of these forms, nothing is found there, or the name cannot be a model's.
    """
    place, _, function = spec.rpartition(":")
    if Path(spec).suffix in (".pt", ".pt2"):
        from facebias.detectors.programs import PROGRAM, load_program

        return Detector(checked_name(name or Path(spec).stem), spec, load_program(Path(spec), device), PROGRAM)
    if not (place and function.isidentifier()):
        raise FacebiasError(CODE, spec, "neither a function nor a stored program", _FORMS)
    return Detector(checked_name(name or function), spec, load_function(place, function))


def checked_name(name: str) -> str:
    """The name, where tables, figures and files can bear it.

    Raises:
        FacebiasError: it holds other than letters, digits, blanks and _ . + -, is longer than 60 characters, or begins
            like those of our own debiased arms.
    """
    if not _NAME.fullmatch(name):
        raise FacebiasError(
            "NAME", repr(name), "no name for a model", "Give letters, digits, blanks, _ . + - with --name, 60 at most"
        )
    if name.startswith("dbvae-"):
        raise FacebiasError(
            "NAME",
            name,
            "names beginning with dbvae- are those of our debiased networks",
            "Give another one with --name",
        )
    return name
