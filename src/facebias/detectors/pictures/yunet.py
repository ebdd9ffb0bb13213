"""YuNet through OpenCV's `FaceDetectorYN`, with a model file that you have: ``yunet=face_detection_yunet.onnx``.

Source: Wu, Peng and Yu, YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 2023; trained on
WIDER FACE. The wheel of OpenCV has the code and no weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facebias.core.errors import FacebiasError
from facebias.core.limits import memory_limit
from facebias.detectors.pictures.interface import CODE, Detections

PACKAGE, MODULE = "opencv-python-headless", "cv2"
INPUT = "whole pictures, BGR, any size"
LICENCE = "MIT (the published weights)"
SHIPPED = 0.9
SETTINGS: dict[str, Any] = {"score_threshold": 0.02, "nms_threshold": 0.3, "top_k": 5000}
_MEND = "Give the file as yunet=face_detection_yunet.onnx"


def weights() -> Path:
    """There are none in the package.

    Raises:
        FacebiasError: always: the file is to be given.
    """
    raise FacebiasError(CODE, "yunet", "its weights are in no package", _MEND)


class Find:
    """Boxes and scores of one picture.

    Args:
        model: the file.

    Raises:
        FacebiasError: no such file, or OpenCV cannot read it.
    """

    def __init__(self, model: str = "") -> None:
        import cv2

        if not model:
            weights()
        if not Path(model).is_file():
            raise FacebiasError(CODE, model, "no such file", _MEND)
        cv2.setNumThreads(1)  # processes are the way to more cores here
        try:
            with memory_limit():
                self.detector = cv2.FaceDetectorYN.create(model, "", (320, 320), **SETTINGS)
        except cv2.error as error:
            raise FacebiasError(CODE, model, f"OpenCV cannot read it ({error.err})", _MEND) from error

    def __call__(self, picture: np.ndarray) -> Detections:
        """Search a picture uint8 (H, W, 3) RGB."""
        height, width = picture.shape[:2]
        self.detector.setInputSize((width, height))
        with memory_limit():
            _, found = self.detector.detect(np.ascontiguousarray(picture[:, :, ::-1]))
        rows = np.empty((0, 15)) if found is None else np.asarray(found, dtype=float)
        return Detections(np.hstack([rows[:, :2], rows[:, :2] + rows[:, 2:4]]), rows[:, 14])
