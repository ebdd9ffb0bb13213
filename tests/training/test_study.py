"""A study: all arms and seeds, in one process or several, with the same result."""

from __future__ import annotations

import pandas as pd
import pytest

from facebias.audit.predictions import PREDICTION_COLUMNS
from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.training.run import Run, list_runs
from facebias.training.score import score
from facebias.training.study import plan, run_study


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return profile(
        "tiny",
        runs_dir=str(folder / "runs"),
        data_dir=str(folder / "data"),
        studies_dir=str(folder / "figures"),
        seeds=2,
    )


@pytest.fixture(scope="module")
def study(config):
    return run_study(config)


def test_every_arm_runs_with_every_seed_whole_seeds_first(config):
    assert [(c.arm, c.seed) for c in plan(config)] == [("cnn", 0), ("dbvae-0.01", 0), ("cnn", 1), ("dbvae-0.01", 1)]


def test_predictions_hold_each_image_once_a_run(study):
    table = study.predictions
    assert tuple(table.columns) == PREDICTION_COLUMNS
    assert not table.duplicated(["run_id", "dataset", "image_id"]).any()
    assert set(table["dataset"]) == {"validation", "test", "synthetic"}
    assert (table.query("dataset == 'synthetic'")["label"] == 1).all()
    assert (table.groupby("run_id").size() == len(table) / 4).all()


def test_two_processes_give_the_scores_of_one(study, config, tmp_path):
    parallel = run_study(config.with_(runs_dir=str(tmp_path / "runs"), workers=2))
    pd.testing.assert_frame_equal(study.predictions, parallel.predictions)


def test_sampling_of_all_runs_is_one_table(study):
    assert set(study.sampling["model"]) == {"cnn", "dbvae-0.01"}
    assert set(study.sampling["seed"]) == {0, 1}


def test_a_scored_run_is_not_scored_again_unless_the_audit_sets_change(study, config):
    run = study.runs[0]
    file = run.path / "predictions.parquet"
    before = file.stat().st_mtime_ns
    score(run, config)
    assert file.stat().st_mtime_ns == before
    fewer = score(run, config.with_(audit_size=48))
    assert (fewer["dataset"] == "synthetic").sum() == 48
    score(run, config)  # as the other tests expect it


def test_a_run_is_found_by_the_beginning_of_its_id(study, config):
    assert Run.find("cnn-s1", config) == study.run("cnn", 1)
    with pytest.raises(FacebiasError, match="begins 2 runs"):
        Run.find("cnn", config)
    with pytest.raises(FacebiasError, match="no run 'resnet'"):
        Run.find("resnet", config)
    assert len(list_runs(config.path("runs"))) == 4
