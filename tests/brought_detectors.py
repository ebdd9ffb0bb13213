"""Detectors as others would bring them: a function, stored programs and tables."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from facebias.core.errors import FacebiasError

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), np.uint8)


def brightness(images):
    return images.mean((1, 2, 3))


def one_line(error: pytest.ExceptionInfo[FacebiasError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def scripted(model, path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.jit.script(model).save(path)
    return str(path)


def exported(model, path: Path, *, batch: bool = True) -> str:
    example = (torch.rand(2, 3, 64, 64).to(memory_format=torch.channels_last),)
    shapes = ({0: torch.export.Dim("n")},) if batch else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.export.save(torch.export.export(model, example, dynamic_shapes=shapes), path)
    return str(path)


def table(tmp_path, frame: pd.DataFrame, name: str = "theirs.csv") -> Path:
    path = tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return path


def rows(faces: int = 120, negatives: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = faces + negatives
    label = np.repeat([1, 0], [faces, negatives])
    return pd.DataFrame(
        {
            "image": [f"{i}.jpg" for i in range(n)],
            "label": label,
            "score": np.where(label, 3, -3) + rng.normal(0, 1, n),
            "race": np.where(label, rng.choice(["Black", "White"], n), ""),
        }
    )
