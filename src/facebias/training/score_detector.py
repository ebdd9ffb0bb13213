"""Scores of a detector on the packed sets of a study, as predictions that the audit reads."""

from __future__ import annotations

import pandas as pd

from facebias.core.config import Config
from facebias.data.dataset import FaceDataset
from facebias.detectors.detector import Detector, as_logits
from facebias.training.score import prediction_rows, scored_files


def score_detector(detector: Detector, config: Config, seed: int = 0, *, probability: bool = False) -> pd.DataFrame:
    """Score held-out negatives, held-out faces of the training source, and the audit sets of `config`.

    Args:
        detector: called with images as packed, 64 x 64 pixels.
        config: which packed sets; packed now where they are missing.
        seed: what the column of that name says; arms are compared seed by seed.
        probability: its scores are probabilities; their logits are stored.

    Returns:
        PREDICTION_COLUMNS, one row an image, a model and run of the detector's name.

    Raises:
        FacebiasError: faults of the detector (`Detector`), or probabilities outside 0..1.
    """
    parts = []
    for name, path in scored_files(config).items():
        data = FaceDataset.load(path)
        scores = detector.scores(data.images, name)
        scores = as_logits(scores, detector.where) if probability else scores
        parts.append(prediction_rows(data, name, scores, run_id=detector.name, model=detector.name, seed=seed))
    return pd.concat(parts, ignore_index=True)
