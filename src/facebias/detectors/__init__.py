"""Detectors: any callable from crops to scores, ours or yours, and windows over whole pictures.

Ours are the networks. One that is not ours is brought as a function or a stored program, and audited like our own.

A detector of crops is a callable from images uint8 (N, 64, 64, 3) RGB to scores float (N,) or (N, 1), higher for what
is more of a face. Crops are packed as 64 x 64 pixels, faces framed as `facebias.core.words.TIGHT`: a detector that
wants larger pictures, or room around the face, scales and pads inside its function.

- ``package.module:function`` or ``file.py:function``: called with batches of images as above.
- ``file.pt``, ``file.pt2``: a TorchScript file or a `torch.export` program from float32 (N, 3, 64, 64) RGB in 0..1, for
  any N, to face logits (N,) or (N, 1).
- a table of predictions needs no images (`facebias.training.predictions_file`).

Functions and programs are code: they run with your rights, so bring only those that you trust.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"detector": ["Detector"], "find": ["find_detector"], "pictures": ["overview"]}
)
