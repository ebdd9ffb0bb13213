"""Intervals and the null gap."""

from __future__ import annotations

import time

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from facebias.audit.intervals import (
    auc_interval,
    binomial_null_gap,
    bootstrap_rates,
    corrected_interval,
    null_gap,
    rate_interval,
    wilson,
)


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


def test_drawing_pattern_counts_equals_drawing_images():
    rng = np.random.default_rng(0)
    hits, groups = rng.random((1, 3, 40)) < 0.8, np.repeat([0, 1], 20)
    fast = bootstrap_rates(hits, groups, 2, replicates=20_000, seed=1)
    plain = np.empty((20_000, 2))
    for b in range(20_000):
        for g in (0, 1):
            drawn = hits[0][:, groups == g][:, rng.integers(0, 20, 20)].mean(axis=1)
            weights = 1 / 3 + (rng.multinomial(3, [1 / 3] * 3) / 3 - 1 / 3) * np.sqrt(3 / 2)
            plain[b, g] = drawn @ weights
    assert fast[:, 0].mean(axis=0) == pytest.approx(plain.mean(axis=0), abs=0.003)
    assert fast[:, 0].std(axis=0) == pytest.approx(plain.std(axis=0), rel=0.03)


def test_bootstrap_is_seeded_and_an_empty_group_is_undefined():
    hits, groups = np.random.default_rng(0).random((2, 3, 30)) < 0.7, np.repeat([0, 2], 15)
    one, two = (bootstrap_rates(hits, groups, 3, replicates=50, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.isnan(one[:, :, 1]).all()
    assert not np.isnan(one[:, :, [0, 2]]).any()


def test_identical_arms_differ_by_exactly_nothing():
    hits = np.repeat(np.random.default_rng(0).random((1, 3, 60)) < 0.7, 2, axis=0)
    draws = bootstrap_rates(hits, np.repeat([0, 1], 30), 2)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])


def test_a_perfect_group_is_not_certain():
    hits = np.ones((1, 3, 50), bool)
    draws = bootstrap_rates(hits, np.zeros(50, int), 1)
    low, high = rate_interval(draws[:, 0], np.array([1.0]), np.array([50]))
    assert low[0] == pytest.approx(wilson(50, 50)[0])
    assert high[0] == 1


@pytest.mark.parametrize("rates", [np.full(8, 0.85), np.linspace(0.7, 0.95, 8)], ids=["equal", "unequal"])
def test_interval_of_the_gap_covers_the_truth_where_percentiles_may_not(rates):
    rng, groups, covered, percentile = np.random.default_rng(0), np.repeat(np.arange(8), 80), [], []
    for trial in range(80):
        # an image that is hard for one seed is partly hard for all
        shared, own = rng.random(640) < rates[groups], rng.random((6, 640)) < rates[groups]
        hits = np.where(rng.random(640) < 0.3, shared, own)[None]
        estimate = np.ptp([hits[0][:, groups == g].mean() for g in range(8)])
        draws = np.ptp(bootstrap_rates(hits, groups, 8, replicates=300, seed=trial)[:, 0], axis=1)
        _, low, high = corrected_interval(draws, estimate)
        covered.append(low <= np.ptp(rates) <= high)
        percentile.append(np.quantile(draws, 0.025) <= np.ptp(rates))
    assert np.mean(covered) >= 0.85
    if np.ptp(rates) == 0:
        assert not any(percentile)


def test_null_gap_of_the_published_five_images_a_group():
    assert 100 * binomial_null_gap(0.97, np.full(4, 5)) == pytest.approx(9.8, abs=0.9)


def test_null_gap_is_what_equal_groups_show_and_ignores_a_real_one():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), 50)
    hits = rng.random((3, 200)) < np.array([0.5, 0.9, 0.9, 0.9])[groups]
    images_alone = np.repeat(hits[:1], 3, axis=0)
    pooled = binomial_null_gap(images_alone.mean(), np.full(4, 50))
    assert null_gap(images_alone, groups, 4) == pytest.approx(pooled, abs=0.02)
    assert np.isnan(null_gap(hits[:, :50], groups[:50], 4))


def test_two_thousand_replicates_of_a_study_take_seconds():
    rng = np.random.default_rng(0)
    difficulty = rng.normal(1.5, 1.5, 14 * 1100)
    hits = difficulty + rng.normal(0, 0.7, (3, 3, 14 * 1100)) > 0
    start = time.perf_counter()
    draws = bootstrap_rates(hits, np.repeat(np.arange(14), 1100), 14)
    assert draws.shape == (2000, 3, 14)
    assert time.perf_counter() - start < 10
