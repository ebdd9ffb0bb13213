"""The simulated studies have the truth that they are said to have."""

from __future__ import annotations

import interval_coverage
import numpy as np
import pytest
from interval_coverage import DOUBT, FPR, Setting


@pytest.mark.parametrize("doubt", DOUBT)
def test_faces_are_found_and_non_faces_pass_as_often_as_the_setting_says(doubt):
    rates = np.array([[0.8, 0.95], [0.85, 0.95]])
    setting = Setting(np.array([2000, 2000]), rates, seeds=60, doubt=DOUBT[doubt])
    rng = np.random.default_rng(0)
    found = (setting.margins(rng) > 0).mean(axis=1).reshape(2, 2, -1).mean(axis=2)
    assert found == pytest.approx(rates, abs=0.03)
    passed = np.mean([(setting.negatives(rng) > 0).mean() for _ in range(3)])
    assert passed == pytest.approx(FPR, rel=0.25)


def test_every_setting_can_be_simulated_and_each_share_lies_between_0_and_100():
    plan = list(interval_coverage.settings())
    kinds = {(labels["truth"], setting.arms): (labels, setting) for labels, setting in plan}
    for labels, setting in kinds.values():
        row = interval_coverage.simulated(labels, setting, 2)
        shares = np.array([value for name, value in row.items() if name not in (*labels, "studies")], dtype=float)
        assert ((shares >= 0) & (shares <= 100) | np.isnan(shares)).all()
    assert len(plan) == len({tuple(labels.values()) for labels, _ in plan})


def test_the_primary_comparison_sees_a_large_rise_and_is_made_of_two_contrasts():
    rates = np.array([[0.7, 0.96], [0.9, 0.96], [0.7, 0.96]])
    told = interval_coverage.primary(Setting(np.array([300, 800]), rates, 6, DOUBT["as measured"], arms=3), 0)
    assert told["told: primary"] == told["told: both"] == 1
