"""Settings of photographs that are made up: CelebA, a folder of non-faces and FairFace."""

from __future__ import annotations

from pathlib import Path

import pytest

from facebias.core.config import Config
from facebias.core.profiles import profile
from made import raw


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return profile(
        "tiny",
        train_faces="celeba",
        negatives="folder",
        audit_sets="fairface",
        data_root=str(raw(tmp_path / "raw")),
        data_dir=str(tmp_path / "packed"),
        train_size=0,
        negative_size=0,
        audit_size=0,
        crops_per_picture=2,
        validation_share=0.25,
        test_share=0.25,
    )
