"""FairFace as the Hugging Face hub publishes it (HuggingFaceM4/FairFace): parquet files with the pictures inside.

    0.25/train-*.parquet, 0.25/validation-*.parquet, 1.25/...    columns image, age, gender, race, service_test

The labels are class indices. Their names are read from the file's own "huggingface" metadata where present,
else they are those of the data set's card (`NAMES`). Pictures are read one row group at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from facebias.core.errors import FacebiasError
from facebias.data.sources.base import Box, Crop, Sample

NAMES = {
    "age": ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70"),
    "gender": ("Male", "Female"),
    "race": ("East Asian", "Indian", "Black", "White", "Middle Eastern", "Latino_Hispanic", "Southeast Asian"),
}
_SPLITS = {"train": "train", "val": "validation"}


def files(folder: Path, padding: float, splits: tuple[str, ...]) -> list[Path]:
    """The parquet files of a padding and of splits ("train", "val") under `folder`, in order; perhaps none."""
    return [file for split in splits for file in sorted(folder.glob(f"{padding}/{_SPLITS[split]}-*.parquet"))]


def samples(path: Path, crop: Box | float | Crop) -> Iterator[Sample]:
    """The rows of one file; `member` of each sample is its row, the first being "0".

    Raises:
        FacebiasError: not parquet, a column missing, or a class index without a name; with the row.
    """
    file = _opened(path)
    missing = [name for name in ("image", *NAMES) if name not in file.schema_arrow.names]
    if missing:
        raise FacebiasError(
            "PARQUET",
            path,
            f"expected columns image, age, gender, race, found {', '.join(file.schema_arrow.names)}",
            f"Add {', '.join(missing)}",
        )
    names = _names(file)
    row = 0
    for batch in file.iter_batches(columns=list(NAMES)):
        for labels in batch.to_pylist():
            where, image_id = f"{path}:row {row}", f"{path.name}:{row}"
            text = {key: _name(labels[key], names[key], where) for key in NAMES}
            race, gender, age = text["race"], text["gender"], text["age"]
            yield Sample(image_id, 1, image_id, where, path, str(row), crop, race, gender, age)
            row += 1


def _name(value: int | str | None, names: tuple[str, ...], where: str) -> str:
    if isinstance(value, str) and value in names:
        return value
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    raise FacebiasError(
        "LABEL", where, f"unknown class {value!r}", f"Known classes are 0 to {len(names) - 1}: {', '.join(names)}"
    )


def _names(file: pq.ParquetFile) -> dict[str, tuple[str, ...]]:
    metadata = json.loads((file.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
    features = metadata.get("info", {}).get("features", {})
    return {key: tuple(features.get(key, {}).get("names", ())) or names for key, names in NAMES.items()}


@lru_cache(maxsize=4)
def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise FacebiasError("MISSING", path, "no such file", "Run: facebias data fetch fairface") from error
    except pa.ArrowException as error:
        raise FacebiasError("PARQUET", path, f"not a whole parquet file ({error})", "Download it again") from error


@lru_cache(maxsize=1)
def _group(path: Path, index: int) -> pa.ChunkedArray:
    return _opened(path).read_row_group(index, columns=["image"])["image"]


def picture_bytes(path: Path, row: int) -> bytes:
    """The encoded picture in one row; neighbouring rows come from the same read.

    Raises:
        FacebiasError: no such row, or a row without a picture.
    """
    file, start = _opened(path), 0
    for index in range(file.num_row_groups):
        length = file.metadata.row_group(index).num_rows
        if row < start + length:
            picture = _group(path, index)[row - start].as_py()
            if not picture or not picture.get("bytes"):
                raise FacebiasError("PARQUET", f"{path}:row {row}", "no picture in this row", "Download the file again")
            return picture["bytes"]
        start += length
    raise FacebiasError("PARQUET", f"{path}:row {row}", f"the file has {start} rows", "Download the file again")
