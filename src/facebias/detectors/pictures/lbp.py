"""scikit-image's frontal-face cascade: multi-block local binary patterns, trained by OpenCV (Liao et al., ICB 2007).

As in OpenCV's cascades a face is a cluster of windows, and its score is their number. The library tells the clusters
and not the numbers, so windows are asked for one by one and joined here by its own rule (a test holds the two alike).
People get clusters of four or more.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facebias.core.lbp_cascade import load_lbp_cascade
from facebias.detectors.pictures.interface import Detections

PACKAGE, MODULE = "scikit-image", "skimage"
INPUT = "whole pictures, grey, faces of 24 pixels or more"
LICENCE = "Intel licence for open-source computer vision (BSD style), in the file"
SHIPPED = 4.0
# The library has no default for the first three: scale and step are those of its example
SETTINGS = {"scale_factor": 1.2, "step_ratio": 1.0, "smallest": 24, "overlap": 0.5}


def weights() -> Path:
    """The file of the cascade in the wheel."""
    from skimage.data import lbp_frontal_face_cascade_filename

    return Path(str(lbp_frontal_face_cascade_filename()))  # type: ignore[no-untyped-call]


class Find:
    """Boxes and numbers of windows of one picture."""

    def __init__(self) -> None:
        self.cascade = load_lbp_cascade()

    def __call__(self, picture: np.ndarray) -> Detections:
        """Search a picture uint8 (H, W, 3) RGB."""
        scale, step, smallest, overlap = SETTINGS.values()
        low, high = (int(smallest),) * 2, (min(picture.shape[:2]),) * 2
        if low > high:
            return Detections(np.empty((0, 4)), np.empty(0))
        # an overlap of more than 1 does not exist: each window is a cluster of its own
        found = self.cascade.detect_multi_scale(picture, scale, step, low, high, 1, 1.0)
        return joined(np.array([(f["c"], f["r"], f["width"], f["height"]) for f in found], float), overlap)


def joined(windows: np.ndarray, overlap: float) -> Detections:
    """Windows (n, 4) x, y, width, height in clusters: each joins the mean window that it shares most with.

    What they share is the intersection over the smaller of the two; `overlap` of it is the least.
    """
    sums, counts = np.empty((0, 4)), np.empty(0)
    for window in windows.reshape(-1, 4):
        means = np.trunc(sums / counts[:, None])  # the library's are whole pixels
        far = np.minimum(means[:, :2] + means[:, 2:], window[:2] + window[2:])
        shared = np.clip(far - np.maximum(means[:, :2], window[:2]), 0, None).prod(axis=1)
        share = shared / np.minimum(means[:, 2:].prod(axis=1), window[2:].prod())
        if len(share) and share.max() > overlap:
            sums[share.argmax()] += window
            counts[share.argmax()] += 1
        else:
            sums, counts = np.vstack([sums, window]), np.append(counts, 1.0)
    means = np.trunc(sums / counts[:, None])
    return Detections(np.hstack([means[:, :2], means[:, :2] + means[:, 2:]]), counts)
