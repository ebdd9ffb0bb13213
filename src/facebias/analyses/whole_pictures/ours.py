"""A run of ours as a detector of whole pictures: its network in sliding windows, the best of overlapping ones kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from facebias.analyses.pictures.detect import OVERLAP, detect, scorer
from facebias.core.errors import FacebiasError
from facebias.core.manifest import sha256
from facebias.detectors.pictures import Card, Detections, PictureDetector
from facebias.detectors.windows import GRIDS, Scan
from facebias.training.run import Run

GRID = "fine"  # of `facebias.detectors.windows.GRIDS`, unless told
LOWEST = -2.0  # logit: windows below are as good as none, and there are thousands in a picture
SHIPPED = 0.0  # logit, probability 0.5


def windows_of(text: str) -> PictureDetector:
    """The detector of a finished run.

    Args:
        text: the run's folder; with @ and a name of `facebias.detectors.windows.GRIDS` behind it, other windows.

    Raises:
        FacebiasError: it is not finished, or its weights are not those that were written.
    """
    place, _, grid = text.rpartition("@")
    folder, grid = (Path(place), grid) if grid in GRIDS else (Path(text), GRID)
    run = Run(folder)
    score, scan = scorer(run.model("cpu")), Scan.parse(grid)

    def find(picture: np.ndarray) -> Detections:
        """Boxes and logits of a picture uint8 (H, W, 3) RGB."""
        try:
            return detect(Image.fromarray(picture), score, scan, LOWEST)
        except FacebiasError as error:
            if error.code != "WINDOW":
                raise
            return Detections(np.empty((0, 4)), np.empty(0))  # a picture smaller than the smallest window

    settings = {"windows": str(scan), "overlap": OVERLAP, "lowest": LOWEST}
    card = Card(run.id, sha256(folder / "weights.pt"), "whole pictures, RGB, windows of 64 x 64", "MIT", settings)
    return PictureDetector(run.id, find, SHIPPED, card)
