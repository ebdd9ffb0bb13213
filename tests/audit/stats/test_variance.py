"""Variance between groups, and the published numbers."""

from __future__ import annotations

import numpy as np
import pytest

from facebias.audit import group_variance, paper_bars
from facebias.audit.paper import GROUP_SIZES, paper_table, reproduction
from facebias.audit.stats.variance import corrected_variance


def test_published_bars_give_the_published_variance():
    bars = paper_bars()
    found = [group_variance(group["value"]) for _, group in bars.groupby("setting", sort=False)]
    assert found == pytest.approx([28.86, 25.42, 18.05, 9.51, 11.15], abs=0.05)
    # Table and figure of the paper disagree at alpha 0.001 alone
    assert np.abs(paper_table()["variance_percent2"] - found).gt(0.1).tolist() == [False] * 4 + [True]
    assert bars.drop_duplicates("setting").shape[0] == 5
    assert bars[bars["alpha"].isna()]["n"].sum() == 1270


def test_a_reproductions_trainings_have_its_percentages_and_its_accuracy():
    runs = reproduction()
    assert runs.groupby(["rule", "alpha"], dropna=False).size().tolist() == [5] * 13
    assert runs["training"].is_unique and runs["alpha"].isna().eq(runs["rule"] == "uniform").all()
    faces, sizes = runs.iloc[:, 3:7], np.array(list(GROUP_SIZES.values()))
    assert (faces <= sizes).all(axis=None)
    # as its own file has them: the groups' recalls, their variance, and precision, recall and accuracy of all
    for training, published in (
        ("train1_model0", [84.906, 95.572, 98.446, 99.322, 44.002, 81.658, 94.646, 86.693]),
        ("train13_model3", [83.333, 95.941, 95.855, 95.932, 39.541, 79.973, 92.756, 84.764]),
        ("train19_model1", [34.591, 48.708, 57.254, 58.983, 124.120, 91.787, 50.157, 72.835]),
    ):
        row = runs["training"] == training
        found, alarms = faces[row].to_numpy()[0], int(runs.loc[row, "false alarms"].iloc[0])
        recalls, hits = 100 * found / sizes, found.sum()
        accuracy = 100 * (hits + 1270 - alarms) / 2540
        told = [*recalls, np.var(recalls, ddof=1), 100 * hits / (hits + alarms), 100 * hits / 1270, accuracy]
        np.testing.assert_allclose(told, published, atol=6e-4)


def test_correction_takes_off_what_chance_alone_adds():
    rng = np.random.default_rng(0)
    n = np.full(4, 50)
    raw, corrected = np.array(
        [(group_variance(rates), corrected_variance(rates, n)) for rates in rng.binomial(50, 0.9, (4000, 4)) / 50]
    ).T
    assert raw.mean() == pytest.approx(1e4 * 0.9 * 0.1 / 50, rel=0.05)
    assert corrected.mean() == pytest.approx(0, abs=1.2)  # p (1 - p) / n falls short by 1 / n of itself


def test_one_group_has_no_variance():
    assert np.isnan(group_variance(np.array([0.5])))
    assert np.isnan(corrected_variance(np.array([0.5]), np.array([10])))
