"""The table of predictions: one row a run and image, checked strictly when it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from facebias.core.errors import FacebiasError
from facebias.core.limits import refuse_large_parquet

PREDICTION_COLUMNS = (
    "run_id",
    "model",
    "seed",
    "dataset",
    "image_id",
    "label",
    "score",
    "skin_tone",
    "ita",
    "race",
    "gender",
    "age",
)
GROUP_COLUMNS = ("race", "skin_tone", "gender")
_TEXT = ("run_id", "model", "dataset", "image_id", "skin_tone", "race", "gender", "age")


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Predictions from a parquet file, validated.

    Raises:
        FacebiasError: no such file, not parquet, or anything that `validate` refuses.
    """
    path = Path(path)
    if not path.exists():
        raise FacebiasError("MISSING", path, "no such file", "Run facebias score first")
    refuse_large_parquet(path)
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise FacebiasError("PARQUET", path, f"not a parquet table ({error})", "Run facebias score again") from error
    return validate(frame, where=path)


def validate(frame: pd.DataFrame, where: str | Path = "predictions") -> pd.DataFrame:
    """The same predictions with missing text as "", or an error that names the row.

    Raises:
        FacebiasError: a column missing, a label other than 0 and 1, a score that is not finite, an image scored
            twice by a run, or two runs of one model and seed.
    """
    missing = [name for name in PREDICTION_COLUMNS if name not in frame.columns]
    if missing:
        raise FacebiasError(
            "COLUMNS",
            where,
            f"missing {', '.join(missing)}; found {', '.join(map(str, frame))}; "
            f"expected {', '.join(PREDICTION_COLUMNS)}",
            "Write the predictions with facebias score",
        )
    if frame.empty:
        raise FacebiasError("EMPTY", where, "no predictions", "Score at least one run")
    frame = frame.reset_index(drop=True)
    _refuse(~frame["label"].isin((0, 1)), frame["label"], where, "label", "0 or 1")
    _refuse(~np.isfinite(frame["score"].to_numpy(dtype=float)), frame["score"], where, "score", "a finite number")
    key = ["run_id", "dataset", "image_id"]
    _refuse(frame.duplicated(key), frame["image_id"], where, "image_id", "each image once a run and data set")
    runs = frame[["run_id", "model", "seed"]].drop_duplicates()
    twice = runs.duplicated(["model", "seed"], keep=False) | runs.duplicated("run_id", keep=False)
    if twice.any():
        raise FacebiasError(
            "RUNS",
            where,
            f"one run a model and seed expected, found {runs[twice].values.tolist()}",
            "Audit the runs of one study at a time",
        )
    return frame.assign(**{name: as_text(frame[name]) for name in _TEXT})


def as_text(values: pd.Series) -> pd.Series:
    """As text, "" where missing."""
    if isinstance(values.dtype, pd.StringDtype):  # as facebias writes tables: a tenth of the time
        return values.fillna("")
    return values.astype(object).fillna("").astype(str)


def picture_of(image_ids: pd.Series) -> pd.Series:
    """The picture of each image: crops of one picture are called NAME#NUMBER, as the packed negatives are.

    An image of another name is a picture of its own.
    """
    return image_ids.str.replace(r"#\d+$", "", regex=True)


def _refuse(bad: np.ndarray | pd.Series, values: pd.Series, where: str | Path, column: str, expected: str) -> None:
    bad = np.asarray(bad)
    if bad.any():
        row = int(np.argmax(bad))
        raise FacebiasError(
            "VALUE",
            f"{where}:{row}",
            f"{column} '{values.iloc[row]}' in {bad.sum()} row(s), expected {expected}",
            "Score the run again",
        )
