"""Means of a benchmark with intervals over seeds and images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from facebias.saliency.benchmarks import rows


def test_intervals_cover_the_true_mean_about_as_often_as_they_say():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(60):
        values = rng.normal(size=(1, 40, 1))
        low, high = rows.Bootstrap(1, 40).interval(values)
        hits += low[0] <= 0 <= high[0]
    assert 50 <= hits <= 60


def test_seeds_that_differ_widen_the_interval_of_all_seeds():
    image = np.random.default_rng(0).normal(size=40)
    same = np.stack([image, image, image])[..., None]
    apart = same + np.array([-1, 0, 1]).reshape(3, 1, 1)
    (low, high), (far_low, far_high) = (rows.Bootstrap(3, 40).interval(values) for values in (same, apart))
    assert far_high - far_low > 2 * (high - low)


def test_rows_of_groups_and_seeds_have_their_own_means_and_leave_undefined_values_out():
    values = np.array([[1.0, 3.0, np.nan], [5.0, 7.0, 9.0]])[..., None]
    groups = rows.members(pd.Series(["b", "a", ""]), 3)
    table = rows.table(rows.summarise(values, [4, 5], groups, {"method": "m"}, [{"k": 1.0}]))
    found = {(row.group, row.seed): (row.n, row.mean) for row in table.rename(columns={"mean": "mean"}).itertuples()}
    assert found[("all", "4")] == (2, 2.0) and found[("all", "5")] == (3, 7.0) and found[("all", "all")] == (2, 4.5)
    assert found[("a", "all")] == (1, 5.0) and found[("b", "all")] == (1, 3.0)
    assert list(table) == list(rows.COLUMNS) and len(table) == 5  # a group has no rows of single seeds


def test_the_interval_of_a_share_ends_at_1():
    hits = np.ones((3, 40, 1))
    hits[0, :4] = 0
    (*_, wide), (*_, cut) = (
        rows.summarise(hits, [0, 1, 2], rows.members(None, 40), {}, [{}], share=share) for share in (False, True)
    )
    assert wide["high"] > 1 == cut["high"] and wide["low"] == cut["low"]


def test_the_area_is_a_mean_height():
    assert rows.area(np.array([2.0, 2.0, 2.0]), (1.0, 2.0, 10.0)) == pytest.approx(2)
    assert rows.area(np.array([0.0, 1.0, 1.0]), (0.0, 2.0, 10.0)) == pytest.approx(0.9)
