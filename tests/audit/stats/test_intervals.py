"""Intervals and the null gap."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from facebias.audit.stats.intervals import (
    auc_interval,
    binomial_null_gap,
    corrected_interval,
    null_gaps,
    rate_interval,
    wilson,
)
from facebias.audit.stats.noise import Noise


def test_wilson_is_that_of_statsmodels_inside_zero_and_one_and_undefined_for_no_images():
    low, high = wilson(np.array([0, 3, 10, 0]), np.array([10, 10, 10, 0]))
    assert (low[1], high[1]) == pytest.approx(proportion_confint(3, 10, method="wilson"))
    assert low[0] == 0
    assert high[2] == 1
    assert np.isnan([low[3], high[3]]).all()


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
def test_wilson_covers_the_truth_about_as_often_as_it_says(rate):
    count = np.random.default_rng(0).binomial(80, rate, 20_000)
    low, high = wilson(count, np.full(20_000, 80))
    assert 0.93 <= np.mean((low <= rate) & (rate <= high)) <= 0.975


def test_auc_interval_keeps_a_width_at_one_and_covers():
    low, high = auc_interval(1.0, 30, 500)
    assert high == pytest.approx(1)
    assert 0.8 < low < 0.99
    rng, covered = np.random.default_rng(0), []
    for _ in range(300):
        positives, negatives = rng.normal(2, 1, 60), np.sort(rng.normal(0, 1, 200))
        auc = np.searchsorted(negatives, positives).mean() / 200
        low, high = auc_interval(auc, 60, 200)
        covered.append(low <= 0.92135 <= high)  # Phi(2 / sqrt 2)
    assert 0.92 <= np.mean(covered) <= 1
    assert np.isnan(auc_interval(np.nan, 0, 500)[0])


def test_a_rate_that_all_seeds_agree_on_has_wilsons_interval():
    hits, codes = np.repeat(np.arange(80)[None] >= 9, 3, axis=0), np.zeros(80, int)
    noise = Noise.of([hits], codes, 1)
    low, high = rate_interval(noise.rates[0], noise.variance[0] * 79 / 80, np.array([1e9]), noise.n)
    assert [low[0], high[0]] == pytest.approx(np.ravel(wilson(71, 80)), rel=1e-6)


def test_a_perfect_group_is_not_certain_and_an_empty_one_is_undefined():
    low, high = rate_interval(np.array([1.0, np.nan]), np.array([0.0, np.nan]), np.array([1e9, 49]), np.array([50, 0]))
    assert low[0] == pytest.approx(wilson(50, 50)[0], rel=1e-6)
    assert high[0] == 1
    assert np.isnan([low[1], high[1]]).all()


def test_a_change_is_corrected_for_its_bias_and_half_of_it_is_doubt():
    draws = np.random.default_rng(0).normal(0.05, 0.01, 40_000)  # replicates lie 0.02 above what was observed
    value, low, high = corrected_interval(draws, 0.03)
    assert value == pytest.approx(0.01, abs=2e-4)
    assert (high - low) / 2 == pytest.approx(1.96 * np.hypot(0.01, 0.01), rel=0.02)


def test_null_gap_of_the_published_five_images_a_group():
    assert 100 * binomial_null_gap(0.97, np.full(4, 5)) == pytest.approx(9.8, abs=0.9)


def test_null_gap_is_what_equal_groups_show_and_ignores_a_real_one():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), 50)
    hits = rng.random((3, 200)) < np.array([0.5, 0.9, 0.9, 0.9])[groups]
    images_alone = np.repeat(hits[:1], 3, axis=0)
    pooled = binomial_null_gap(images_alone.mean(), np.full(4, 50))
    assert null_gaps(images_alone, groups, 4).mean() == pytest.approx(pooled, abs=0.02)
    assert np.isnan(null_gaps(hits[:, :50], groups[:50], 4)).all()


def test_where_every_image_is_a_hit_the_doubt_of_thresholds_widens_the_interval_by_its_own_size():
    rate, n = np.array([1.0, 1.0, 1.0]), np.array([500, 500, 500])
    low, high = rate_interval(rate, np.array([0.0, 1e-6, 1e-4]), np.full(3, 20.0), n)
    assert (high == 1).all() and low[0] == low[1] > low[2]
    assert low[0] > 0.99 and low[2] > 0.94  # a threshold that moves a rate by a point
