"""How much two boxes share. torchvision has it too, and takes seconds to import."""

from __future__ import annotations

import numpy as np


def ious(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """(M,) intersection over union of boxes (M, 4) x1 y1 x2 y2 with one (4,)."""
    sides = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    shared = np.maximum(sides, 0).prod(axis=1)
    shares: np.ndarray = shared / (areas(boxes) + areas(box[None]) - shared)
    return shares


def areas(boxes: np.ndarray) -> np.ndarray:
    """(M,) areas of boxes (M, 4) x1 y1 x2 y2."""
    found: np.ndarray = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return found
