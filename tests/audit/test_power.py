"""Which change would have been seen: of a named group, and of the worst, where another may become it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from audit_tables import predictions
from facebias.audit import compare
from facebias.audit.power import extreme_power, named_power, power, power_text, told


def test_the_power_for_a_named_group_is_that_of_a_normal_test_at_5_per_cent():
    apart = np.random.default_rng(0).normal(0, 0.02, 200_000)
    for rise in (0.02, 0.05):
        wanted = norm.sf(1.96 - rise / 0.02) + norm.cdf(-1.96 - rise / 0.02)
        assert named_power(apart, rise) == pytest.approx(wanted, abs=0.01)
    assert named_power(apart, 0) == pytest.approx(0.05, abs=0.005)


def test_the_smallest_rise_is_the_one_that_four_of_five_studies_see():
    apart = np.random.default_rng(0).normal(0, 0.02, 50_000)
    found = told(lambda rise: named_power(apart, rise), most=1)
    assert found["smallest"] == pytest.approx((1.96 + 0.8416) * 0.02, abs=0.002)
    assert found["seen_5"] == named_power(apart, 0.05)
    assert np.isnan(told(lambda rise: named_power(apart, rise), most=0.05)["smallest"])  # above 100 %


def test_a_rise_of_the_worst_group_is_not_seen_where_another_becomes_the_worst():
    rng, near = np.random.default_rng(0), np.array([0.80, 0.81, 0.95])
    errors = rng.normal(0, 0.01, (4000, 2, 3))
    far = np.array([0.80, 0.95, 0.95])
    assert extreme_power(near, errors, 0, np.min, 0.1) < 0.2 < 0.95 < extreme_power(far, errors, 0, np.min, 0.1)
    assert extreme_power(far, errors, 0, np.ptp, 0.1) > 0.95
    assert extreme_power(near, errors, 0, np.min, 0.0) < 0.08


def test_the_share_of_studies_that_see_a_rise_is_the_one_that_was_told():
    """The verdict of studies with a true rise, against what the first of them without one promises."""
    where = {"penalty": 2.0, "per_cell": 60, "negatives": 600, "seeds": 4}
    promised, seen = [], []
    for trial in range(24):
        table = predictions(seed=trial, lift=0.0, **where)
        rows = power(table, groupings=(("race",),)).query(
            "dataset == 'fairface' and group == 'Black' and metric == 'TPR'"
        )
        promised.append(rows["seen_5"].iloc[0])
        risen = predictions(seed=trial + 100, lift=0.4, **where)
        row = power(risen, groupings=(("race",),)).query(
            "dataset == 'fairface' and group == 'Black' and metric == 'TPR'"
        )
        seen.append((row["low"].iloc[0] > 0, row["change"].iloc[0]))
    told_apart, change = np.array(seen, dtype=float).mean(axis=0)
    assert 0.03 < change < 0.08
    assert np.mean(promised) == pytest.approx(told_apart, abs=0.25)


def test_the_table_has_the_change_of_every_group_and_the_power_of_the_extremes():
    table = predictions(lift=1.0, seeds=3)
    rows = power(table, groupings=(("race",), ()))
    assert rows["metric"].tolist() == ["TPR", "TPR", "TPR", "worst", "gap"]
    black = rows[rows["group"] == "Black"].iloc[0]
    worst = compare(table, groupings=(("race",),)).query("metric == 'worst'").iloc[0]
    assert black["before"] == worst["before"] and black["low"] < black["change"] < black["high"]
    assert rows["seen_10"].ge(rows["seen_2"] - 0.05).all() and rows["seen_2"].between(0, 1).all()


def test_words_name_the_group_and_say_where_nothing_would_be_seen():
    rows = pd.DataFrame(
        [("TPR", "dark", 0.052), ("TPR", "light", 0.01), ("worst", "dark", np.nan), ("gap", "dark", 0.1)],
        columns=["metric", "group", "smallest"],
    )
    assert power_text(rows) == (
        "a rise of dark faces by 5.2 points would have been seen in 80 %, as a change of the worst group none, since "
        "another becomes the worst"
    )
    assert power_text(rows.assign(smallest=0.07)).endswith("in 80 %, as a change of the worst group one by 7.0")
    assert power_text(rows[:0]) == ""
