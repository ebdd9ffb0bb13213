"""Sampling probabilities against a plain reference, and where the published formulas break."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from facebias.core.errors import FacebiasError
from facebias.training.resampling import USED, draw_rows, effective_sample_size, sampling_probabilities, share_by_group


def reference(mu: np.ndarray, alpha: float, bins: int) -> np.ndarray:
    """MIT 6.S191's rule with numpy.histogram and numpy.digitize, as published."""
    best = np.zeros(len(mu))
    for column in mu.T:
        density, edges = np.histogram(column, bins=bins, density=True)
        edges[0], edges[-1] = -np.inf, np.inf
        smooth = density + alpha
        inverse = 1 / (smooth / smooth.sum())[np.digitize(column, edges) - 1]
        best = np.maximum(best, inverse / inverse.sum())
    return best / best.sum()


@pytest.fixture(scope="module")
def mu() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((20_000, 24)).astype(np.float32)


@pytest.mark.parametrize("alpha", [0.1, 0.01, 0.001, 0.0])
def test_the_maximum_rule_equals_the_published_one(mu, alpha):
    ours, theirs = sampling_probabilities(mu, alpha), reference(mu, alpha, 10)
    close = np.isclose(ours, theirs, rtol=1e-5, atol=0)
    assert close.mean() >= 0.9999
    assert ours.dtype == np.float64
    assert abs(ours.sum() - 1) < 1e-9


@pytest.mark.parametrize(("alpha", "expected"), [(0.1, 0.990), (0.05, 0.973), (0.01, 0.855), (0.001, 0.468)])
def test_the_maximum_rule_has_the_effective_sample_sizes_measured_for_100_latents(alpha, expected):
    latents = np.random.default_rng(1).standard_normal((50_000, 100)).astype(np.float32)
    share = effective_sample_size(sampling_probabilities(latents, alpha)) / len(latents)
    assert share == pytest.approx(expected, abs=0.01)


def test_a_constant_latent_counts_as_the_published_rule_counts_it(mu):
    constant = np.column_stack([mu, np.full(len(mu), 3.0, np.float32)])
    np.testing.assert_allclose(sampling_probabilities(constant, 0.01), reference(constant, 0.01, 10), rtol=1e-5)


def test_latents_that_carry_too_little_are_as_if_they_were_not_there(mu):
    nats = np.where(np.arange(mu.shape[1]) < 5, USED, USED - 1e-9)
    used = sampling_probabilities(mu, 0.01, rule="used", nats=nats)
    np.testing.assert_array_equal(used, sampling_probabilities(mu[:, :5], 0.01))


def test_faces_are_drawn_alike_while_no_latent_carries_enough(mu):
    p = sampling_probabilities(mu, 0.01, rule="used", nats=np.zeros(mu.shape[1]))
    np.testing.assert_array_equal(p, np.full(len(mu), 1 / len(mu)))


def test_what_latents_carry_has_to_be_told_where_it_decides(mu):
    with pytest.raises(FacebiasError, match="what each latent carries"):
        sampling_probabilities(mu, 0.01, rule="used")


def test_a_latents_spread_matters_to_the_maximum_and_not_to_z_scores(mu):
    narrow = mu.copy()
    narrow[:, 0] /= 64  # a power of two: the histogram's bins hold the same faces
    for rule, alike in (("z", True), ("max", False)):
        a, b = (sampling_probabilities(one, 0.01, rule=rule) for one in (mu, narrow))
        assert np.allclose(a, b, rtol=1e-6) == alike


@pytest.mark.parametrize("rule", ["uniform", "tempered"])
def test_a_constant_latent_changes_nothing_in_a_product(mu, rule):
    constant = np.column_stack([mu, np.full(len(mu), 3.0, np.float32)])
    a, b = (sampling_probabilities(x, 0.01, rule=rule) for x in (mu, constant))
    np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("rule", ["max", "z", "product", "tempered"])
def test_latents_that_are_all_constant_give_equal_probabilities(rule):
    p = sampling_probabilities(np.ones((50, 3)), 0.01, rule=rule)
    np.testing.assert_allclose(p, 1 / 50)


def test_the_product_collapses_with_a_warning(mu):
    with pytest.warns(UserWarning, match="collapses"):
        p = sampling_probabilities(mu, 0.001, rule="product")
    assert effective_sample_size(p) < 0.01 * len(mu)
    assert abs(p.sum() - 1) < 1e-9


def test_the_product_of_few_latents_equals_the_formula_written_out():
    mu = np.random.default_rng(2).standard_normal((4000, 2))
    weight = np.ones(len(mu))
    for column in mu.T:
        density, edges = np.histogram(column, bins=10, density=True)
        index = np.clip(np.digitize(column, edges) - 1, 0, 9)
        weight /= density[index] + 0.1
    np.testing.assert_allclose(sampling_probabilities(mu, 0.1, rule="product"), weight / weight.sum(), rtol=1e-6)


@pytest.mark.parametrize("target", [0.9, 0.5, 0.1])
def test_tempered_reaches_its_effective_sample_size(mu, target):
    p = sampling_probabilities(mu, 0.01, rule="tempered", target_ess=target)
    assert effective_sample_size(p) / len(mu) == pytest.approx(target, rel=1e-3)


def test_rare_faces_are_drawn_more_often():
    mu = np.concatenate([np.random.default_rng(3).normal(0, 0.3, 990), np.full(10, 4.0)])[:, None]
    p = sampling_probabilities(mu, 0.01)
    assert p[990:].mean() > 5 * p[:990].mean()


@pytest.mark.parametrize(
    ("bad", "says"), [(np.array([[np.nan]]), "NaN"), (np.zeros(3), "shape"), (np.zeros((0, 2)), "shape")]
)
def test_latents_that_cannot_be_meant_are_refused(bad, says):
    with pytest.raises(FacebiasError, match=says):
        sampling_probabilities(bad, 0.1)


def test_an_unknown_rule_is_refused(mu):
    with pytest.raises(FacebiasError, match="unknown"):
        sampling_probabilities(mu, 0.1, rule="mean")


def test_group_shares_sum_to_one_and_sit_beside_natural_shares():
    table = pd.DataFrame({"gender": ["Female", "Female", "Male", "Male"], "skin_tone": ["dark", "", "light", "light"]})
    shares = share_by_group(np.array([0.1, 0.2, 0.3, 0.4]), table, ("gender", "skin_tone"))
    assert shares.groupby("grouping")["share"].sum().tolist() == pytest.approx([1, 1])
    male = shares.query("group == 'Male'").iloc[0]
    assert (male["n"], male["natural_share"], male["share"]) == (2, 0.5, pytest.approx(0.7))


def test_rows_past_the_limit_of_multinomial_are_drawn():
    count = 2**24 + 10
    probability = np.zeros(count)
    probability[[0, 2**24 + 5, count - 1]] = 0.25, 0.25, 0.5
    rows = draw_rows(probability, 4000, np.random.default_rng(0))
    found, times = np.unique(rows, return_counts=True)
    assert found.tolist() == [0, 2**24 + 5, count - 1]
    np.testing.assert_allclose(times / 4000, [0.25, 0.25, 0.5], atol=0.05)
