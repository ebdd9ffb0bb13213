"""A detector that is known by its scores alone: a table of predictions, CSV or parquet, no images needed.

Columns, in any order:

- ``image`` (or ``image_id``): a name of each image, once a data set.
- ``score``: higher for what is more of a face; a logit, or a probability (then say so).
- ``label``: 1 face, 0 non-face. Without it every row is a face, but for those whose ``dataset`` is "negatives".
- at least one of the group columns that the audit knows (``race``, ``skin_tone``, ``gender``), "" where not known.
- ``dataset``, ``ita`` (degrees), ``age`` where there are any. Faces without a ``dataset`` are one audit set, called by
  the file's name.

Groups are compared at a matched false positive rate, so non-faces are needed. Those of dataset "validation" fix the
threshold, those of "test" measure the rate. All others are divided between the two by their image's name, about half
and half.
"""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from facebias.audit.predictions import GROUP_COLUMNS, PREDICTION_COLUMNS, as_text, coded, constant, validate
from facebias.core import label_files as tables
from facebias.core.errors import FacebiasError
from facebias.core.formats import found_format
from facebias.core.group_names import one_spelling
from facebias.core.limits import STRINGS, refuse_large_parquet
from facebias.core.parquet import read_parquet
from facebias.core.words import HELD_OUT
from facebias.detectors.detector import as_logits
from facebias.detectors.find import checked_name

CODE = "TABLE"
NEGATIVES = "negatives"
_NEEDED = ("image", "score")
_RUN = ("run_id", "model", "seed")  # of a table that facebias wrote itself
_ADMITTED = (*_NEEDED, "label", "dataset", *GROUP_COLUMNS, "ita", "age")


def read_table(path: Path, name: str = "", seed: int = 0, *, probability: bool = False) -> pd.DataFrame:
    """Predictions of the one detector in a table.

    Args:
        path: .csv, .csv.gz or .parquet.
        name: of the model; the file's stem unless told.
        seed: what the column of that name is to say.
        probability: the scores are probabilities; their logits are taken.

    Returns:
        As `facebias.audit.PREDICTION_COLUMNS`.

    Raises:
        FacebiasError: the file cannot be read, a column is missing, unknown or of no use, a cell is no number, an image
            is there twice, there are no faces, or no non-faces to fix a threshold with.
    """
    given = _read(path).rename(columns={"image_id": "image"})
    stem = path.name.removesuffix(".gz").rpartition(".")[0]
    name = checked_name(name or stem)
    own = _own_groups(given)
    _refuse_columns(given.drop(columns=own), path)
    score = _numbers(given, "score", path)
    label = _labels(given, path)
    images = as_text(given["image"])
    places = coded(given["dataset"]) if "dataset" in given else constant("", given.index)
    named = constant(name, given.index)
    table = pd.DataFrame(
        {
            "run_id": named,
            "model": named,
            "seed": seed,
            "image_id": images,
            "label": label,
            "dataset": _placed(places, stem, label, images),
            "score": as_logits(score, str(path)) if probability else score,
            "ita": _numbers(given, "ita", path) if "ita" in given else np.nan,
            **{column: _groups(given, column) for column in (*GROUP_COLUMNS, "age", *own)},
        },
        copy=False,
    )
    del given, images, places  # what is checked next has it all
    _refuse_one_sided(table, path)
    return validate(table.loc[:, [*PREDICTION_COLUMNS, *own]], where=path)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise FacebiasError(
            "MISSING", path, "no such file", "Name it from the working directory, or with its whole path"
        )
    kinds = path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]
    if kinds in ([".csv"], [".csv", ".gz"]):
        return _read_csv(path)
    if kinds != [".parquet"]:
        raise FacebiasError(CODE, path, f"a table of kind {path.suffix or 'unknown'!r}", "Save it as .csv or .parquet")
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"PAR1"):
        refuse_large_parquet(path)
    try:
        return read_parquet(path, plain=("image", "image_id"))
    except (OSError, ValueError) as error:
        found = f"found {found_format(head)}, expected a parquet table"
        raise FacebiasError(CODE, path, found, "Write it again") from error


def _read_csv(path: Path) -> pd.DataFrame:
    header, rows = tables.read_cells(path, ("score",))
    parts = []
    while part := list(islice(rows, STRINGS)):
        lines, cells = zip(*part, strict=True)
        columns = {
            name: pd.array(values, dtype="str") for name, values in zip(header, zip(*cells, strict=True), strict=True)
        }
        parts.append(pd.DataFrame({**columns, "_line": lines}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*header, "_line"])


def _where(given: pd.DataFrame, path: Path, row: int) -> str:
    """file:line of a CSV, file:row (from 0) of parquet."""
    return f"{path}:{given['_line'].iloc[row] if '_line' in given else row}"


def _own_groups(given: pd.DataFrame) -> list[str]:
    """In a table that facebias wrote: the groups of somebody's own data set. A stranger's may be a slip of the pen."""
    if not set(_RUN) <= set(given):
        return []
    return [str(name) for name in given if name not in (*_ADMITTED, *_RUN, "_line")]


def _refuse_columns(given: pd.DataFrame, path: Path) -> None:
    if given.empty:
        raise FacebiasError("EMPTY", path, "no rows", "Write one row an image")
    found = [column for column in given if column != "_line"]
    if missing := [column for column in _NEEDED if column not in found]:
        raise FacebiasError(
            CODE,
            path,
            f"no column {', '.join(missing)}; found {', '.join(found)}",
            f"Admitted are {', '.join(_ADMITTED)}",
        )
    if unknown := [column for column in found if column not in (*_ADMITTED, *_RUN)]:
        raise FacebiasError(
            CODE,
            path,
            f"column {', '.join(unknown)} has no meaning here",
            f"Leave it out or rename it; groups are {', '.join(GROUP_COLUMNS)}; admitted beside them "
            f"{', '.join(name for name in _ADMITTED if name not in GROUP_COLUMNS)}",
        )
    if not any(column in found for column in GROUP_COLUMNS):
        raise FacebiasError(CODE, path, "no group column", f"Add one or more of {', '.join(GROUP_COLUMNS)}")
    if "run_id" in found and (several := given["run_id"].nunique()) > 1:
        raise FacebiasError(CODE, path, f"holds {several} runs, expected one detector", "Keep one run_id")


def _groups(given: pd.DataFrame, column: str) -> pd.Series:
    """A group column, each group in one spelling; "" where the table has none."""
    codes, names = pd.factorize(as_text(given[column]) if column in given else constant("", given.index))
    counts = dict(zip(names, np.bincount(codes).tolist(), strict=True))
    spelled = one_spelling(counts, column)
    return pd.Series(pd.Categorical([spelled[name] for name in names]).take(codes), index=given.index)


def _numbers(given: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """float64; an empty cell is NaN."""
    values = given[column].replace("", np.nan)
    numbers = pd.to_numeric(values, errors="coerce")
    bad = (numbers.isna() & values.notna()) | (numbers.isna() & (column == "score")) | np.isinf(numbers)
    if bad.any():
        row = int(np.argmax(bad))
        raise FacebiasError(
            CODE,
            _where(given, path, row),
            f"{column} is {str(given[column].iloc[row])!r} ({bad.sum()} such row(s)), expected a finite number",
            "Mend or remove the row",
        )
    found: np.ndarray = numbers.to_numpy(dtype=float)
    return found


def _labels(given: pd.DataFrame, path: Path) -> np.ndarray:
    if "label" not in given:
        named = as_text(given["dataset"]) if "dataset" in given else pd.Series("", index=given.index)
        faces: np.ndarray = (named != NEGATIVES).to_numpy(dtype=np.int8)
        return faces
    labels = pd.to_numeric(given["label"], errors="coerce")
    if (bad := ~labels.isin((0, 1))).any():
        row = int(np.argmax(bad))
        raise FacebiasError(
            CODE,
            _where(given, path, row),
            f"label is {str(given['label'].iloc[row])!r} ({bad.sum()} such row(s)), expected 1 (face) or 0 (non-face)",
            "Mend or remove the row",
        )
    found: np.ndarray = labels.to_numpy(dtype=np.int8)
    return found


def _placed(places: pd.Series, else_: str, label: np.ndarray, images: pd.Series) -> pd.Series:
    """Data set of each row: non-faces that belong to neither held-out set go to one of the two, by name."""
    loose = (label == 0) & ~places.isin(HELD_OUT).to_numpy()
    halves = [HELD_OUT[hashlib.sha256(name.encode()).digest()[0] & 1] for name in images[loose]]
    known = places.cat.add_categories(sorted({else_, *HELD_OUT} - set(places.cat.categories)))
    known[known == ""] = else_
    known[loose] = pd.Categorical(halves, known.cat.categories)
    return known


def _refuse_one_sided(table: pd.DataFrame, path: Path) -> None:
    negatives = table["label"] == 0
    if not (~negatives & (table["dataset"] != "validation")).any():
        raise FacebiasError(CODE, path, "no faces to audit (rows with label 1)", "Add them")
    if not (negatives & (table["dataset"] == "validation")).any():
        held = "none of dataset validation" if negatives.any() else "none at all"
        raise FacebiasError(
            CODE,
            path,
            f"no non-faces to fix a threshold with ({held}), and recall at unequal false "
            "positive rates compares thresholds, not detectors",
            "Add the scores of images without a face, with label 0",
        )
