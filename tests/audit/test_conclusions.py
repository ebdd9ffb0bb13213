"""The verdict: which arm it is about, what one seed may say, and how many changes stay after Holm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit_tables import predictions
from facebias.audit import compare, verdict
from facebias.audit.sentences import too_few_missed
from facebias.audit.stats.tests import holm
from facebias.audit.whole import Audit
from facebias.core.arms import counterpart, debiased
from facebias.core.errors import FacebiasError
from facebias.core.outputs import OutputFolder
from facebias.plots import FigureFolder
from facebias.report.audit_figures import AuditFigures

RACE = (("race", "gender"), ("race",))


@pytest.fixture(scope="module")
def scored():
    return predictions(
        models=("cnn", "dbvae-0.1", "vae", "dbvae-0.001"), lift=1.0, seeds=6, negatives=2000, per_cell=120
    )


@pytest.fixture(scope="module")
def brought(scored):
    """A CNN and a DB-VAE of six seeds, and a detector of one that finds far fewer faces of Black people."""
    ours = scored[scored["model"].isin(["cnn", "dbvae-0.001"])]
    theirs = scored[(scored["model"] == "cnn") & (scored["seed"] == 0)]
    worse = theirs["score"] - 3 * (theirs["race"] == "Black")
    return pd.concat([ours, theirs.assign(model="mine", run_id="mine", score=worse)], ignore_index=True)


@pytest.fixture(scope="module")
def one_seed(brought):
    return verdict(brought, groupings=RACE)


def test_the_counterpart_is_the_db_vae_of_the_smallest_alpha_whatever_the_order():
    assert debiased(["dbvae-z-0", "dbvae-0.001-photometric", "dbvae-0.1", "vae", "dbvae-0.001", "dbvae-used-0"]) == [
        "dbvae-0.001",
        "dbvae-0.001-photometric",
        "dbvae-0.1",
    ]
    assert counterpart(["vae", "dbvae-0.1", "dbvae-0.05"]) == "dbvae-0.05"
    assert counterpart(["vae", "balanced"]) == "vae" and counterpart([]) == ""
    with pytest.raises(FacebiasError, match="names no arm"):
        counterpart(["dbvae-mine"])


def test_sentences_and_figures_are_about_the_same_arm_and_all_arms_have_findings(scored, tmp_path):
    found = verdict(scored, groupings=RACE)
    arm = next(finding.arm for finding in found.findings if finding.sentence == found.headline)
    assert (
        arm
        == "dbvae-0.001"
        == AuditFigures(Audit(scored), FigureFolder(OutputFolder(tmp_path, "test"), synthetic=False)).debiased
    )
    assert {finding.arm for finding in found.findings} == {"dbvae-0.1", "vae", "dbvae-0.001"}
    assert "DB-VAE alpha 0.1 " in verdict(scored, arm="dbvae-0.1", groupings=RACE).headline


def test_a_detector_that_shares_one_seed_is_not_judged_however_much_worse_it_is(brought, one_seed):
    mine = [finding for finding in one_seed.findings if finding.arm == "mine"]
    changes = compare(brought, groupings=RACE).query("model == 'mine' and metric == 'worst'")
    assert len(mine) == 2 and (changes["change"] < -0.3).all() and (changes["high"] < 0).all()
    for finding in mine:
        assert not finding.judged and finding.claim == "none" and np.isnan(finding.p_holm)
        assert (
            "mine is not judged here, only one seed is shared and 6 are needed (worst group \N{MINUS SIGN}"
            in finding.sentence
        )
        assert "distinguishable" not in finding.sentence
    assert all(finding.judged for finding in one_seed.findings if finding.arm == "dbvae-0.001")


def test_seeds_are_told_of_each_arm_and_only_what_has_one_is_called_unclaimed(one_seed):
    line = next(line for line in one_seed.cautions if line.startswith("Training seeds"))
    assert line == "Training seeds an arm: 1 of mine. Claims need 6, so none is made of mine."
    assert any("one does in 2 of 2 comparisons" in line for line in one_seed.cautions)  # mine is not counted


def test_p_values_are_adjusted_over_both_changes_of_all_arms_sets_and_groupings(scored):
    table = verdict(scored, groupings=RACE).table()
    changes = compare(scored, groupings=(*RACE, ("gender",))).query("grouping != 'gender' and dataset == 'fairface'")
    changes = changes[changes["metric"].isin(["worst", "gap"])].assign(all=lambda rows: holm(rows["p"]))
    smallest = changes.groupby(["model", "grouping"])["all"].min()
    assert len(changes) == 12 and len(table) == 6
    for row in table.itertuples():
        assert row.p_holm == pytest.approx(smallest[row.arm, row.grouping])


def test_a_change_is_claimed_only_where_it_stays_after_holm_over_all_findings(scored):
    lost = scored["model"].map({"cnn": 0, "dbvae-0.1": 0.8, "vae": 1, "dbvae-0.001": 0}) * scored["race"].eq("Black")
    mixed = scored.assign(score=scored["score"] - lost)  # of the gain that each arm has
    found = verdict(mixed, groupings=RACE)
    rows = compare(mixed, groupings=RACE).query("metric in ['worst', 'gap']")
    clear = rows.groupby(["model", "grouping"])["distinguishable"].any()
    for finding in found.findings:
        shown = "hint" if clear[finding.arm, finding.grouping] else "none"
        assert finding.claim == shown if finding.p_holm >= 0.05 else finding.claim not in ("hint", "none")
        told = f"shows no change that holds: an interval excludes 0, and p = {finding.p_holm:.2g} after Holm"
        assert (told in finding.sentence) == (finding.claim == "hint")
    assert {finding.claim for finding in found.findings} == {"none", "hint", "reduced"}
    line = next(line for line in found.cautions if "after Holm" in line)
    assert line.startswith("Of 95 % intervals about one in twenty excludes 0 by chance alone; here one does in ")


def test_near_the_ceiling_nothing_is_claimed_and_the_missed_faces_are_counted(scored):
    faces, shift = scored["label"] == 1, scored["model"].eq("dbvae-0.001") * 0.3
    found = verdict(scored.assign(score=scored["score"] + 3 * faces + shift * faces), groupings=RACE)
    few = [finding for finding in found.findings if finding.arm == "dbvae-0.001" and not finding.judged]
    assert few and all("faces are missed and 20 are needed" in finding.sentence for finding in few)
    assert too_few_missed(pd.Series({"n": 1000, "before": 0.99, "after": 0.979})) == ""
    assert too_few_missed(pd.Series({"n": 1000, "before": 0.99, "after": 0.9815})) == (
        "only 18 faces are missed and 20 are needed"
    )


@pytest.mark.parametrize(
    "score", [lambda t: t["label"] * 9.0 - 4 - np.arange(len(t)) / 1e6, lambda t: t["score"] * 0.0]
)
def test_where_groups_are_equal_none_is_worst(scored, score):
    one = scored[(scored["model"] == "cnn") & (scored["seed"] == 0)]
    told = verdict(one.assign(score=score(one)), groupings=RACE)
    assert {finding.worst for finding in told.findings} == {"none"}
    assert "finds the faces of all groups alike, none is worst" in told.headline


def test_a_false_positive_rate_that_nobody_measured_is_said_to_be_asked_for(scored):
    one = scored[(scored["model"] == "cnn") & (scored["seed"] == 0)]
    unmeasured = one[~((one["dataset"] == "test") & (one["label"] == 0))]
    assert "at FPR 1 % (asked for, not measured" in verdict(unmeasured, groupings=RACE).before_groups
    assert "at FPR 1 % (measured on held-out non-faces: " in verdict(one, groupings=RACE).before_groups
