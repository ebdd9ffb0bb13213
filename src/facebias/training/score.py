"""Scoring: a finished run's logit for every held-out image, as one table that the audit reads.

Scores are stored, decisions never: the threshold is a parameter of the audit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from facebias.audit.predictions import PREDICTION_COLUMNS, constant, stacked
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.manifest import fingerprint, recorded_sha256
from facebias.core.words import HELD_OUT
from facebias.data.dataset import FaceDataset, warn_on_framing
from facebias.data.pack import pack_audit, pack_training
from facebias.data.sources.base import own_columns
from facebias.detectors.detector import Detector, as_logits
from facebias.detectors.inference import BATCH, logits
from facebias.detectors.networks import DBVAE, StandardCNN
from facebias.training.run import PREDICTIONS_SCHEMA, Run
from facebias.training.threads import threads

_FILE = "predictions.parquet"
_BLOCK = 64 * BATCH  # images, in whole batches: 96 MiB


def score(run: Run, config: Config | None = None) -> pd.DataFrame:
    """Predictions of a run on its held-out splits and on the audit sets; written to the run's folder.

    Args:
        run: a finished run.
        config: where the audit sets differ from the run's own settings; it says which sets, and where data lie.

    Returns:
        One row an image with PREDICTION_COLUMNS. `dataset` is "validation", "test" or the audit set's name; `score`
        is the face logit (float32): probability 0.5 is logit 0.

    Raises:
        FacebiasError: the run is incomplete, or data cannot be packed.
    """
    config = run.config if config is None else config
    own = run.config.with_(**config.as_dict("audit_data", "runtime"), data_root=config.data_root)
    files = scored_files(own)
    if is_scored(run, files):
        return run.predictions
    train = FaceDataset.load(pack_training(own)["train"], pixels=False, factors=False)
    model, parts = run.model(config.device), []
    with threads(config.threads):
        for name, path in files.items():
            data = FaceDataset.load(path, coded=True, factors=False)
            warn_on_framing(train, data)
            parts.append(
                prediction_rows(
                    data, name, scores_of(model, data), run_id=run.id, model=run.config.arm, seed=run.config.seed
                )
            )
    table = stacked(parts)
    audited = own.as_dict("audit_data")
    run.write_parquet(_FILE, table, PREDICTIONS_SCHEMA, _key(run, files), scored_on=audited)
    return table


def scores_of(model: StandardCNN | DBVAE, data: FaceDataset) -> np.ndarray:
    """Face logits (n,) float32 of a packed set, block by block, so that a mapped set takes the memory of one block."""
    parts, images = [], data.tensor()
    for start in range(0, len(data), _BLOCK):
        parts.append(logits(model, images[start : start + _BLOCK]).numpy())
        data.release()
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def scored_files(config: Config) -> dict[str, Path]:
    """The packed file of every held-out split and audit set that `config` names; packed and verified here."""
    training = pack_training(config)
    return {name: training[name] for name in HELD_OUT} | {name: pack_audit(config, name) for name in config.audit_names}


def is_scored(run: Run, files: dict[str, Path]) -> bool:
    """Whether the run is complete and its predictions are those of the very bytes in `files`."""
    return run.complete and run.holds(_FILE, _key(run, files))


def _key(run: Run, files: dict[str, Path]) -> str:
    # the bytes that are scored, not only their settings: a set packed anew is scored anew
    hashes = {name: recorded_sha256(path) for name, path in files.items()}
    return fingerprint({"run": run.id, **hashes})


def prediction_rows(data: FaceDataset, dataset: str, scores: np.ndarray, seed: int, **about: str) -> pd.DataFrame:
    """Scores (n,) of all images of a packed set as PREDICTION_COLUMNS; `about` has run_id and model.

    Groups that this set alone has follow, a column each.

    Raises:
        FacebiasError: a score is not finite.
    """
    if (bad := ~np.isfinite(scores)).any():
        what = f"{int(bad.sum())} of {len(scores)} scores on {dataset} are not finite numbers"
        raise FacebiasError("SCORE", str(about["run_id"]), what, "A network like this can't be judged: train it again")
    wanted = [*PREDICTION_COLUMNS, *own_columns(data.table)]
    table = data.table[[name for name in data.table if name in wanted]]  # no copy of what nobody asks for
    named = {name: constant(value, table.index) for name, value in (about | {"dataset": dataset}).items()}
    return table.assign(**named, seed=seed, label=data.labels, score=scores)[wanted]


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
        data = FaceDataset.load(path, coded=True, factors=False)
        scores = detector.scores(data.images, name, data.release)
        scores = as_logits(scores, detector.where) if probability else scores
        parts.append(prediction_rows(data, name, scores, run_id=detector.name, model=detector.name, seed=seed))
    return stacked(parts)
