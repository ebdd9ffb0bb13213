"""Numbers that readers of NIST, Fairlearn, Aequitas and of calibration look for, by the names that they have there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import equal_opportunity_difference, equal_opportunity_ratio

from audit_tables import predictions
from facebias.audit import fix_thresholds, measures, summarise
from facebias.audit.calibration import NON_FACES, calibration, expected_error, score_spread
from facebias.audit.disparities import disparities
from facebias.audit.groups import GROUPINGS
from facebias.audit.stats.extremes import over_geometric_mean
from facebias.core.errors import FacebiasError
from facebias.core.words import AGE_BINS

RACE = (("race",), ())


@pytest.fixture(scope="module")
def scored():
    return predictions()


@pytest.fixture(scope="module")
def one_seed(scored):
    return scored[(scored["seed"] == 0) & (scored["model"] == "cnn")]


def value(table, metric, model="cnn"):
    return table.query("dataset == 'fairface' and metric == @metric and model == @model")["value"].iloc[0]


def test_equal_opportunity_is_that_of_fairlearn(one_seed):
    faces = one_seed[one_seed["dataset"] == "fairface"]
    limit = fix_thresholds(one_seed, ("fpr=0.01",))["threshold"].iloc[0]
    given = {"y_true": faces["label"], "y_pred": faces["score"] >= limit, "sensitive_features": faces["race"]}
    table = measures(one_seed, groupings=(("race",),))
    for name, theirs in (("difference", equal_opportunity_difference), ("ratio", equal_opportunity_ratio)):
        assert value(table, f"equal_opportunity_{name}") == pytest.approx(theirs(**given), abs=1e-12)


def test_the_highest_miss_rate_over_the_geometric_mean():
    assert over_geometric_mean(np.array([0.1, 0.1, 0.1])) == pytest.approx(1)
    assert over_geometric_mean(np.array([0.4, 0.1])) == pytest.approx(2)
    assert over_geometric_mean(np.array([0.4, 0])) == np.inf and over_geometric_mean(np.zeros(3)) == 1
    assert np.isnan(over_geometric_mean(np.array([0.1])))


def test_the_p_value_of_a_gap_is_small_where_groups_differ_and_even_where_they_do_not(scored):
    assert value(measures(scored, groupings=(("race",),)), "gap_p") == pytest.approx(1 / 1000)
    alike = [predictions(penalty=0, seeds=1, models=("cnn",), seed=seed) for seed in range(30)]
    alike = [table.assign(score=table["score"] - 2 * table["label"]) for table in alike]  # off the ceiling
    p = np.array([value(measures(table, groupings=(("race",),)), "gap_p") for table in alike])
    assert (p < 0.05).mean() <= 0.15 and 0.3 < p.mean() < 0.75


def test_groups_are_set_against_the_largest_or_the_one_that_is_named(scored):
    table = disparities(scored, groupings=RACE, reference="White").query("dataset == 'fairface' and model == 'cnn'")
    recall = (
        summarise(scored, groupings=RACE)
        .query("dataset == 'fairface' and model == 'cnn' and grouping == 'race'")
        .set_index("group")["value"]
    )
    black = table.set_index("group").loc["Black"]
    assert black["difference"] == pytest.approx(recall["Black"] - recall["White"])
    assert black["low"] < black["difference"] < black["high"]
    assert black["recall_ratio"] == pytest.approx(recall["Black"] / recall["White"])
    assert black["miss_ratio"] == pytest.approx((1 - recall["Black"]) / (1 - recall["White"]))
    white = table.set_index("group").loc["White"]
    assert (white["difference"], white["low"], white["high"], white["recall_ratio"]) == (0, 0, 0, 1)
    more = pd.concat([scored, scored[scored["race"] == "East Asian"].assign(image_id=lambda t: t["image_id"] + "b")])
    assert set(disparities(more, groupings=RACE)["reference"]) == {"East Asian"}
    with pytest.raises(FacebiasError, match="no comparable group is called so"):
        disparities(scored, groupings=RACE, reference="Martian")


def test_score_quantiles_are_means_over_the_trainings(scored):
    table = score_spread(scored, RACE).query("model == 'cnn'")
    black = scored[(scored["race"] == "Black") & (scored["model"] == "cnn")].groupby("run_id")["score"].median().mean()
    rows = table[(table["dataset"] == "fairface") & (table["group"] == "Black")]
    assert rows["q50"].iloc[0] == pytest.approx(black, abs=1e-6) and rows["n"].iloc[0] == 80
    assert (table["group"] == NON_FACES).sum() == 1
    quantiles = table[[name for name in table if name[0] == "q" and name[1].isdigit()]].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_a_probability_that_is_right_for_all_has_next_to_no_error_and_a_shifted_group_has():
    rng, n = np.random.default_rng(0), 40_000
    parts = []
    for dataset, label, race in (("test", 0, ""), ("fairface", 1, "even"), ("fairface", 1, "late")):
        score = rng.normal(2 if label else -2, 2, n)  # log odds of the two normals at even odds: the score itself
        score = score - 2 * (race == "late")
        parts.append(pd.DataFrame({"dataset": dataset, "label": label, "race": race, "score": score}))
    table = pd.concat(parts, ignore_index=True).assign(run_id="a", model="cnn", seed=0, skin_tone="", ita=np.nan)
    table = table.assign(gender="", age="", image_id=[str(number) for number in range(len(table))])
    bins = calibration(table, (("race",),))
    error = expected_error(bins).set_index("group")["value"]
    assert error["even"] < 0.02 < 0.05 < error["late"]
    np.testing.assert_allclose(bins.groupby("group")["weight"].sum(), 1)
    assert bins["faces"].between(0, 1).all()
    assert calibration(table[table["dataset"] != "test"], (("race",),)).empty


def test_age_is_a_grouping_in_order_of_age_where_the_labels_have_bins_of_it(scored):
    assert ("age",) in GROUPINGS
    rng = np.random.default_rng(0)
    names = pd.Series(sorted(scored["image_id"].unique()))
    ages = dict(zip(names, rng.choice(["60-69", "3-9", "20-29"], len(names)), strict=True))
    aged = scored.assign(age=scored["image_id"].map(ages).where(scored["dataset"] == "fairface", ""))
    rows = summarise(aged, groupings=(("age",),)).query("metric == 'TPR' and model == 'cnn'")
    assert rows["group"].tolist() == list(AGE_BINS) and rows["age"].tolist() == list(AGE_BINS)
    assert (rows.set_index("group")["n"] > 0).sum() == 3
    years = scored.assign(age=[str(number % 90) for number in range(len(scored))])
    assert summarise(years, groupings=(("age",),)).query("metric == 'TPR'").empty
