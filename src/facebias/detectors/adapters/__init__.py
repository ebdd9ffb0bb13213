"""Detectors of other libraries as detectors of crops: images uint8 (N, 64, 64, 3) RGB to scores float (N,).

Named on the command line: ``facebias audit --detector facebias.adapters:lbp_cascade``. Both search a picture for faces,
so each crop gets the margin that such a search needs, and a score that says how sure the search was of its best find.
"""

from __future__ import annotations

from facebias.detectors.adapters.cascade import lbp_cascade
from facebias.detectors.adapters.facenet import mtcnn

__all__ = ["lbp_cascade", "mtcnn"]
