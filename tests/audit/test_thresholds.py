"""Thresholds from held-out negatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_tables import predictions
from facebias.audit.thresholds import FewNegatives, fix_thresholds, parse_rule, rule_text, threshold
from facebias.core.errors import FacebiasError


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=60), st.floats(0.02, 0.98))
def test_is_the_smallest_threshold_whose_share_is_at_most_the_target(scores, target):
    scores = np.array(scores, dtype=float)
    found = threshold(scores, f"fpr={target}", warn=False)
    assert np.mean(scores >= found.value) <= target + 1e-12
    assert found.rate == np.mean(scores >= found.value)
    below = np.nextafter(found.value, -np.inf)
    assert np.mean(scores >= below) > target


def test_counts_exactly_where_floating_point_would_lose_one():
    scores = np.arange(100.0)
    assert threshold(scores, "fpr=0.29").rate == 0.29  # 0.29 * 100 is 28.999999999999996


def test_tied_scores_fail_together():
    scores = np.array([5.0, 5.0, 5.0, *np.zeros(97)])
    found = threshold(scores, "fpr=0.02")
    assert found.rate == 0
    assert found.value > 5
    assert threshold(scores, "fpr=0.03").rate == 0.03


def test_too_few_negatives_are_warned_about_and_marked():
    with pytest.warns(FewNegatives, match="99 negatives are too few for fpr=0.01: 100 are needed"):
        found = threshold(np.arange(99.0), "fpr=0.01")
    assert not found.enough
    assert found.value > 98
    assert threshold(np.arange(100.0), "fpr=0.01").enough


def test_probability_one_half_is_logit_zero_and_needs_no_negatives():
    found = threshold(np.empty(0), "p=0.5")
    assert found.value == 0
    assert found.enough
    assert threshold(np.empty(0), "p=0.9").value == pytest.approx(np.log(9))


def test_refuses_unknown_rules_no_negatives_and_nan():
    for rule in ("fpr=0", "fpr=1", "p=2", "recall=0.9", "fpr", "fpr=nan"):
        with pytest.raises(FacebiasError, match="no such threshold rule"):
            parse_rule(rule)
    with pytest.raises(FacebiasError, match="no held-out negatives"):
        threshold(np.empty(0), "fpr=0.01")
    with pytest.raises(FacebiasError, match="not finite"):
        threshold(np.array([1, np.nan]), "fpr=0.01")


def test_every_run_gets_its_own_threshold_from_validation_negatives_alone():
    table = predictions()
    fixed = fix_thresholds(table, ("fpr=0.01", "p=0.5"))
    assert len(fixed) == 6 * 2
    assert fixed[fixed["rule"] == "fpr=0.01"]["threshold"].nunique() == 6
    moved = table.assign(score=table["score"] + np.where(table["dataset"] == "validation", 0, 9))
    assert fix_thresholds(moved, ("fpr=0.01", "p=0.5")).equals(fixed)


def test_rules_read_as_words():
    assert (rule_text("fpr=0.001"), rule_text("p=0.5")) == ("FPR 0.1 %", "probability 0.5")
