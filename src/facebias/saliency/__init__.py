"""Saliency: what in an image made the detector answer as it did.

Vocabulary: *input gradient* df/dx; *bias term* df/dv * r of an operation v with residual r; *completeness*, that the
terms add up to the score; *map*, the rescaled terms laid out on the image (N, 1, H, W). See README.md beside this file.
"""

from __future__ import annotations

from facebias.saliency.fullgrad import Explanation, FullGrad, SimpleFullGrad
from facebias.saliency.fullgrad.decomposition import CompletenessError, Decomposition
from facebias.saliency.fullgrad.smooth import SmoothFullGrad
from facebias.saliency.methods import METHODS, method

__all__ = [
    "METHODS",
    "CompletenessError",
    "Decomposition",
    "Explanation",
    "FullGrad",
    "SimpleFullGrad",
    "SmoothFullGrad",
    "method",
]
