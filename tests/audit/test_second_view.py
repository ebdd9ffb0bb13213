"""Thresholds of either half of the non-faces, and whether both come to the same conclusions."""

from __future__ import annotations

import pandas as pd
import pytest

from audit_tables import predictions
from facebias.audit import compare, verdict
from facebias.audit.decisions import Decisions
from facebias.audit.second_view import both_views, swapped

RACE = (("race",),)


@pytest.fixture(scope="module")
def scored():
    return predictions(lift=2.0, negatives=2000, seeds=6)


def test_the_other_view_is_the_comparison_with_the_non_faces_in_each_others_place(scored):
    both = both_views(Decisions(scored, "fpr=0.01"), "cnn", RACE)
    other = compare(swapped(scored), groupings=RACE)
    pd.testing.assert_series_equal(both["other_change"], other["change"], check_names=False)
    pd.testing.assert_frame_equal(both[list(other)], compare(scored, groupings=RACE))
    assert set(both["agrees"]) <= {"yes", "no"} and (both.query("metric == 'worst'")["agrees"] == "yes").all()


def test_a_change_that_one_half_alone_shows_does_not_agree(scored):
    easy = (scored["model"] != "cnn") & (scored["label"] == 0) & (scored["dataset"] == "validation")
    both = both_views(Decisions(scored.assign(score=scored["score"] - 3 * easy), "fpr=0.01"), "cnn", RACE)
    assert (both.query("metric == 'FPR'")["agrees"] == "no").all()


def test_the_verdict_counts_those_that_agree(scored):
    lines = verdict(scored, groupings=RACE).cautions
    assert any(line.startswith("With thresholds that the test non-faces fix instead, 2 of 2 changes") for line in lines)


def test_without_test_non_faces_there_is_one_view(scored):
    alone = scored[(scored["dataset"] != "test") | (scored["label"] == 1)]
    both = both_views(Decisions(alone, "fpr=0.01"), "cnn", RACE)
    assert (both["agrees"] == "").all() and both["other_low"].isna().all()
    assert not any("test non-faces fix" in line for line in verdict(alone, groupings=RACE).cautions)
