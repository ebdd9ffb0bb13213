"""Evidence beyond intervals: p-values, signal detection, moved thresholds, and Fairlearn's frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, ttest_1samp
from statsmodels.stats.multitest import multipletests

from audit_tables import predictions
from facebias import audit
from facebias.audit.moved_threshold import moved_threshold
from facebias.audit.rates import detection_rows
from facebias.audit.stats.tests import holm, interval_p
from facebias.core.errors import FacebiasError


@pytest.fixture(scope="module")
def table():
    return predictions(models=("cnn", "dbvae-0.01", "vae"), seeds=6)


def test_the_p_value_of_an_interval_is_that_of_the_test_that_made_it():
    change = np.array([0.3, 0.1, 0.25, 0.2, -0.05, 0.4])
    test = ttest_1samp(change, 0)
    assert interval_p(*test.confidence_interval(0.95), len(change)) == pytest.approx(test.pvalue)


@pytest.mark.parametrize(("low", "high"), [(0.01, 0.2), (-0.2, -0.01), (-0.01, 0.2), (-0.2, 0.01)])
def test_it_is_under_five_percent_where_the_interval_excludes_zero(low, high):
    for seeds in (2, 6, 10):
        assert (interval_p(low, high, seeds) < 0.05) == (low * high > 0)


def test_one_seed_says_nothing_and_no_change_says_one():
    assert np.isnan(interval_p(0.1, 0.2, 1)) and np.isnan(interval_p(np.nan, np.nan, 6))
    assert interval_p(0.0, 0.0, 6) == 1 and interval_p(0.1, 0.1, 6) == 0


def test_holm_adjusts_over_the_arms_of_one_comparison_alone():
    table = pd.DataFrame({"set": ["a", "a", "b"], "p": [0.01, 0.04, 0.04]})
    np.testing.assert_allclose(table.groupby("set")["p"].transform(holm), [0.02, 0.04, 0.04])


def test_holm_is_that_of_statsmodels_bit_by_bit_and_skips_what_was_not_tested():
    rng = np.random.default_rng(0)
    for size in (1, 2, 11, 40):
        p = rng.integers(1, 65, size) / 64  # ties, as an exact test gives them
        np.testing.assert_array_equal(holm(p), multipletests(p, method="holm")[1])
    np.testing.assert_array_equal(holm([np.nan, 0.5]), [np.nan, 0.5])


def test_changes_carry_the_p_value_of_their_interval_and_the_adjusted_one(table):
    changes = audit.compare(table)
    known = changes.dropna(subset=["change"])
    assert ((known["p"] < 0.05) == known["distinguishable"]).all() and known["p"].between(0, 1).all()
    assert (known["p_holm"] >= known["p"] - 1e-12).all()


def test_sensitivity_and_criterion_equal_the_formulas_written_out(table):
    report = audit.group_report(table)
    by = {"run_id": "cnn-s0", "dataset": "fairface", "rule": "fpr=0.01"}
    recall, found, bias = (report.select(by=("race",), metric=name, **by) for name in ("TPR", "d_prime", "criterion"))
    alarm = report.select(run_id="cnn-s0", rule="fpr=0.01", metric="FPR").iloc[0]
    z = norm.ppf([(r * n + 0.5) / (n + 1) for r, n in zip(recall["value"], recall["n"], strict=True)])
    noise = norm.ppf((alarm["value"] * alarm["n"] + 0.5) / (alarm["n"] + 1))
    np.testing.assert_allclose(found["value"], z - noise, atol=1e-12)
    np.testing.assert_allclose(bias["value"], -(z + noise) / 2, atol=1e-12)
    assert (found["low"] < found["value"]).all() and (found["value"] < found["high"]).all()


def test_a_group_without_a_miss_has_a_finite_sensitivity_and_an_empty_one_has_none():
    recall = pd.DataFrame({"run_id": "a", "rule": "r", "value": [1.0, np.nan], "n": [50, 0]})
    alarms = pd.DataFrame({"run_id": ["a"], "rule": ["r"], "value": [0.0], "n": [100]})
    rows = detection_rows(recall, alarms).query("metric == 'd_prime'")
    assert np.isfinite(rows["value"].iloc[0]) and np.isnan(rows["value"].iloc[1])


def shifted(shift: float) -> pd.DataFrame:
    """Two groups 2.0 and 2.6 standard deviations above the non-faces, all scores moved by `shift`."""
    quantiles = norm.ppf((np.arange(4000) + 0.5) / 4000)
    sets = [
        ("validation", 0, "", 0.0),
        ("test", 0, "", 0.0),
        ("fairface", 1, "Black", 2.0),
        ("fairface", 1, "White", 2.6),
    ]
    parts = [
        pd.DataFrame({"dataset": name, "label": label, "race": race, "score": quantiles + mean + shift})
        for name, label, race, mean in sets
    ]
    frame = pd.concat(parts, ignore_index=True)
    fixed = {"run_id": "m-s0", "model": "m", "seed": 0, "skin_tone": "", "ita": np.nan, "gender": "", "age": ""}
    return frame.assign(image_id=[str(number) for number in range(len(frame))], **fixed)


def test_a_moved_threshold_changes_the_gap_at_p_half_and_leaves_it_at_a_matched_false_positive_rate():
    gaps = {}
    for shift in (-1.5, -0.5):
        for rule in ("p=0.5", "fpr=0.01"):
            measures = audit.measures(shifted(shift), rule, (("race",),))
            gaps[shift, rule] = 100 * measures.set_index("metric").loc["gap", "value"]
    assert abs(gaps[-1.5, "p=0.5"] - gaps[-0.5, "p=0.5"]) > 5
    assert abs(gaps[-1.5, "fpr=0.01"] - gaps[-0.5, "fpr=0.01"]) < 0.5


def test_a_gain_that_is_a_moved_threshold_is_explained_by_moving_the_baselines():
    baseline, arm = shifted(-1.5), shifted(-0.5)
    both = pd.concat([baseline.assign(model="cnn", run_id="cnn-s0"), arm.assign(model="arm", run_id="arm-s0")])
    rows = moved_threshold(both, "cnn", (("race",),))
    assert (rows["after"] - rows["before"] > 0.05).any()
    np.testing.assert_allclose(rows["moved"], rows["after"], atol=0.005)


def test_the_frame_for_fairlearn_agrees_with_the_report(table):
    report = audit.group_report(table)
    frame = report.metric_frame("cnn", 0, "fairface", ("race", "gender"))
    ours = report.select(by=("race", "gender"), run_id="cnn-s0", dataset="fairface", rule="fpr=0.01", metric="TPR")
    ours = ours[ours["n"] > 0].set_index(["race", "gender"])
    theirs = frame.by_group.loc[ours.index]
    np.testing.assert_allclose(theirs["recall"].astype(float), ours["value"], atol=1e-12)
    np.testing.assert_array_equal(theirs["count"], ours["n"])


def test_a_frame_of_a_run_that_is_not_there_is_refused(table):
    with pytest.raises(FacebiasError, match="no faces of it were scored"):
        audit.group_report(table).metric_frame("cnn", 99, "fairface")
