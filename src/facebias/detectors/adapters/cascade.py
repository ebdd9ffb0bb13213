"""scikit-image's frontal-face cascade: multi-block local binary patterns in 20 boosted stages, trained by OpenCV.

Source: Liao et al., Learning Multi-scale Block Local Binary Patterns for Face Recognition, ICB 2007; the attentional
cascade is Viola and Jones, CVPR 2001. Grey values alone are looked at.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from facebias.core.lbp_cascade import load_lbp_cascade

_APART, _TOGETHER = 1.0, -1.0  # overlap above which windows are merged: none are, all are


class Search(NamedTuple):
    """How a crop is searched.

    Attributes:
        margin: pixels of the border repeated around a crop of 64, the room that a face that fills it had in training.
        smallest: side of the smallest window, pixels.
        factor: from one window size to the next.
        step: of a window, in pixels of the detector's own 24 x 24.
    """

    margin: int
    smallest: int
    factor: float
    step: float


# The highest AUC of 48 settings on 500 faces and 1,000 negatives of CelebA's validation set, none of an audit set:
# benchmarks/lbp_settings.py. 20 of the settings are within 0.002 of it.
SEARCH = Search(margin=16, smallest=56, factor=1.1, step=1.0)


def lbp_cascade(images: np.ndarray, search: Search = SEARCH) -> np.ndarray:
    """How far the best window of each crop comes in the cascade, and how many windows pass all of it.

    The library tells detections, not scores. What it tells is graded by asking it again:

    - Windows that pass all 20 stages: their number, 1 or more. A face is found at many neighbouring windows, a chance
      pattern at few, which is why detectors of this kind group them and ask for several.
    - None does: the stages that the best window passes, less 20, so -20 .. -1, found by cutting the cascade short.

    0 is thus between found and not found. The score is a whole number, so many images share one: a threshold can only
    be put between two numbers, and not every false positive rate can be reached. At a rate asked for, the next lower
    one that can be is used (`facebias.audit.thresholds.threshold`).

    Args:
        images: uint8 (N, 64, 64, 3) RGB.
        search: how each crop is searched.

    Returns:
        float64 (N,).
    """
    from skimage.color import rgb2gray

    around = (0, 0), (search.margin, search.margin), (search.margin, search.margin)
    if not len(images):
        return np.empty(0)
    grey = np.pad(rgb2gray(images), around, mode="edge")
    return np.array([_grade(picture, search) for picture in grey], dtype=np.float64)


@cache
def _cascade() -> tuple[Any, int]:
    cascade = load_lbp_cascade()
    return cascade, cascade.stages_number


def _grade(grey: np.ndarray, search: Search) -> int:
    _, stages = _cascade()
    if found := _windows(grey, search, stages, _APART):
        return found
    passed, failed = 0, stages
    while failed - passed > 1:
        middle = (passed + failed) // 2
        passed, failed = (middle, failed) if _windows(grey, search, middle, _TOGETHER) else (passed, middle)
    return passed - stages


def _windows(grey: np.ndarray, search: Search, stages: int, overlap: float) -> int:
    """Windows that pass the first `stages` stages; merged to one where `overlap` is below 0, which is faster."""
    cascade, _ = _cascade()
    cascade.stages_number = stages
    sides = (search.smallest, search.smallest), grey.shape
    return len(cascade.detect_multi_scale(grey, search.factor, search.step, *sides, 1, overlap))
