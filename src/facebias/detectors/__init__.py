"""Detectors that are not ours: brought as a function, a stored program or a table, and audited like our own.

A detector of crops is a callable from images uint8 (N, 64, 64, 3) RGB to scores float (N,) or (N, 1), higher for what
is more of a face. Crops are packed as 64 x 64 pixels, faces framed as `facebias.data.sources.base.TIGHT`: a detector that
wants larger pictures, or room around the face, scales and pads inside its function.

- ``package.module:function`` or ``file.py:function``: called with batches of images as above.
- ``file.pt``, ``file.pt2``: a TorchScript file or a `torch.export` program from float32 (N, 3, 64, 64) RGB in 0..1, for
  any N, to face logits (N,) or (N, 1).
- a table of predictions needs no images (`facebias.training.predictions_file`).

Functions and programs are code: they run with your rights, so bring only those that you trust.
"""

from __future__ import annotations

from facebias.detectors.detector import Detector
from facebias.detectors.find import find_detector
from facebias.report.detector_figures import DetectorFigures
from facebias.training.gather import Audited, gather, scored_settings
from facebias.training.predictions_file import read_table

__all__ = ["Audited", "Detector", "DetectorFigures", "find_detector", "gather", "read_table", "scored_settings"]
