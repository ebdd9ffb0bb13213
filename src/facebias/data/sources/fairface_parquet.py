"""FairFace as the Hugging Face hub publishes it (HuggingFaceM4/FairFace): parquet files with the pictures inside.

    0.25/train-*.parquet, 0.25/validation-*.parquet, 1.25/...    columns image, age, gender, race, service_test

Mirrors call the folders margin025/ or padding025/, or data/ whatever the padding, and the pictures `file`. The padding
of data/ is told by the pictures' published sizes: 224 a side for 0.25, 448 for 1.25.

The labels are class indices, or words. Names of indices are read from the file's own "huggingface" metadata where
present, else they are those of the data set's card (`NAMES`). Pictures are read one row group at a time.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.core.label_files import label
from facebias.core.limits import damaged_parquet
from facebias.data.sources.base import Box, Crop, Sample

NAMES = {
    "age": ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70"),
    "gender": ("Male", "Female"),
    "race": ("East Asian", "Indian", "Black", "White", "Middle Eastern", "Latino_Hispanic", "Southeast Asian"),
}
_AGAIN = "Download it again"
_SPLITS = {"train": "train", "val": "validation"}
_FOLDERS = {0.25: ("0.25", "margin025", "padding025"), 1.25: ("1.25", "margin125", "padding125")}
_SIDES = {0.25: 224, 1.25: 448}
_PICTURES = ("image", "file")
_MOST = 1 << 30  # bytes of a row group's pictures, unpacked: the hub's have 50 MB


def files(folder: Path, padding: float, splits: tuple[str, ...]) -> list[Path]:
    """The parquet files of a padding and of splits ("train", "val") under `folder`, in order; perhaps none.

    Raises:
        FacebiasError: files of a folder that names no padding, whose pictures are of another size than this padding's.
    """
    patterns = [f"{name}/{{}}-*.parquet" for name in _FOLDERS[padding]]
    for pattern in [*patterns, "data/{}-*.parquet"]:
        found = [file for split in splits for file in sorted(folder.glob(pattern.format(_SPLITS[split])))]
        if found and pattern not in patterns:
            _refuse_other_padding(found[0], padding)
        if found:
            return found
    return []


def _refuse_other_padding(path: Path, padding: float) -> None:
    width, height = Image.open(io.BytesIO(picture_bytes(path, 0))).size
    if (width, height) != (_SIDES[padding],) * 2:
        raise FacebiasError(
            "SIZE",
            path,
            f"pictures of {width} x {height}; FairFace of padding {padding} has {_SIDES[padding]} x {_SIDES[padding]}",
            f"Get {padding}/*.parquet: facebias data fetch fairface",
        )


def samples(path: Path, crop: Box | float | Crop) -> Iterator[Sample]:
    """The rows of one file; `member` of each sample is its row, the first being "0".

    Raises:
        FacebiasError: not parquet, a column missing, no pictures inside, or a label that is unknown; with the row.
    """
    file = _opened(path)
    _picture_column(file, path)
    if missing := [name for name in NAMES if name not in file.schema_arrow.names]:
        raise FacebiasError(
            "PARQUET",
            path,
            f"expected columns image, age, gender, race, found {', '.join(file.schema_arrow.names)}",
            f"Add {', '.join(missing)}",
        )
    names = _names(file, path)
    row = 0
    for batch in file.iter_batches(columns=list(NAMES)):
        for labels in batch.to_pylist():
            where, image_id = f"{path}:row {row}", f"{path.name}:{row}"
            text = {key: _name(labels[key], names[key], where) for key in NAMES}
            race, gender, age = text["race"], text["gender"], text["age"]
            yield Sample(image_id, 1, image_id, where, path, str(row), crop, race, gender, age)
            row += 1


def _picture_column(file: pq.ParquetFile, path: Path) -> str:
    found = [name for name in _PICTURES if name in file.schema_arrow.names]
    kinds = [file.schema_arrow.field(name).type for name in found]
    for name, kind in zip(found, kinds, strict=True):
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return name
    raise FacebiasError(
        "PARQUET",
        path,
        f"expected a column image with the pictures' bytes, found {', '.join(file.schema_arrow.names)}",
        "Add image: get the files as the hub has them",
    )


def _name(value: int | str | None, names: tuple[str, ...], where: str) -> str:
    if isinstance(value, str):
        return label(value, names, where)
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    raise FacebiasError(
        "LABEL", where, f"unknown class {value!r}", f"Known classes are 0 to {len(names) - 1}: {', '.join(names)}"
    )


def _names(file: pq.ParquetFile, path: Path) -> dict[str, tuple[str, ...]]:
    try:
        metadata = json.loads((file.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
        features = metadata.get("info", {}).get("features", {})
        given = {key: tuple(features.get(key, {}).get("names") or ()) for key in NAMES}
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        what = f"its huggingface metadata cannot be read ({type(error).__name__})"
        raise FacebiasError("PARQUET", path, what, _AGAIN) from error
    for key, words in given.items():
        if words and not all(isinstance(word, str) for word in words):
            raise FacebiasError("PARQUET", path, f"names of {key} that are no text: {words!r:.80}", _AGAIN)
    return {key: given[key] or names for key, names in NAMES.items()}


@lru_cache(maxsize=4)
def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise FacebiasError("MISSING", path, "no such file", "Run: facebias data fetch fairface") from error
    except (pa.ArrowException, OSError) as error:
        raise damaged_parquet(path, error, _AGAIN) from error


@lru_cache(maxsize=1)
def _group(path: Path, index: int) -> pa.ChunkedArray:
    file = _opened(path)
    name, size = _picture_column(file, path), file.metadata.row_group(index).total_byte_size
    if size > _MOST:
        what = f"row group {index} unpacks to {size:,} bytes, over {_MOST:,}"
        raise FacebiasError("PARQUET", path, what, "Write it with fewer rows a group")
    try:
        return file.read_row_group(index, columns=[name])[name]
    except (pa.ArrowException, OSError) as error:
        raise damaged_parquet(path, error, _AGAIN) from error


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
                what = "no picture in this row, at most its path"
                raise FacebiasError("PARQUET", f"{path}:row {row}", what, "Get the files as the hub has them")
            return picture["bytes"]
        start += length
    raise FacebiasError("PARQUET", f"{path}:row {row}", f"the file has {start} rows", "Download the file again")
