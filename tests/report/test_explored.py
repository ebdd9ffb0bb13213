"""The groups' dots at the threshold and the arm that a reader picks."""

from __future__ import annotations

import pandas as pd
import pytest

from audit_tables import predictions
from facebias.audit import Audit, summarise
from facebias.core.outputs import OutputFolder
from facebias.plots import FigureFolder
from facebias.report import explored
from facebias.report.explored import explored_groups

ARMS = ("cnn", "dbvae-0.001", "vae", "dbvae-0.1")


@pytest.fixture(scope="module")
def scores():
    return predictions(ARMS, seeds=2)


@pytest.fixture
def files(tmp_path):
    return FigureFolder(OutputFolder(tmp_path, "test"), synthetic=True)


def test_it_offers_the_rates_that_the_non_faces_can_fix_and_the_arms_from_even_draws_on(scores, files):
    [found] = explored_groups(Audit(scores), files)
    assert next(iter(found.choices["rate"].options)) == "0.3 %"  # of 400 non-faces one is 0.25 %
    assert list(found.choices["arm"].options.values()) == ["vae", "dbvae-0.1", "dbvae-0.001"]
    assert ("fairface", "race x gender") in found.choices["place"].options.values()
    assert not any("test" in place for place in found.choices["place"].options)


def test_it_begins_at_the_audits_own_rate_with_the_arm_that_resamples_most(scores, files):
    [found] = explored_groups(Audit(scores, fpr=0.04), files)
    assert (found.choices["rate"].start, found.choices["arm"].start) == ("4 %", "DB-VAE alpha 0.001")


def test_what_is_drawn_is_counted_anew_at_the_rate_that_was_picked(scores, files, monkeypatch):
    seen = []
    draw = explored.plots.group_recall
    monkeypatch.setattr(explored.plots, "group_recall", lambda table, *of: seen.append(table) or draw(table, *of))
    [found] = explored_groups(Audit(scores), files)
    words = found.shown(rate="5 %", arm="VAE, uniform sampling", place="FairFace, by race").words
    assert "FPR 5 %" in words and "VAE" in words
    right = summarise(scores, "fpr=0.05", (("race",), ()))
    right = right[(right["dataset"] == "fairface") & (right["metric"] == "TPR") & right["model"].isin(["cnn", "vae"])]
    pd.testing.assert_frame_equal(seen[0].reset_index(drop=True), right.reset_index(drop=True))


def test_nothing_is_written_and_one_arm_alone_has_nothing_to_be_set_beside(scores, files, tmp_path):
    [found] = explored_groups(Audit(scores), files)
    found.shown()
    assert not list(tmp_path.iterdir())
    assert explored_groups(Audit(scores[scores["model"] == "cnn"]), files) == []
