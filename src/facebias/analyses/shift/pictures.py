"""Pictures changed in one property at a time, and a run's scores of them.

Changes are made on packed pictures of 64 x 64. A nearer view uses their own pixels, at less detail. A wider or moved
view needs pixels that were cut away when packing: they are mirrored in, which keeps edges and colours but repeats
what is at the border. Exposure acts on linear light, as a camera's does, but on 8-bit pictures: clipped highlights
stay clipped, and shadows are coarser. Every result is stored as 8 bits again, as a picture file would be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from facebias.analyses.shift.tables import FACTORS, UNCHANGED, shift_columns
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import read_json
from facebias.core.manifest import fingerprint, manifest_path, verify
from facebias.core.progress import bar
from facebias.data.dataset import FaceDataset
from facebias.detectors.networks import logits
from facebias.training.run import PREDICTION_COLUMNS, Run
from facebias.training.score import scored_files
from facebias.training.threads import threads

SHIFT_SCHEMA = "facebias.analyses.shift.pictures/1"
_FILE = "shift.parquet"
FACES = 1500  # at most, of each data set: intervals of all faces are then within 2.5 points
_CHUNK = 512
_MARGIN = 0.25  # mirrored on each side, share of the picture: enough for the widest view and the largest offset


def change(images: Tensor, factor: str, value: float) -> Tensor:
    """The pictures with one property changed.

    Args:
        images: uint8 (N, 3, side, side) RGB.
        factor: "scale" (side of the view over the side as packed), "offset" (the face moved down, share of the
            side), "brightness" (stops) or "blur" (sigma in pixels); see `facebias.analyses.shift.tables.FACTORS`.
        value: how far.

    Returns:
        uint8, same shape.

    Raises:
        FacebiasError: an unknown factor, or a view beyond the mirrored margin.
    """
    if factor == "scale":
        return _view(images, value, 0.0)
    if factor == "offset":
        return _view(images, 1.0, value)
    if factor == "brightness":
        return _exposed(images, value)
    if factor == "blur":
        return _blurred(images, value)
    raise FacebiasError("SHIFT", factor, "no such factor", f"Use {', '.join(one.name for one in FACTORS)}")


def _view(images: Tensor, scale: float, offset: float) -> Tensor:
    size = images.shape[-1]
    margin, side, down = round(_MARGIN * size), round(scale * size), round(offset * size)
    left = margin + (size - side) // 2
    top = left - down
    if side < 1 or min(left, top) < 0 or top + side > size + 2 * margin:
        raise FacebiasError(
            "SHIFT",
            "view",
            f"scale {scale:g}, offset {offset:g} leave the mirrored margin",
            f"Stay within {1 + 2 * _MARGIN:g} and {_MARGIN:g}",
        )
    wide = transforms.pad(images, [margin] * 4, padding_mode="symmetric")
    return transforms.resized_crop(wide, top, left, side, side, [size, size], antialias=True)


def _exposed(images: Tensor, stops: float) -> Tensor:
    level = np.arange(256) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    linear = np.clip(linear * 2.0**stops, 0, 1)
    level = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return torch.from_numpy(np.rint(255 * level).astype(np.uint8))[images.int()]


def _blurred(images: Tensor, sigma: float) -> Tensor:
    taps = 2 * math.ceil(3 * sigma) + 1
    pixels = images.to(torch.float32)
    for kernel in ([taps, 1], [1, taps]):  # a Gaussian is separable: two short passes, not one of taps x taps
        pixels = transforms.gaussian_blur(pixels, kernel, [sigma, sigma])
    return pixels.round_().clamp_(0, 255).to(torch.uint8)


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
                **{name: read_json(manifest_path(path))["sha256"] for name, path in files.items()},
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


def _score(runs: Sequence[Run], config: Config, files: dict[str, object]) -> list[pd.DataFrame]:
    models = [run.model(config.device) for run in runs]
    parts: list[list[pd.DataFrame]] = [[] for _ in runs]
    changes = [(factor, value) for factor in FACTORS for value in factor.values]
    with bar(total=len(files) * (len(changes) + 1), desc="changed pictures", unit="change") as progress:
        for name, path in files.items():
            data = FaceDataset.load(path)
            rows = data.negatives if name == "validation" else _some(data.faces)
            images, columns = data.tensor()[rows], [{} for _ in runs]
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
