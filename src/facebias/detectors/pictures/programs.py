"""A detector of whole pictures as a stored program: TorchScript, `torch.export`, or ONNX.

It takes one picture float32 (1, 3, H, W) RGB in 0..1 of any size and returns boxes (M, 4) x1 y1 x2 y2 in pixels and
scores (M,): as a pair, or as a dictionary of these names (torchvision's detectors give a list with one).

ONNX is no code of Python, so it is held to limits: no weights from outside of its folder, which onnxruntime sees to,
and no more memory than `facebias.core.limits` allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facebias.core.errors import FacebiasError
from facebias.core.limits import memory_limit
from facebias.core.manifest import sha256
from facebias.detectors.detector import first_line
from facebias.detectors.pictures.interface import CODE, Card, PictureDetector

SUFFIXES = (".pt", ".pt2", ".onnx")
_INPUT = "whole pictures, float32 RGB in 0..1"
_EXPECTS = "It must take float32 (1, 3, H, W) for any H and W and return boxes (M, 4) and scores (M,)"


def load_picture_program(path: Path, shipped: float | None = None) -> PictureDetector:
    """The program in a file. It is code: open only what you trust.

    Args:
        path: of the file.
        shipped: score from which on people get a detection.

    Raises:
        FacebiasError: no such file, it cannot be loaded, or a package is missing.
    """
    run = _onnx(path) if path.suffix == ".onnx" else _torch(path)

    def find(picture: np.ndarray) -> Any:
        """Boxes and scores of a picture uint8 (H, W, 3) RGB."""
        return _pair(run(np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32) / 255))

    card = Card(f"file {path.name}", sha256(path), _INPUT, "its author's")
    return PictureDetector(path.stem, find, shipped, card)


def _torch(path: Path) -> Callable[[np.ndarray], Any]:
    import torch

    from facebias.detectors.programs import open_program

    program = open_program(path, torch.device("cpu"))

    def run(pixels: np.ndarray) -> Any:
        """The program's answer."""
        with torch.inference_mode():
            return program(torch.from_numpy(pixels))

    return run


def _onnx(path: Path) -> Callable[[np.ndarray], Any]:
    if not path.is_file():
        raise FacebiasError(CODE, path, "no such file", "Name it from the working directory, or with its whole path")
    try:
        import onnxruntime
    except ImportError as error:
        what = "onnxruntime is not installed"
        raise FacebiasError("MISSING", path, what, "Install it: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it would print is in the error that it raises
    try:
        with memory_limit():
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise FacebiasError(CODE, path, f"cannot be loaded: {first_line(error)}", _EXPECTS) from error
    name, outputs = session.get_inputs()[0].name, [one.name for one in session.get_outputs()]
    wanted = ["boxes", "scores"] if {"boxes", "scores"} <= set(outputs) else outputs[:2]

    def run(pixels: np.ndarray) -> Any:
        """The program's answer."""
        with memory_limit():
            return session.run(wanted, {name: pixels})

    return run


def _pair(answer: Any) -> Any:
    if isinstance(answer, Sequence) and len(answer) == 1:
        answer = answer[0]
    return (answer["boxes"], answer["scores"]) if isinstance(answer, Mapping) else answer
