"""Every run's scores of pictures that were moved, scaled, darkened and blurred; kept in the run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from facebias.analyses.shift.pictures import change
from facebias.analyses.shift.tables import FACTORS, UNCHANGED, shift_columns
from facebias.audit.predictions import PREDICTION_COLUMNS
from facebias.core.config import Config
from facebias.core.manifest import fingerprint, recorded_sha256, verify
from facebias.core.progress import bar
from facebias.data.dataset import FaceDataset
from facebias.detectors.inference import logits
from facebias.training.run import Run
from facebias.training.score import scored_files
from facebias.training.threads import threads

FACES = 1500  # at most, of each data set: intervals of all faces are then within 2.5 points
_CHUNK = 512
SHIFT_SCHEMA = "facebias.shift/1"
_FILE = "shift.parquet"


def shift_scores(runs: Sequence[Run], config: Config) -> pd.DataFrame:
    """Every run's logits of validation negatives, held-out faces and audit faces, at every value of every factor.

    Kept in each run's folder; runs that have them for the same packed files are not scored again. Each picture is
    changed once for all runs. All negatives are taken, since they fix thresholds; of larger sets of faces, `FACES`.

    Args:
        runs: finished runs, trained on the data that `config` names.
        config: which audit sets, where the packed files lie, threads and device.

    Returns:
        The runs below each other: PREDICTION_COLUMNS without `score`, and `shift_columns` (float32 logits).

    Raises:
        FacebiasError: a run is incomplete, or data cannot be packed.
    """
    files = scored_files(config)
    keys = {
        run: fingerprint(
            {
                "run": run.id,
                "faces": FACES,
                "columns": shift_columns(),
                **{name: recorded_sha256(path) for name, path in files.items()},
            }
        )
        for run in runs
    }
    todo = [run for run in runs if not run.holds(_FILE, keys[run])]
    if todo:
        with threads(config.threads):
            for run, table in zip(todo, _score(todo, config, files), strict=True):
                run.write_parquet(_FILE, table, SHIFT_SCHEMA, keys[run])
    return pd.concat([_read(run) for run in runs], ignore_index=True)


def _read(run: Run) -> pd.DataFrame:
    verify(run.path / _FILE, SHIFT_SCHEMA)
    return pd.read_parquet(run.path / _FILE)


def _score(runs: Sequence[Run], config: Config, files: dict[str, Path]) -> list[pd.DataFrame]:
    models = [run.model(config.device) for run in runs]
    parts: list[list[pd.DataFrame]] = [[] for _ in runs]
    changes = [(factor, value) for factor in FACTORS for value in factor.values]
    with bar(total=len(files) * (len(changes) + 1), desc="changed pictures", unit="change") as progress:
        for name, path in files.items():
            data = FaceDataset.load(path)
            rows = data.negatives if name == "validation" else _some(data.faces)
            images = data.tensor()[rows]
            columns: list[dict[str, np.ndarray]] = [{} for _ in runs]
            for factor, value in [(None, 0.0), *changes]:
                column = factor.column(value) if factor else UNCHANGED
                altered = (
                    images
                    if factor is None
                    else torch.cat([change(part, factor.name, value) for part in images.split(_CHUNK)])
                )
                for found, model in zip(columns, models, strict=True):
                    found[column] = logits(model, altered).numpy()
                progress.update(1)
            table = data.table.iloc[rows].reset_index(drop=True).assign(dataset=name)
            for kept, found, run in zip(parts, columns, runs, strict=True):
                kept.append(_rows(run, table).assign(**found))
    return [pd.concat(kept, ignore_index=True) for kept in parts]


def _some(faces: np.ndarray) -> np.ndarray:
    if len(faces) <= FACES:
        return faces
    return np.sort(np.random.default_rng(0).choice(faces, FACES, replace=False))


def _rows(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in PREDICTION_COLUMNS if name != "score"]
    return table.assign(run_id=run.id, model=run.config.arm, seed=run.config.seed).loc[:, names]
