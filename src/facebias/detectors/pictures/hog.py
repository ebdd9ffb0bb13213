"""dlib's frontal face detector: histograms of oriented gradients and five linear filters.

Source: King, Max-Margin Object Detection, 2015, after Dalal and Triggs, CVPR 2005. The smallest face is about 80
pixels: dlib does not enlarge a picture unless it is told to.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facebias.detectors.pictures.interface import Detections

PACKAGE, MODULE = "dlib-bin", "dlib"
INPUT = "whole pictures, RGB, faces of 80 pixels or more"
LICENCE = "Boost Software License"
SHIPPED = 0.0
SETTINGS = {"upsample": 0, "threshold": -1.0}  # of a margin: at -1 most face-free pictures have a detection


def weights() -> Path:
    """The library itself: the filters are compiled into it."""
    import _dlib_pybind11

    return Path(_dlib_pybind11.__file__)


class Find:
    """Boxes and margins of one picture."""

    def __init__(self) -> None:
        import dlib

        self.detector = dlib.get_frontal_face_detector()

    def __call__(self, picture: np.ndarray) -> Detections:
        """Search a picture uint8 (H, W, 3) RGB."""
        found, scores, _ = self.detector.run(picture, *SETTINGS.values())
        # dlib's right and bottom are the last pixel inside
        boxes = [(box.left(), box.top(), box.right() + 1, box.bottom() + 1) for box in found]
        return Detections(np.array(boxes, dtype=float).reshape(-1, 4), np.array(scores, dtype=float))
