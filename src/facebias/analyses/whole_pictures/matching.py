"""Which detection finds which face, and with what score: two rules, since detectors draw boxes differently."""

from __future__ import annotations

import numpy as np

from facebias.core.boxes import areas, ious
from facebias.detectors.pictures import Detections

RULES = ("centre", "iou")  # the first is the headline
NEVER = float(np.finfo(np.float32).min)  # score of a face that nothing matches: no threshold is that low
IOU = 0.5
SIDES = (0.5, 2.0)  # of the face's side: how much smaller or larger a detection may be by the rule of the centre
_SMALLEST = 0.1  # of the picture's shorter side, of a detection that counts where no box is known


def best(found: Detections, face: np.ndarray, size: tuple[int, int], rule: str = RULES[0]) -> float:
    """Score of the best detection that finds a face; NEVER where none does.

    - "centre": its centre lies in the face's box, and its side (root of the area) is within SIDES of the face's.
    - "iou": it shares IOU of the union with the face's box.

    Where no box is known, by either rule: its centre lies in the central half of the picture, and it is a tenth of the
    shorter side or larger.

    Args:
        found: boxes (M, 4) and scores (M,).
        face: (4,) x1, y1, x2, y2, NaN where unknown.
        size: width and height of the picture.
        rule: of RULES.
    """
    if not len(found.scores):
        return NEVER
    if np.isnan(face).any():
        fits = _central(found.boxes, size)
    else:
        fits = (ious(found.boxes, face) >= IOU) if rule == "iou" else _centred(found.boxes, face)
    return float(found.scores[fits].max(initial=NEVER))


def _centred(boxes: np.ndarray, face: np.ndarray) -> np.ndarray:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centre >= face[:2]) & (centre <= face[2:])).all(axis=1)
    sides = np.sqrt(areas(boxes) / areas(face[None]))
    fits: np.ndarray = inside & (sides >= SIDES[0]) & (sides <= SIDES[1])
    return fits


def _central(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    centre, whole = (boxes[:, :2] + boxes[:, 2:]) / 2, np.array(size, dtype=float)
    inside = ((centre >= whole / 4) & (centre <= 3 * whole / 4)).all(axis=1)
    fits: np.ndarray = inside & (np.sqrt(areas(boxes)) >= _SMALLEST * whole.min())
    return fits
