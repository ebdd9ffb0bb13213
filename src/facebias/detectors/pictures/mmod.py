"""dlib's convolutional detector: max-margin object detection with learned features (King, 2015).

The library gives what scores 0 or more and can be asked for nothing below, so its curve ends there. Some seconds a
picture without a GPU.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facebias.detectors.pictures.interface import Detections, folder_of

PACKAGE, MODULE = "dlib-bin", "dlib"
ALSO = ("face_recognition_models",)
INPUT = "whole pictures, RGB, faces of 80 pixels or more"
LICENCE = "CC0 (the file of weights), Boost Software License (dlib)"
SHIPPED = 0.0
SETTINGS = {"upsample": 0}


def weights() -> Path:
    """The file in face_recognition_models, whose own code is not imported: it wants pkg_resources."""
    return folder_of("face_recognition_models") / "models" / "mmod_human_face_detector.dat"


class Find:
    """Boxes and confidences of one picture."""

    def __init__(self) -> None:
        import dlib

        self.detector = dlib.cnn_face_detection_model_v1(str(weights()))

    def __call__(self, picture: np.ndarray) -> Detections:
        """Search a picture uint8 (H, W, 3) RGB."""
        found = list(self.detector(picture, SETTINGS["upsample"]))
        edges = [(one.rect.left(), one.rect.top(), one.rect.right() + 1, one.rect.bottom() + 1) for one in found]
        return Detections(np.array(edges, dtype=float).reshape(-1, 4), np.array([one.confidence for one in found]))
