"""What false alarms consist of: kinds of non-faces, counted in each split and arm."""

from __future__ import annotations

import numpy as np
import pytest

from facebias.audit.thresholds import fix_thresholds
from facebias.core.words import HELD_OUT
from facebias.data.dataset import FaceDataset
from facebias.data.describe import kinds_of_negatives
from facebias.data.pack import pack_training
from facebias.report.negatives import negatives_by_kind
from facebias.training.study import run_study


@pytest.fixture
def study(tiny):
    return run_study(tiny.with_(hard_share=0.5, fpr=0.2, seeds=2))


def test_kinds_are_counted_once_and_false_alarms_over_seeds(study):
    table, predictions = negatives_by_kind(study), study.predictions
    files, fixed = (
        pack_training(study.config),
        fix_thresholds(predictions, (study.rule,)).set_index("run_id")["threshold"],
    )
    for split in HELD_OUT:
        data = FaceDataset.load(files[split])
        mine = table[(table["dataset"] == split) & (table["model"] == "cnn")].set_index("kind")
        assert mine["n"].to_dict() == kinds_of_negatives(data).value_counts().to_dict()
        np.testing.assert_allclose(mine[["share", "share_of_alarms"]].sum(), 1, atol=1e-5)
        rows = predictions.query("dataset == @split and label == 0 and model == 'cnn'")
        alarms = (rows["score"] >= rows["run_id"].map(fixed)).mean()
        assert (mine["false_alarms"] * mine["share"]).sum() == pytest.approx(alarms, abs=1e-5)
    assert {"upside down", "skin colour"} <= set(table["kind"]) and (table["seeds"] == 2).all()
