"""Regions of a tightly framed face: fixed, disjoint, covering the image; and the share of saliency in each.

The framing puts the same features in the same place (eye centres 0.325 and 0.675 of the width, 0.31 of the height), so
fixed regions do. Their borders follow dlib's mean face of 68 landmarks in a chip with padding 0.25: brows at 0.18 to
0.24 of the height, the nose down to 0.58, the mouth 0.34 to 0.65 of the width and 0.65 to 0.77 of the height.
"""

from __future__ import annotations

import numpy as np

from facebias.core.words import EYE_DISTANCE, EYE_HEIGHT

REGIONS = ("eyes", "nose", "mouth", "forehead, hair", "cheeks, chin", "background")
_BROW, _EYES_END = 0.18, 0.38
_EYE_HALF = 0.125  # of an eye with its brow, across
_NOSE_HALF, _NOSE_END = 0.1, 0.6
_MOUTH_HALF, _MOUTH = 0.17, (0.63, 0.79)
_FACE = (0.5, 0.48, 0.37, 0.48)  # centre x and y, half axes across and down, of the face's oval


def region_map(side: int = 64) -> np.ndarray:
    """int8 (side, side): number in REGIONS of each pixel, by the pixel's centre.

    "eyes" holds the brows, "nose" the bridge between the eyes, "cheeks, chin" all that is left of the face's oval;
    hair beside the face counts as background.
    """
    centre = (np.arange(side) + 0.5) / side
    x, y = centre[None, :], centre[:, None]
    middle = np.abs(x - 0.5)
    across, down = (x - _FACE[0]) / _FACE[2], (y - _FACE[1]) / _FACE[3]
    beside_eye = np.abs(middle - EYE_DISTANCE / 2)
    found = np.full((side, side), REGIONS.index("background"), dtype=np.int8)
    # painted one over the other, the most particular last
    found[(across**2 + down**2 <= 1)] = REGIONS.index("cheeks, chin")
    found[(y < _BROW) & (across**2 + np.minimum(down + 0.35, 0) ** 2 <= 1)] = REGIONS.index("forehead, hair")
    found[(middle <= _MOUTH_HALF) & (y >= _MOUTH[0]) & (y < _MOUTH[1])] = REGIONS.index("mouth")
    found[(middle <= _NOSE_HALF) & (y >= EYE_HEIGHT) & (y < _NOSE_END)] = REGIONS.index("nose")
    found[(middle <= _NOSE_HALF) & (y >= _BROW) & (y < EYE_HEIGHT)] = REGIONS.index("nose")
    found[(beside_eye <= _EYE_HALF) & (y >= _BROW) & (y < _EYES_END)] = REGIONS.index("eyes")
    return found


def region_areas(side: int = 64) -> np.ndarray:
    """(regions,) share of the image that each region covers; they add up to 1."""
    return np.bincount(region_map(side).ravel(), minlength=len(REGIONS)) / side**2


def region_shares(maps: np.ndarray) -> np.ndarray:
    """(N, regions) share of each map's total in each region; a map of zeros has the regions' areas.

    Args:
        maps: (N, side, side), not negative.
    """
    regions = region_map(maps.shape[-1]).ravel()
    masks = (regions[:, None] == np.arange(len(REGIONS))).astype(np.float32)
    inside = maps.reshape(len(maps), -1).astype(np.float32) @ masks
    total = inside.sum(axis=1, keepdims=True)
    return np.where(total > 0, inside / np.where(total > 0, total, 1), masks.mean(axis=0))
