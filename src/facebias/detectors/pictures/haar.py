"""OpenCV's frontal Haar cascade: Viola and Jones, CVPR 2001; the weights of Lienhart and Maydt, ICIP 2002.

A face is a cluster of windows that pass all stages, and its score is their number. People get clusters of more than
three (`minNeighbors`). Asked for clusters of two or more, the library returns those that people get and weaker ones:
which windows join which cluster does not depend on that number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facebias.detectors.pictures.interface import Detections

PACKAGE, MODULE = "opencv-python-headless", "cv2"
INPUT = "whole pictures, grey, faces of 24 pixels or more"
LICENCE = "Intel licence for open-source computer vision (BSD style), in the file"
SHIPPED = 4.0  # windows: the library's default minNeighbors is 3, and clusters must have more
SETTINGS: dict[str, Any] = {"scaleFactor": 1.1, "minNeighbors": 1}


def weights() -> Path:
    """The file of the cascade in the wheel."""
    import cv2.data

    return Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"


class Find:
    """Boxes and numbers of windows of one picture."""

    def __init__(self) -> None:
        import cv2

        cv2.setNumThreads(1)  # processes are the way to more cores here
        self.cv2, self.cascade = cv2, cv2.CascadeClassifier(str(weights()))

    def __call__(self, picture: np.ndarray) -> Detections:
        """Search a picture uint8 (H, W, 3) RGB."""
        grey = self.cv2.cvtColor(picture, self.cv2.COLOR_RGB2GRAY)
        found, windows = self.cascade.detectMultiScale2(grey, **SETTINGS)
        boxes = np.asarray(found, dtype=float).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return Detections(boxes, np.asarray(windows, dtype=float).ravel())
