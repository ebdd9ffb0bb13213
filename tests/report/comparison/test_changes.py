"""Changes between runs: what their intervals are drawn over, and which are flagged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from compared_runs import change_of
from facebias import audit
from facebias.audit.decisions import Decisions
from facebias.audit.stats.noise import ALONE, APART, SHARED
from facebias.report.comparison import compare_runs
from facebias.report.comparison.changes import pair_of


def test_a_true_change_is_flagged_in_the_group_that_has_it_and_nowhere_else(compared):
    races = compared.changes.query("grouping == 'race' and metric == 'TPR'").set_index("group")
    assert races["flagged"].to_dict() == {"Black": True, "East Asian": False, "White": False}
    assert races.loc["Black", "change"] > 0.3
    assert change_of(compared, grouping="race", metric="gap")["change"] < 0
    excludes = (compared.changes["low"] > 0) | (compared.changes["high"] < 0)
    assert (excludes | ~compared.changes["flagged"]).all()


def test_worst_group_and_gap_are_those_of_the_study_with_the_same_intervals(compared):
    study = audit.compare(compared.shared.predictions, "cnn").query("metric in ('worst', 'gap') and groups > 1")
    ours = compared.changes.query("metric in ('worst', 'gap')")
    merged = ours.merge(study, on=["dataset", "grouping", "metric"], suffixes=("", "_study"))
    assert len(merged) == len(ours) == len(study)
    for name in ("before", "after", "low", "high"):
        np.testing.assert_allclose(merged[name], merged[f"{name}_study"], atol=1e-12)
    clear = merged.query("grouping == 'race' and metric == 'worst'").iloc[0]
    assert clear["low"] > 0 and clear["flagged"]


def test_an_equal_model_has_no_change_and_an_interval_with_a_width(shelf):
    found = compare_runs([*shelf.add("cnn", 0, 1, 2), *shelf.add("vae", 0, 1, 2)])
    groups = found.changes.query("metric == 'TPR' and n > 0")
    assert groups["change"].eq(0).all() and not found.changes["flagged"].any()
    assert (groups["low"] < 0).all() and (groups["high"] > 0).all()


def test_one_seed_flags_nothing_and_says_that_its_interval_speaks_for_images_alone(shelf):
    found = compare_runs([*shelf.add("cnn", 0), *shelf.add("dbvae-0.01", 0, lift=4.0)])
    row = change_of(found, grouping="race", group="Black", metric="TPR")
    assert row["low"] > 0 and row["drawn"] == ALONE
    assert not found.changes["flagged"].any()
    assert any("images alone" in note and "Nothing is flagged" in note for note in found.notes)


@pytest.mark.parametrize(
    "seeds, drawn, says",
    [
        ((0, 1, 2), SHARED, "Changes are paired"),
        ((3, 4, 5), APART, "seeds are not shared"),
        ((2, 3, 4), APART, "seeds are not shared"),
        ((1, 2, 3, 4), SHARED, "over the shared seeds 1-2 alone"),
        ((5,), ALONE, "images alone"),
    ],
)
def test_what_the_interval_was_drawn_over_follows_from_the_seeds(shelf, seeds, drawn, says):
    found = compare_runs([*shelf.add("cnn", 0, 1, 2), *shelf.add("dbvae-0.01", *seeds, lift=4.0)])
    assert set(found.changes["drawn"]) == {drawn}
    assert any(says in note for note in found.notes)
    flag = change_of(found, grouping="race", group="Black", metric="TPR")["flagged"]
    assert flag == (len(seeds) == 3)  # over two seeds even such a change is not told: their spread is all but unknown


def test_decisions_of_a_pair_are_on_the_same_images(compared):
    decisions = Decisions(compared.shared.predictions, compared.rule)
    pair = pair_of(decisions, "cnn", "dbvae-0.01", "fairface", ("race",))
    for number, name in enumerate(("cnn", "dbvae-0.01")):
        rows = compared.summary.query("dataset == 'fairface' and grouping == 'race'")
        rows = rows[rows["model"] == name]
        np.testing.assert_allclose(pair.rates()[number], rows["value"])


def test_small_and_unknown_groups_are_never_flagged(shelf):
    def few(table):
        keep = (table["race"] != "Black") | (table["gender"] != "Male") | (table["image_id"] > "1/00139")
        return table[keep | (table["dataset"] != "fairface")].assign(
            race=table["race"].where(table["race"] != "White", "")
        )

    found = compare_runs(
        [*shelf.add("cnn", 0, 1, 2, change=few), *shelf.add("dbvae-0.01", 0, 1, 2, lift=4.0, change=few)]
    )
    row = change_of(found, grouping="race x gender", group="Black \N{MIDDLE DOT} Male", metric="TPR")
    assert row["n"] < 30 and not row["flagged"]
    assert not found.changes.query("group == 'unknown'")["flagged"].any()
    assert any("Groups under 30 images" in note for note in found.notes)


def test_flags_of_equal_models_are_rare():
    """Type I error of a group's flag, three seeds, 60 faces a group, where seeds vary as much as images do."""
    from facebias.audit.decisions import Hits
    from facebias.audit.groups import groups_of
    from facebias.report.comparison.changes import Pair, group_intervals

    rng = np.random.default_rng(5)
    faces = pd.DataFrame({"race": np.repeat([f"{k:02d}" for k in range(60)], 60)})
    cells, wrong = groups_of(faces, ("race",)), 0
    for _ in range(4):
        shift = np.repeat(rng.normal(0, 0.3, (2, 3, 60)), 60, axis=2)
        hits = 1.2 + rng.normal(0, 1, len(faces)) + shift + rng.normal(0, 0.6, (2, 3, len(faces))) > 0
        whose = Hits(("a",), (0, 1, 2), cells, hits[:1], np.zeros((1, 3)))
        low, high = group_intervals(Pair(whose, *hits, SHARED))
        wrong += int(((low > 0) | (high < 0)).sum())
    assert 0 < wrong <= 0.07 * 4 * 60


def test_a_moved_threshold_is_a_change_at_one_half_and_none_at_a_matched_rate(shelf):
    runs = [*shelf.add("cnn", 0, 1, 2), *shelf.add("vae", 0, 1, 2, change=lambda t: t.assign(score=t["score"] + 2))]
    fixed, matched = compare_runs(runs, rule="p=0.5"), compare_runs(runs)
    assert change_of(fixed, grouping="race", metric="gap")["change"] < -0.05
    assert abs(change_of(matched, grouping="race", metric="gap")["change"]) < 0.005
    assert change_of(fixed, metric="FPR")["flagged"] and not change_of(matched, metric="FPR")["flagged"]
    assert any("may be a moved threshold" in note for note in fixed.notes)
