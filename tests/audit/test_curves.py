"""Recall at other false positive rates: what the report's slider moves over."""

from __future__ import annotations

import numpy as np
import pytest

from audit_tables import predictions
from facebias.audit.curves import CURVE_COLUMNS, LOW_FPRS
from facebias.audit.whole import Audit


@pytest.fixture(scope="module")
def audit() -> Audit:
    return Audit(predictions(), 0.01, "celeba")


def test_recall_by_rate_is_of_the_headlines_groups_and_of_all_faces(audit):
    told = next(found for found in audit.verdict.findings if found.sentence == audit.verdict.headline)
    table = audit.recall_by_rate
    assert tuple(table) == CURVE_COLUMNS
    assert set(table["grouping"]) == {told.grouping, "all faces"} and set(table["dataset"]) == {told.dataset}
    assert set(table["model"]) == {"cnn", "dbvae-0.01"}


def test_at_the_comparisons_rate_it_is_the_summarys_recall(audit):
    here = audit.recall_by_rate[audit.recall_by_rate["fpr"] == 0.01].dropna(subset="value")
    recall = audit.summary[audit.summary["metric"] == "TPR"]
    both = here.merge(recall, on=["model", "dataset", "grouping", "group"], validate="one_to_one")
    assert len(both) == len(here) > 4
    np.testing.assert_allclose(both["value_x"], both["value_y"])


def test_recall_never_falls_as_more_false_positives_are_allowed(audit):
    for _, rows in audit.recall_by_rate.dropna().groupby(["model", "grouping", "group"]):
        assert (rows.sort_values("fpr")["value"].diff().dropna() >= 0).all()


def test_rates_that_the_held_out_non_faces_cannot_fix_are_left_out():
    few = Audit(predictions(negatives=50), 0.01, "celeba").recall_by_rate
    assert few["fpr"].min() * 50 >= 1 and few["fpr"].max() == LOW_FPRS[-1]
    assert Audit(predictions(negatives=5), 0.05, "celeba").recall_by_rate.empty


def test_a_rate_between_those_is_among_them_where_the_audit_compares_at_it():
    assert 0.037 in set(Audit(predictions(), 0.037, "celeba").recall_by_rate["fpr"])
