"""Summaries over seeds, paired comparison, and the verdict."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from audit_tables import predictions
from facebias.audit import compare, group_report, measures, summarise, verdict
from facebias.audit.decisions import Decisions
from facebias.core.errors import FacebiasError

RACE = (("race", "gender"), ("race",), ())


@pytest.fixture(scope="module")
def unchanged():
    return predictions()


@pytest.fixture(scope="module")
def helped():
    return predictions(lift=2.0, per_cell=150, negatives=2000, seeds=6)


def test_summary_is_the_mean_over_seeds_of_the_report(unchanged):
    report = group_report(unchanged, ("fpr=0.01",), RACE)
    mean = report.select(("race",), metric="TPR", dataset="fairface").groupby(["model", "race"])["value"].mean()
    rows = summarise(unchanged, groupings=RACE)
    rows = rows[(rows["grouping"] == "race") & (rows["dataset"] == "fairface")].set_index(["model", "race"])
    pd.testing.assert_series_equal(rows["value"].sort_index(), mean.sort_index())
    assert (rows["seeds"] == 3).all()
    assert ((rows["low"] <= rows["value"]) & (rows["value"] <= rows["high"])).all()
    assert rows[["low", "high"]].stack().between(0, 1).all()


def test_summary_has_the_false_positive_rate_and_the_training_source_first(unchanged):
    rows = summarise(unchanged, groupings=((),))
    assert rows["metric"].tolist() == ["FPR", "FPR", *["TPR"] * 4]
    assert rows["dataset"].tolist() == ["test", "test", "test", "test", "fairface", "fairface"]


def test_worst_group_and_gap_are_those_of_the_comparable_cells(unchanged):
    found = measures(unchanged, groupings=(("race",),)).set_index(["model", "metric"])
    rows = summarise(unchanged, groupings=(("race",),))
    rates = rows[(rows["dataset"] == "fairface") & (rows["model"] == "cnn")].set_index("group")["value"]
    assert found.loc[("cnn", "worst"), "group"] == rates.idxmin() == "Black"
    assert found.loc[("cnn", "worst"), "value"] == pytest.approx(rates.min())
    assert found.loc[("cnn", "gap"), "value"] == pytest.approx(np.ptp(rates))
    assert found.loc[("cnn", "null_gap"), "value"] < found.loc[("cnn", "gap"), "value"]
    assert found.loc[("cnn", "variance"), "value"] == pytest.approx(np.var(100 * rates, ddof=1))


def test_small_cells_are_left_out_of_worst_and_named(unchanged):
    lonely = (unchanged["race"] == "Black") & (unchanged["gender"] == "Male")
    few = unchanged[~lonely | unchanged["image_id"].isin([f"1/{k:05d}" for k in range(120, 149)])]
    few = few.assign(score=few["score"] - 50 * ((few["race"] == "Black") & (few["gender"] == "Male")))
    found = verdict(few, groupings=(("race", "gender"),))
    assert "Black · Male" not in found.findings[0].worst
    assert any("Black · Male (n = 29)" in line and "left out" in line for line in found.cautions)


def test_an_arm_against_its_own_copy_does_not_change(unchanged):
    cnn = unchanged[unchanged["model"] == "cnn"]
    copy = cnn.assign(model="copy", run_id=cnn["run_id"] + "-copy")
    changes = compare(pd.concat([cnn, copy]), groupings=RACE)
    assert changes[["change", "low", "high"]].eq(0).all(axis=None)
    assert not changes["distinguishable"].any()


def test_changes_are_paired_and_found_where_there_are_any(helped):
    changes = compare(helped, groupings=RACE)
    rows = changes[(changes["dataset"] == "fairface") & (changes["grouping"] == "race")].set_index("metric")
    assert rows.loc["worst", "change"] > 0.1
    assert rows.loc["gap", "change"] < -0.1
    assert rows.loc[["worst", "gap"], "distinguishable"].all()
    assert changes[changes["metric"] == "FPR"]["grouping"].tolist() == ["all faces"]


def test_equal_sensitivity_with_a_shifted_threshold_is_no_change_at_matched_fpr(unchanged):
    cnn = unchanged[unchanged["model"] == "cnn"]
    moved = cnn.assign(model="dbvae-0.01", run_id="m" + cnn["run_id"], score=cnn["score"] + 2)
    both = pd.concat([cnn, moved], ignore_index=True)
    gaps = {
        rule: compare(both, rule=rule, groupings=(("race",),))
        .set_index(["dataset", "metric"])
        .loc[("fairface", "gap"), "change"]
        for rule in ("p=0.5", "fpr=0.01")
    }
    assert abs(gaps["p=0.5"]) > 0.05
    assert abs(gaps["fpr=0.01"]) < 0.005


def test_results_do_not_depend_on_the_order_of_rows(unchanged):
    shuffled = unchanged.sample(frac=1, random_state=1)
    one, two = (compare(table, groupings=RACE) for table in (unchanged, shuffled))
    pd.testing.assert_frame_equal(one, two)


def test_verdict_claims_a_reduction_where_the_intervals_allow_it(helped):
    found = verdict(helped, source="celeba", groupings=RACE)
    first = found.findings[0]
    assert (first.dataset, first.grouping, first.arm) == ("fairface", "race x gender", "dbvae-0.01")
    assert first.claim == "reduced"
    assert "reduced the bias" in first.sentence
    assert "at FPR 1 %" in first.sentence
    assert first.worst.startswith("Black")
    assert found.headline.startswith("On FairFace, by race, at FPR 1 %")
    assert "held-out CelebA faces" in found.before_groups
    assert str(found).startswith(found.headline)
    assert len(found.table()) == len(found.findings)


def test_the_headline_is_about_the_first_audit_set_named_and_skin_tone_where_it_is_known(helped):
    other = helped.assign(dataset=helped["dataset"].replace("fairface", "another"))
    both = pd.concat([helped, other[other["dataset"] == "another"]])
    for first, words in (("fairface", "On FairFace"), ("another", "On another")):
        found = verdict(both, datasets=(first, "utkface"), groupings=(("race",), ("skin_tone",)))
        assert found.headline.startswith(f"{words}, by skin tone")


def test_verdict_claims_nothing_without_a_distinguishable_change_and_says_which_would_have_been_seen():
    found = verdict(predictions(seeds=6, negatives=2000, per_cell=120), groupings=RACE)
    assert {finding.claim for finding in found.findings} == {"none"}
    assert "is not distinguishable from no change" in found.headline
    assert "a rise of Black faces by" in found.headline and "would have been seen in 80 %" in found.headline


def test_verdict_says_which_way_a_change_for_the_worse_went(helped):
    swap = {"cnn": "dbvae-0.01", "dbvae-0.01": "cnn"}
    found = verdict(helped.assign(model=helped["model"].map(swap)), groupings=RACE)
    assert {finding.claim for finding in found.findings} == {"increased"}


@pytest.mark.parametrize("case", ["other rule", "five seeds", "few negatives", "moved rate", "no test non-faces"])
def test_verdict_withholds_the_claim(helped, case):
    table, rule = helped, "fpr=0.01"
    if case == "other rule":
        rule = "p=0.5"
    elif case == "five seeds":
        table = table[table["seed"] < 5]
    elif case == "few negatives":
        table = table[(table["dataset"] != "validation") | (table["image_id"] < "0/01900")]
    elif case == "moved rate":
        moved = (table["model"] != "cnn") & (table["label"] == 0) & (table["dataset"] == "test")
        table = table.assign(score=table["score"] + 0.8 * moved)
    else:
        table = table[(table["dataset"] != "test") | (table["label"] == 1)]
    found = verdict(table, rule=rule, groupings=RACE)
    assert {finding.claim for finding in found.findings} == {"none"}
    said = {
        "other rule": "not judged here, claims are made at FPR 1 % alone (worst group +",
        "five seeds": "only 5 seeds are shared and 6 are needed (worst group +",
        "few negatives": "only 19 held-out non-faces lie above a threshold and 20 are needed (worst group +",
        "moved rate": "its false positive rate on test non-faces moved by +",
        "no test non-faces": "no test non-faces tell whether the false positive rate moved (worst group +",
    }[case]
    assert said in found.headline
    told = {
        "five seeds": "Training seeds an arm: 5.",
        "few negatives": "Too few held-out non-faces to fix FPR 1 %: 19 lie",
    }
    assert case not in told or any(told[case] in line for line in found.cautions)


def test_verdict_says_synthetic_of_rendered_faces(unchanged):
    rendered = unchanged.assign(dataset=unchanged["dataset"].replace("fairface", "synthetic"))
    found = verdict(rendered, source="synthetic", groupings=RACE)
    assert "rendered faces (synthetic)" in found.headline
    assert "held-out rendered faces (synthetic)" in found.before_groups
    assert found.cautions[0].startswith("Rendered faces (synthetic)")


def test_verdict_of_one_arm_alone_describes_without_comparing(unchanged):
    found = verdict(unchanged[unchanged["model"] == "cnn"], groupings=RACE)
    assert "gap between best and worst" in found.headline
    assert {finding.arm for finding in found.findings} == {""}


def test_unknown_arms_and_runs_of_other_images_are_refused(unchanged):
    with pytest.raises(FacebiasError, match="no such model; found cnn, dbvae"):
        compare(unchanged, baseline="resnet")
    with pytest.raises(FacebiasError, match="no such arm"):
        verdict(unchanged, arm="dbvae-9", groupings=RACE)
    with pytest.raises(FacebiasError, match="did not score the same images"):
        compare(unchanged.drop(index=unchanged.index[unchanged["race"] == "Black"][0]))


def test_arms_without_a_common_seed_are_not_compared(unchanged):
    apart = unchanged.assign(seed=unchanged["seed"] + 10 * (unchanged["model"] != "cnn"))
    assert compare(apart).empty
    assert Decisions(apart, "p=0.5").hits(("cnn", "dbvae-0.01"), "fairface") is None


def test_the_audit_and_the_figures_import_no_torch():
    code = "import sys, facebias.audit, facebias.plots, facebias.data.skin_tone; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_jupyter_shows_of_a_verdict_is_text_whatever_groups_are_called(unchanged):
    hostile = unchanged.assign(race=unchanged["race"].replace("Black", "<script>alert(1)</script>"))
    shown = verdict(hostile, groupings=RACE)._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown
