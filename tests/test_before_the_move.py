"""What was packed, trained and scored before the package was laid out anew is still found, read and scored alike.

`fixtures/before_the_move.tar.xz` was written by version 0.1.0: the packed test split of a tiny rendered study and one
run of a DB-VAE. Its weights were rounded before they were scored, so that the archive is small.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from facebias.core.profiles import profile
from facebias.data.dataset import FaceDataset
from facebias.detectors.inference import logits
from facebias.training.run import Run, list_runs

ARCHIVE = Path(__file__).parent / "fixtures" / "before_the_move.tar.xz"
RUN = "dbvae-0.01-s0-376d17e0"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_a_run_is_found_by_the_settings_that_it_was_trained_with(home):
    sizes = {"train_size": 64, "negative_size": 64, "audit_size": 24, "latents": 2, "batch_size": 8}
    config = profile("tiny", **sizes, runs_dir=str(home / "runs")).for_arm("dbvae-0.01", 0)
    assert config.run_id == RUN and Run.of(config).complete
    assert [run.id for run in list_runs(home / "runs")] == [RUN]


def test_its_settings_and_tables_are_read(home):
    run = Run(home / "runs" / RUN)
    assert run.config.arm == "dbvae-0.01" and run.config.epoch_faces == 0  # whatever the default is now
    assert run.history["epoch"].tolist() == [1]
    assert run.sampling["share"].groupby(run.sampling["grouping"]).sum().round(6).eq(1).all()
    assert len(run.sampling_faces) and run.sampling_faces["probability"].sum() == pytest.approx(1)


def test_its_weights_score_the_packed_images_as_they_did(home):
    run, data = Run(home / "runs" / RUN), FaceDataset.load(next((home / "data").glob("*-test.h5")))
    stored = run.predictions.query("dataset == 'test'")
    assert stored["image_id"].tolist() == data.table["image_id"].tolist() and stored["score"].std() > 0.01
    np.testing.assert_allclose(logits(run.model(), data.tensor()).numpy(), stored["score"], atol=1e-4)
