"""The table of predictions: one row a run and image, checked strictly when it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import union_categoricals

from facebias.core.errors import FacebiasError
from facebias.core.limits import STRINGS, refuse_large_parquet
from facebias.core.parquet import read_parquet

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
UNGROUPED = ["model", "seed", "dataset", "image_id", "label"]  # what a table of groups' scores can do without
_CODED = ("run_id", "model", "dataset", "skin_tone", "race", "gender", "age")


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
        frame = read_parquet(path)
    except (OSError, ValueError) as error:
        raise FacebiasError("PARQUET", path, f"not a parquet table ({error})", "Run facebias score again") from error
    return validate(frame, where=path)


def validate(frame: pd.DataFrame, where: str | Path = "predictions") -> pd.DataFrame:
    """The same predictions, in little memory: text is coded (`coded`), the images' names are plain text.

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
    own = [name for name in frame if name not in PREDICTION_COLUMNS and not is_number(frame[name])]
    frame = frame.assign(**{name: coded(frame[name]) for name in (*_CODED, *own)}, image_id=as_text(frame["image_id"]))
    _refuse(_twice(frame), frame["image_id"], where, "image_id", "each image once a run and data set")
    runs = runs_of(frame)
    twice = runs.duplicated(["model", "seed"], keep=False) | runs.duplicated("run_id", keep=False)
    if twice.any():
        raise FacebiasError(
            "RUNS",
            where,
            f"one run a model and seed expected, found {runs[twice].values.tolist()}",
            "Audit the runs of one study at a time",
        )
    return frame


def _twice(frame: pd.DataFrame) -> np.ndarray:
    """(n,) bool: of the rows of one image in one run and data set, all after the first."""
    images, names = numbered(frame["image_id"])
    place = frame["run_id"].cat.codes.to_numpy(np.int64) * len(frame["dataset"].cat.categories)
    place = (place + frame["dataset"].cat.codes.to_numpy()) * len(names) + images
    found, ordered = np.zeros(len(frame), dtype=bool), np.sort(place)
    if not (ordered[1:] == ordered[:-1]).any():  # where rows are found takes three times as much memory
        return found
    order = np.argsort(place, kind="stable")
    found[order[1:]] = place[order[1:]] == place[order[:-1]]
    return found


def runs_of(predictions: pd.DataFrame) -> pd.DataFrame:
    """run_id and model (text) and seed, a row a run, in the order in which they come."""
    return distinct(predictions, ["run_id", "model", "seed"]).astype({"run_id": str, "model": str})


def distinct(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The rows that differ in some columns, in the order in which they come."""
    wanted = table[columns]
    parts = [wanted.iloc[start : start + STRINGS].drop_duplicates() for start in range(0, max(1, len(wanted)), STRINGS)]
    return pd.concat(parts).drop_duplicates()


def sets_of(predictions: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
    """What the rows have in the columns `by`, as it comes, and the rows (n,) that have it: one set at a time."""
    for values in distinct(predictions, list(by)).itertuples(index=False, name=None):
        rows = np.ones(len(predictions), dtype=bool)
        for column, value in zip(by, values, strict=True):
            rows &= (predictions[column] == value).to_numpy()
        yield values, np.flatnonzero(rows)


def is_number(values: pd.Series) -> bool:
    """Whether a column holds numbers, and so no groups."""
    return bool(pd.api.types.is_numeric_dtype(values)) and values.dtype != bool


def coded(values: pd.Series) -> pd.Series:
    """As a category of text, in the order of the text, "" where missing: a byte a row where names are few."""
    text = as_text(values)
    names = sorted(text.unique())
    if not isinstance(text.dtype, pd.CategoricalDtype):
        return pd.Series(pd.Categorical(text, names), index=text.index)
    return text if list(text.cat.categories) == names else text.cat.set_categories(names)


def constant(name: str, index: pd.Index) -> pd.Series:
    """One name for all rows, coded."""
    return pd.Series(pd.Categorical([name]).take(np.zeros(len(index), dtype=np.intp)), index=index)


def stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of predictions below each other, text coded; a group that a table does not have is "" there."""
    columns = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        found = [part[name] if name in part else constant("", part.index) for part in parts]
        number = name == "image_id" or all(map(is_number, found))
        if len(found) == 1:  # not copied
            columns[name] = (found[0] if number else coded(found[0])).reset_index(drop=True)
        elif number:
            columns[name] = pd.concat(found, ignore_index=True)
        else:
            columns[name] = pd.Series(union_categoricals(list(map(coded, found)), sort_categories=True))
    return pd.DataFrame(columns, copy=False)


def numbered(names: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The number of each row's name in the order of names, and the first row of each.

    Args:
        names: (n,) text.

    Returns:
        (n,) int32 from 0 on, and (names,) int64. Names are compared where they lie: none becomes a Python string.
    """
    text = pa.chunked_array(pa.array(names)) if len(names) else pa.chunked_array([[]], pa.large_string())
    order = pc.sort_indices(text).to_numpy()  # stable
    new = np.ones(len(order), dtype=bool)
    for start in range(1, len(order), STRINGS):
        block = text.take(pa.array(order[start - 1 : start + STRINGS])).combine_chunks()
        new[start : start + STRINGS] = pc.not_equal(block[1:], block[:-1]).to_numpy(zero_copy_only=False)
    number = np.empty(len(order), dtype=np.int32)
    number[order] = np.cumsum(new, dtype=np.int32) - 1
    pa.default_memory_pool().release_unused()  # what sorting took would stay until the end
    return number, order[new].astype(np.int64)


def as_text(values: pd.Series) -> pd.Series:
    """As text, "" where missing; what is coded already stays so."""
    if isinstance(values.dtype, pd.StringDtype):  # as facebias writes tables: a tenth of the time
        return values.fillna("") if values.hasnans else values
    if isinstance(values.dtype, pd.CategoricalDtype):
        whole = isinstance(values.cat.categories.dtype, pd.StringDtype) and not values.hasnans
        return values if whole else as_text(values.astype(object))
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
