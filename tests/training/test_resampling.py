"""Sampling probabilities against a plain reference, and where the published formulas break."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from facebias.core.errors import FacebiasError
from facebias.training import resampling
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


def five_largest(mu: np.ndarray, alpha: float, bins: int) -> np.ndarray:
    """The reproduction's rule: what each latent gives, normalised, in a table; the five largest of each row."""
    each = np.empty(mu.shape)
    for number, column in enumerate(mu.T):
        density, edges = np.histogram(column, bins=bins, density=True)
        edges[0], edges[-1] = -np.inf, np.inf
        inverse = 1 / (density + alpha)[np.digitize(column, edges) - 1]
        each[:, number] = inverse / inverse.sum()
    weight = np.sort(each, axis=1)[:, ::-1][:, :5].prod(axis=1)
    return weight / weight.sum()


def of_posteriors(mu: np.ndarray, sd: np.ndarray, alpha: float) -> np.ndarray:
    """The maximum rule, with every face's normal density at every other face's mean."""
    best = np.zeros(len(mu))
    for means, spreads in zip(mu.T, sd.T, strict=True):
        inverse = np.array([1 / (norm.pdf(point, means, spreads).mean() + alpha) for point in means])
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


@pytest.mark.parametrize("rule", ["max", "z", "max5", "product", "tempered"])
def test_latents_that_are_all_constant_give_equal_probabilities(rule):
    p = sampling_probabilities(np.ones((50, 3)), 0.01, rule=rule)
    np.testing.assert_allclose(p, 1 / 50)


@pytest.mark.parametrize(("rule", "latents"), [("product", 24), ("max5", 5)])
def test_a_product_collapses_with_a_warning(mu, rule, latents):
    with pytest.warns(UserWarning, match=f"over {latents} latents collapses"):
        p = sampling_probabilities(mu, 0.001, rule=rule)
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


@pytest.mark.parametrize("alpha", [0.1, 0.01, 0.001, 0.0])
@pytest.mark.parametrize("latents", [3, 8])
@pytest.mark.filterwarnings("ignore:the product")
def test_max5_equals_the_reproductions_rule_written_out(alpha, latents):
    mu = np.random.default_rng(4).standard_normal((1500, latents))
    np.testing.assert_allclose(
        sampling_probabilities(mu, alpha, rule="max5"), five_largest(mu, alpha, 10), rtol=1e-9, atol=0
    )


def test_max5_of_many_faces_is_no_product_of_zeros():
    """Five shares of a set are 1e-35 together: in float32 that is next to nothing."""
    mu = np.random.default_rng(5).standard_normal((100_000, 5)).astype(np.float32)
    p = sampling_probabilities(mu, 0.1, rule="max5")
    assert p.min() > 0 and abs(p.sum() - 1) < 1e-9 and effective_sample_size(p) > 1000


@pytest.mark.parametrize("alpha", [0.01, 0.0])
@pytest.mark.parametrize("block", [1, 1000, 10**9])
def test_gaussian_equals_all_pairs_written_out_whatever_the_block(alpha, block, monkeypatch):
    monkeypatch.setattr(resampling, "_BLOCK", block)
    rng = np.random.default_rng(6)
    mu, sd = rng.standard_normal((60, 4)), rng.uniform(0.01, 2, (60, 4))
    found = sampling_probabilities(mu, alpha, rule="gaussian", sd=sd)
    np.testing.assert_allclose(found, of_posteriors(mu, sd, alpha), rtol=1e-9)


def test_gaussian_draws_a_face_apart_more_often_and_equal_faces_alike():
    mu, sd = np.array([[0.0], [0.0], [0.1], [9.0]]), np.full((4, 1), 0.5)
    p = sampling_probabilities(mu, 0.01, rule="gaussian", sd=sd)
    assert p[3] > 2 * p[0] and p[0] == pytest.approx(p[1])
    np.testing.assert_allclose(sampling_probabilities(np.ones((50, 3)), 0, rule="gaussian", sd=np.ones((50, 3))), 0.02)


@pytest.mark.parametrize("spread", [1e-150, 1e-30, 1e30])
def test_gaussian_of_posteriors_next_to_points_or_next_to_flat_is_finite(spread):
    mu = np.random.default_rng(7).standard_normal((40, 2))
    p = sampling_probabilities(mu, 0.0, rule="gaussian", sd=np.full(mu.shape, spread))
    np.testing.assert_allclose(p, 1 / 40)  # faces alone under their peaks, or all under one plateau


@pytest.mark.parametrize(
    ("sd", "says"),
    [
        (None, "needs the posteriors' spread"),
        (np.ones((3, 1)), r"shape \(3, 1\) for means \(3, 2\)"),
        (np.array([[1, 1], [1, 0], [1, 1]]), "0, negative or not finite"),
        (np.array([[1, 1], [1, np.nan], [1, 1]]), "0, negative or not finite"),
    ],
)
def test_gaussian_without_every_spread_is_one_line(sd, says):
    with pytest.raises(FacebiasError, match=says):
        sampling_probabilities(np.zeros((3, 2)), 0.1, rule="gaussian", sd=sd)


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
