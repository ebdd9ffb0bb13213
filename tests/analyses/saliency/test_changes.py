"""Two arms side by side and layer by layer: exact sign flips, distances against seeds, terms that add up to logits."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom

from drawn import fits, texts
from facebias.analyses.saliency.changes import group_changes, sign_flips
from facebias.analyses.saliency.plots_changes import saliency_beside
from facebias.analyses.saliency.stack import GRID, MapStack
from facebias.analyses.saliency.terms import TermStack, term_table
from facebias.core.errors import FacebiasError
from map_stacks import BY, faces, fields, stack


def arms(seeds, planted):
    """Two arms whose every seed has a field of its own; the second looks more at the upper left corner."""
    table, maps = faces(80, 10), []
    for number, arm in enumerate(("cnn", "dbvae-0.001")):
        for seed in range(seeds):
            array = np.ones((len(table), 64, 64), np.float32) + 0.03 * fields(1, 10 * number + seed)
            array[:, :16, :16] += planted * number
            maps.append((arm, seed, array))
    return MapStack.of("fairface", "raw", table, maps)


def test_six_seeds_find_a_planted_change_and_outline_its_cells_alone():
    found = group_changes(arms(6, 2), BY)
    change = found.table[found.table["model"] == "change"]
    tested = change[~change["small"]]
    assert (tested["p"] == 2 / 64).all() and (tested["moved"] > 2 * tested["moved_by_seed"]).all()
    for row in tested.index:
        assert found.notable[row][:4, :4].all() and found.maps[row][:4, :4].min() > 0
    assert not found.notable[found.table["model"] != "change"].any()


@pytest.mark.parametrize("seeds", [1, 3])
def test_few_seeds_can_never_be_significant(seeds):
    found = group_changes(arms(seeds, 5), BY)
    assert found.table["p"].min() >= 2 / 2**seeds and not found.notable.any()
    assert found.table["moved_by_seed"].isna().all() == (seeds == 1)


def test_sign_flips_are_exact_where_nothing_differs():
    rng, hits = np.random.default_rng(3), 0
    for _ in range(300):
        p, beyond = sign_flips(rng.standard_normal((6, 20)))
        assert beyond.any() == (p < 0.05)
        hits += p < 0.05
    assert binom.ppf(0.001, 300, 2 / 64) <= hits <= binom.ppf(0.999, 300, 2 / 64)


def test_many_seeds_draw_sign_patterns_that_a_seed_repeats():
    changes = np.random.default_rng(0).standard_normal((14, 5)) + 2
    p, beyond = sign_flips(changes, seed=1)
    assert p == sign_flips(changes, seed=1)[0] <= 0.002 and beyond.all()


def test_maps_are_over_their_own_mean_and_distances_are_shares():
    maps = stack()
    found = group_changes(maps, BY)
    drawn = found.maps[~np.isnan(found.maps).all(axis=(1, 2))]
    np.testing.assert_allclose(drawn[0::3].mean(axis=(1, 2)), 1, rtol=1e-4)
    np.testing.assert_allclose(drawn[2::3], drawn[1::3] - drawn[0::3], atol=1e-5)
    everyone = found.table[(found.table["group"] == "all faces") & (found.table["model"] == "change")].iloc[0]
    share = maps.cells / maps.cells.sum(axis=-1, keepdims=True)
    mean = share.mean(axis=2)  # (arms, seeds, cells)
    moved = np.mean([np.abs(mean[1, s] - mean[0, s]).sum() / 2 for s in (0, 1)])
    seeds = np.mean([np.abs(a - b).sum() / 2 for arm in mean for a, b in combinations(arm, 2)])
    assert everyone["moved"] == pytest.approx(moved, rel=1e-4)
    assert everyone["moved_by_seed"] == pytest.approx(seeds, rel=1e-4)


def test_small_groups_have_no_map_and_margins_are_left_out():
    found = group_changes(stack(), BY)
    assert set(found.table["grouping"]) == {"race x gender", "all faces"}
    small = found.table["small"].to_numpy()
    assert small.any() and np.isnan(found.maps[small]).all() and found.table.loc[small, "p"].isna().all()


def test_the_figure_has_both_arms_and_says_what_the_seeds_can_tell():
    few, many = (saliency_beside(group_changes(arms(seeds, 2), BY)) for seeds in (3, 6))
    assert "With 3 seeds no test" in texts(few) and "6 are needed" in texts(few)
    shown = texts(many)
    for expected in ("CNN", "DB-VAE", "difference", "Black\nFemale", "all faces", "p = .031", "no map"):
        assert expected in shown
    assert fits(many) and fits(few)


def test_a_figure_of_small_groups_alone_is_refused():
    found = group_changes(arms(3, 0), BY)
    found.maps[:] = np.nan
    with pytest.raises(FacebiasError, match="30 faces"):
        saliency_beside(found)


def test_terms_of_every_group_add_up_to_its_logit():
    table = faces()
    terms = np.random.default_rng(0).standard_normal((2, len(table), 3))
    found = term_table(
        TermStack("fairface", table, ("cnn",), (0, 1), terms, {"input": True, "a": True, "head": False}),
        BY,
        replicates=50,
    )
    for (_, group), rows in found.groupby(["grouping", "group"]):
        values = rows.set_index("term")["value"]
        assert values["logit"] == pytest.approx(values.drop("logit").sum()), group
    women = found[(found["group"] == "Female") & (found["term"] == "a")].iloc[0]
    assert women["value"] == pytest.approx(terms[:, table["gender"] == "Female", 1].mean())
    assert women["low"] < women["value"] < women["high"] and women["n"] == (table["gender"] == "Female").sum()
    assert found.set_index("term").loc["head", "in_map"].eq(False).all() and GRID == 16


def test_one_group_is_drawn_on_the_scale_of_all():
    changes = group_changes(stack(), BY)
    group = changes.table.loc[~changes.table["small"], "group"].iloc[0]
    one, every = saliency_beside(changes, only=group), saliency_beside(changes)
    assert fits(one) and texts(one)
    shown = [axis for axis in one.axes if axis.images and axis.get_subplotspec()]
    norms = {id(image.norm) for axis in shown for image in axis.images}
    assert len(norms) == 2
    scales = [sorted({tuple(i.norm.boundaries) for a in figure.axes for i in a.images}) for figure in (one, every)]
    assert scales[0] == scales[1]
