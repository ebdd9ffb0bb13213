"""facenet-pytorch's MTCNN: three small networks, each of which looks closer at what the one before let through.

Source: Zhang et al., Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, IEEE Signal
Processing Letters 23(10), 2016; weights of davidsandberg/facenet, trained on WIDER FACE and CelebA. CelebA's
photographs are among its training data: recall on CelebA is no held-out recall of it. The third network's threshold
(0.7) is taken away; the first two keep theirs, or other windows would reach the third.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facebias.detectors.pictures.interface import Detections

PACKAGE, MODULE = "facenet-pytorch", "facenet_pytorch"
INPUT = "whole pictures, RGB, faces of 20 pixels or more"
LICENCE = "MIT"
SHIPPED = 0.7
_SMALLEST, _THRESHOLDS = 20, [0.6, 0.7, 0.0]
SETTINGS = {"min_face_size": _SMALLEST, "thresholds": _THRESHOLDS}


def weights() -> Path:
    """The file of the third network, which gives the score."""
    import facenet_pytorch

    return Path(facenet_pytorch.__file__).parent / "data" / "onet.pt"


class Find:
    """Boxes and probabilities of one picture."""

    def __init__(self) -> None:
        from facenet_pytorch import MTCNN

        self.detector = MTCNN(min_face_size=_SMALLEST, thresholds=_THRESHOLDS, keep_all=True, device="cpu").eval()

    def __call__(self, picture: np.ndarray) -> Detections:
        """Search a picture uint8 (H, W, 3) RGB."""
        if min(picture.shape[:2]) < _SMALLEST:
            return Detections(np.empty((0, 4)), np.empty(0))  # the library would raise: no window fits
        boxes, scores = self.detector.detect(picture)
        if boxes is None:
            return Detections(np.empty((0, 4)), np.empty(0))
        boxes, scores = np.asarray(boxes, dtype=float), np.asarray(scores, dtype=float)
        whole = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)  # regression may turn a box of low score upside down
        return Detections(boxes[whole], scores[whole])
