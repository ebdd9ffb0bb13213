"""scikit-image's frontal-face cascade, which packing uses to frame portraits and which is a detector to be audited."""

from __future__ import annotations

from typing import Any


def load_lbp_cascade() -> Any:
    """A `skimage.feature.Cascade` of the caller's own: how many of its stages are asked is kept in the object."""
    from skimage.data import lbp_frontal_face_cascade_filename  # here: few need it, and it is slow to import
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())  # type: ignore[no-untyped-call]  # it is given no types
