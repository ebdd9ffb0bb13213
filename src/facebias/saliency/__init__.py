"""Saliency: what in an image made the detector answer as it did.

Vocabulary: *input gradient* df/dx; *bias term* df/dv * r of an operation v with residual r; *completeness*, that the
terms add up to the score; *map*, the rescaled terms laid out on the image (N, 1, H, W). See docs/saliency.md.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["benchmarks"],
    submod_attrs={
        "authors": ["GradCAM", "InputGradient", "SmoothGrad"],
        "fullgrad": ["Explanation", "FullGrad", "SimpleFullGrad", "SmoothFullGrad"],
        "fullgrad.decomposition": ["CompletenessError", "Decomposition"],
        "methods": ["METHODS", "method"],
        "subjects": ["find_subject"],
    },
)
