"""Saliency per group: honest intervals, calibrated tests, regions that cover the face."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from facebias.analyses.saliency.maps import bootstrap_means, group_differences, group_means, interval
from facebias.analyses.saliency.permutation import group_tests
from facebias.analyses.saliency.regions import REGIONS, region_areas, region_map, region_shares
from facebias.analyses.saliency.shares import share_table
from facebias.analyses.saliency.stack import GRID, MapStack, pool
from facebias.audit.stats.tests import holm
from facebias.core.errors import FacebiasError
from map_stacks import BY, faces, fields, stack


# --- regions --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", [48, 64, 128])
def test_regions_are_disjoint_cover_the_image_and_mirror(side):
    found = region_map(side)
    assert set(np.unique(found)) == set(range(len(REGIONS)))
    np.testing.assert_array_equal(found, found[:, ::-1])
    assert region_areas(side).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("region", "x", "y"),
    [
        ("eyes", 0.325, 0.31),
        ("eyes", 0.675, 0.31),
        ("nose", 0.493, 0.51),
        ("mouth", 0.493, 0.72),
        ("nose", 0.5, 0.31),
        ("forehead, hair", 0.5, 0.05),
        ("cheeks, chin", 0.3, 0.55),
        ("cheeks, chin", 0.5, 0.9),
        ("background", 0.02, 0.9),
    ],
)
def test_features_of_a_tight_face_lie_in_their_regions(region, x, y):
    assert REGIONS[region_map(64)[int(64 * y), int(64 * x)]] == region


def test_a_flat_map_has_the_areas_and_a_point_has_one_region():
    point = np.zeros((64, 64))
    point[20, 20] = 5
    shares = region_shares(np.stack([np.ones((64, 64)), np.zeros((64, 64)), point]))
    np.testing.assert_allclose(shares[0], region_areas(), rtol=1e-6)
    np.testing.assert_allclose(shares[1], region_areas(), rtol=1e-6)
    assert shares[2, REGIONS.index("eyes")] == 1


# --- permutation tests ----------------------------------------------------------------------------------------------
def test_shuffled_groups_are_significant_in_five_percent():
    values, rng = pool(fields(120)), np.random.default_rng(3)
    codes, count, shuffles = np.repeat([0, 1], [80, 40]), 400, 99
    p = np.array(
        [
            group_tests(values, rng.permutation(codes), np.array([1]), shuffles=shuffles, seed=number).p[0]
            for number in range(count)
        ]
    )
    # p < .05 where at most 3 of 99 shuffles are as large: exactly 4 % under the null hypothesis
    low, high = binom.ppf([0.001, 0.999], count, 0.04)
    assert low <= (p < 0.05).sum() <= high
    assert abs(np.mean(p <= 0.5) - 0.5) < 0.1


def test_a_planted_difference_is_found_where_it_is():
    values = pool(fields(120))
    codes = np.repeat([0, 1, 2], 40)
    values[codes == 2, 37] += 2 * values[:, 37].std()
    found = group_tests(values, codes, np.array([0, 1, 2]), shuffles=499)
    assert found.p[2] == 1 / 500
    assert np.argmax(found.effect[2]) == 37
    assert np.abs(found.effect[2, 37]) == found.peak[2] > found.critical[2]


def test_saliency_that_lies_elsewhere_moves_more_than_by_chance():
    values, codes = pool(fields(120)), np.repeat([0, 1], 60)
    values[codes == 1, :128] *= 3
    found = group_tests(values, codes, np.array([1]), shuffles=99)
    assert found.moved[0] > 1.4 * found.moved_by_chance[0] > 0


def test_effects_and_moved_shares_are_what_they_are_defined_as():
    values, codes = pool(fields(60)), np.repeat([0, 1, 2], 20)
    found = group_tests(values, codes, np.array([1]), shuffles=9)
    inside, outside = values[codes == 1].mean(axis=0), values[codes != 1].mean(axis=0)
    np.testing.assert_allclose(found.effect[0], (inside - outside) / values.std(axis=0), rtol=1e-3, atol=1e-5)
    assert found.moved[0] == pytest.approx(np.abs(inside / inside.sum() - outside / outside.sum()).sum() / 2, rel=1e-3)


def test_the_largest_difference_does_not_depend_on_the_scale_of_cells():
    values, codes = pool(fields(60)), np.repeat([0, 1], 30)
    scaled = values * np.linspace(1, 50, GRID * GRID, dtype=np.float32)
    assert (
        group_tests(values, codes, np.array([1]), shuffles=99).p
        == group_tests(scaled, codes, np.array([1]), shuffles=99).p
    )


def test_constant_cells_and_maps_alike_have_no_difference():
    found = group_tests(np.ones((20, 4)), np.repeat([0, 1], 10), [0, 1], shuffles=19)
    np.testing.assert_array_equal(found.effect, 0)
    np.testing.assert_array_equal(found.p, 1)


def test_holm_multiplies_the_smallest_and_passes_untested_groups():
    np.testing.assert_allclose(holm(np.array([0.01, np.nan, 0.04, 0.03])), [0.03, np.nan, 0.06, 0.06])
    assert np.isnan(holm(np.array([np.nan]))).all()


# --- means and shares -----------------------------------------------------------------------------------------------
def test_means_are_over_faces_and_seeds_with_margins_and_small_groups_without_map():
    found, table = stack(), faces()
    means = group_means(found, BY, replicates=200)
    assert set(means.table["grouping"]) == {"race x gender", "race", "gender", "all faces"}
    mine = means.table[(means.table["model"] == "cnn") & (means.table["group"] == "Black · Female")]
    rows = np.flatnonzero((table["race"] == "Black") & (table["gender"] == "Female"))
    wanted = np.mean([fields(len(table), seed)[rows].mean(axis=0) for seed in (0, 1)], axis=0)
    np.testing.assert_allclose(means.maps[mine.index[0]], wanted, rtol=1e-4)
    assert mine["value"].iloc[0] == pytest.approx(256 * wanted.mean(), rel=1e-4)
    small = means.table["small"].to_numpy()
    assert set(means.table.loc[small, "group"]) == {"White · Female"}
    np.testing.assert_array_equal(np.isnan(means.maps).all(axis=(1, 2)), small)
    inside = (means.low <= means.high).all() and (means.table["low"] <= means.table["value"]).all()
    assert inside and (means.table["value"] <= means.table["high"]).all()
    csv = means.cells()
    assert len(csv) == (~small).sum() and sum(name[0] == "r" and name[3:4] == "c" for name in csv) == GRID**2
    assert float(csv["r00c00"].iloc[0]) == pytest.approx(pool(means.maps)[0, 0], rel=5e-3)
    assert csv["half_width"].iloc[0] == pytest.approx(np.median(means.high[0] - means.low[0]) / 2, rel=5e-3)


def test_intervals_cover_the_mean_of_faces_nearly_as_often_as_they_say():
    rng, hits = np.random.default_rng(0), 0
    for trial in range(200):
        values = np.repeat(rng.standard_normal((1, 1, 50, 1)), 2, axis=1) + 1
        low, high = interval(bootstrap_means(values, replicates=300, seed=trial))
        hits += bool(low[0, 0] <= 1 <= high[0, 0])
    assert binom.ppf(0.001, 200, 0.93) <= hits <= binom.ppf(0.999, 200, 0.96)


def test_seeds_that_disagree_widen_the_interval():
    alike = np.ones((1, 3, 40, 1)) + np.random.default_rng(1).normal(0, 0.1, (1, 1, 40, 1))
    apart = alike + np.array([-1.0, 0, 1])[None, :, None, None]
    widths = [float(np.diff(interval(bootstrap_means(values)), axis=0).item()) for values in (alike, apart)]
    assert widths[1] > 5 * widths[0]


def test_differences_test_large_groups_alone_and_outline_what_was_planted():
    found = stack(planted=lambda table: table["race"] == "Black")
    result = group_differences(found, BY, shuffles=299)
    table = result.table.set_index(["model", "group"])
    assert np.isnan(table.loc[("cnn", "White · Female"), "p"])
    assert table.loc[("cnn", "Black"), "p_holm"] == pytest.approx(2 / 300)
    number = int(np.flatnonzero((result.table["group"] == "Black") & (result.table["model"] == "cnn"))[0])
    planted = np.zeros((GRID, GRID), bool)
    planted[:4, 4:8] = True
    assert result.notable[number][planted].all()
    assert result.maps[number][planted].min() > 0
    assert table.loc[("cnn", "Black"), "others"] == (faces()["race"] == "White").sum()


def test_a_paired_change_between_arms_is_sharper_than_the_arms():
    table = faces()
    base = [fields(len(table), seed) for seed in (0, 1)]
    brighter = [array * np.where(region_map() == REGIONS.index("eyes"), 1.1, 1) for array in base]
    both = MapStack.of(
        "fairface",
        "raw",
        table,
        [*(("cnn", seed, base[seed]) for seed in (0, 1)), *(("dbvae-0.001", seed, brighter[seed]) for seed in (0, 1))],
    )
    shares = share_table(both, BY, replicates=200)
    row = shares[
        (shares["model"] == "dbvae-0.001") & (shares["grouping"] == "all faces") & (shares["region"] == "eyes")
    ].iloc[0]
    assert row["change_low"] > 0
    assert row["change_high"] - row["change_low"] < (row["high"] - row["low"]) / 3
    assert shares[shares["model"] == "cnn"]["change"].isna().all()
    sums = shares.groupby(["model", "grouping", "group"])["value"].sum()
    np.testing.assert_allclose(sums, 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([("cnn", 0, np.ones((3, 64, 64)))], "for 4 faces"),
        ([("cnn", 0, np.ones((4, 60, 60)))], "multiples of 16"),
        ([("cnn", 0, np.ones((4, 64, 64))), ("cnn", 0, np.ones((4, 64, 64)))], "given twice"),
        (
            [("cnn", 0, np.ones((4, 64, 64))), ("cnn", 1, np.ones((4, 64, 64))), ("vae", 0, np.ones((4, 64, 64)))],
            "paired",
        ),
        ([], "0 trainings"),
    ],
)
def test_maps_that_do_not_pair_are_refused(maps, message):
    with pytest.raises(FacebiasError, match=message):
        MapStack.of("fairface", "raw", faces(4), maps)


def test_an_unknown_grouping_is_refused():
    unknown = faces().assign(race="")
    with pytest.raises(FacebiasError, match="unknown for every face"):
        group_means(stack(table=unknown, seeds=(0,)), BY)
