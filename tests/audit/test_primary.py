"""The primary comparison: written down before the run, tested alone at 5 %, told first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit_tables import predictions
from facebias.audit import verdict
from facebias.audit.decisions import Decisions
from facebias.audit.primary import missing, primary_table
from facebias.audit.whole import Audit
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.primary import PRIMARY, Primary

RACE = (("race",),)
WANTED = Primary.parse("dbvae-0.01 over vae, cnn: recall of race Black, White rises")


@pytest.fixture(scope="module")
def scored():
    """The DB-VAE gives back what the others take from faces of Black people, and the VAE gives back nothing."""
    table = predictions(models=("cnn", "dbvae-0.01"), lift=2.0, penalty=2.0, seeds=6, negatives=2000, per_cell=120)
    vae = table[table["model"] == "cnn"]
    noise = np.random.default_rng(5).normal(0, 0.3, len(vae)) * vae["label"]
    vae = vae.assign(model="vae", run_id="vae" + vae["run_id"], score=vae["score"] + noise)
    return pd.concat([table, vae], ignore_index=True)


def table_of(scored, wanted=WANTED):
    return primary_table(Decisions(scored, "fpr=0.01"), wanted, ["fairface"])


def test_the_words_are_read_and_others_refused():
    found = Primary.parse(PRIMARY)
    assert (found.arm, found.baselines) == ("dbvae-0.01", ("vae", "cnn"))
    assert (found.column, found.levels, found.direction) == ("skin_tone", ("brown", "dark"), "rises")
    assert found.group == "brown and dark skin tone" and Primary.parse("  ") is None
    for wrong in ("dbvae-0.01 beats cnn", "dbvae-0.01 over cnn: recall of race Black changes"):
        with pytest.raises(FacebiasError, match="names no comparison"):
            Config(primary=wrong)
    with pytest.raises(FacebiasError, match="names no arm"):
        Config(primary="mine over cnn: recall of race Black rises")


def test_a_study_without_a_setting_of_its_own_keeps_its_name():
    assert Config().study_id == Config(primary=PRIMARY).study_id != Config(primary="").study_id
    assert Config().run_id == Config(primary="").run_id


def test_each_contrast_is_the_paired_change_of_the_levels_together_with_holm_over_both(scored):
    table = table_of(scored)
    faces = scored[(scored["dataset"] == "fairface") & scored["race"].isin(["Black", "White"])]
    hits = Decisions(scored, "fpr=0.01").points
    found = faces["score"] >= faces["run_id"].map({run: hits[run].value for run in faces["run_id"].unique()})
    recall = found.groupby(faces["model"]).mean()
    assert table["baseline"].tolist() == ["vae", "cnn"] and (table["n"] == 480).all()
    for row in table.itertuples():
        assert row.change == pytest.approx(recall["dbvae-0.01"] - recall[row.baseline])
        assert row.low < row.change < row.high and row.p <= row.p_holm
    smaller, larger = sorted(table["p"])
    np.testing.assert_allclose(sorted(table["p_holm"]), [2 * smaller, max(larger, 2 * smaller)])


def test_a_rise_that_was_expected_is_a_yes_and_one_that_was_not_is_a_no(scored):
    assert table_of(scored)["answer"].tolist() == ["yes", "yes"]
    falls = Primary.parse("dbvae-0.01 over vae, cnn: recall of race Black, White falls")
    table = table_of(scored, falls)
    assert table["answer"].tolist() == ["no", "no"]
    assert "a fall was expected, and the contrary seen" in table["sentence"].iloc[0]


def test_without_a_difference_it_stays_open_and_says_which_would_have_been_seen(scored):
    wanted = Primary.parse("vae over cnn: recall of race Black, White rises")
    row = table_of(scored, wanted).iloc[0]
    assert row["answer"] == "open" and row["low"] < 0 < row["high"]
    assert f"{100 * row['smallest']:.1f} points would have been seen in 80 %" in row["sentence"]


def test_it_is_not_judged_where_claims_are_withheld(scored):
    table = table_of(scored[scored["seed"] < 4])
    assert (table["answer"] == "not judged").all()
    assert "Not judged: only 4 seeds are shared and 6 are needed" in table["sentence"].iloc[0]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("dbvae-0.1 over vae, cnn: recall of race Black rises", "arm dbvae-0.1 was not trained"),
        ("dbvae-0.01 over balanced: recall of race Black rises", "arm balanced was not trained"),
        ("dbvae-0.01 over cnn: recall of race Martian rises", "FairFace has no faces of Martian race"),
        ("dbvae-0.01 over cnn: recall of glasses yes rises", "FairFace has no faces of yes glasses"),
    ],
)
def test_what_is_missing_is_said(scored, wanted, why):
    found = missing(Decisions(scored, "fpr=0.01"), Primary.parse(wanted), ["fairface"])
    assert found.startswith(why)
    said = verdict(scored, groupings=RACE, primary=wanted)
    assert said.primary.startswith(f"No primary comparison: {why}") and str(said).startswith(said.primary)


def test_the_verdict_begins_with_it_and_calls_the_rest_exploratory(scored):
    words = "dbvae-0.01 over vae, cnn: recall of race Black, White rises"
    audit = Audit(scored, primary=words)
    assert audit.text.startswith("Primary comparison, written down before the run: On FairFace, at FPR 1 %, ")
    assert audit.text.count("Yes: a rise was expected, and seen.") == 2 == len(audit.primary_table)
    assert f"All else is exploratory.\nExploratory: {audit.verdict.headline}" in audit.text
    assert audit.told["primary"] in audit.text
    assert verdict(scored, groupings=RACE).opening == (verdict(scored, groupings=RACE).headline,)


def test_arms_that_decide_alike_have_no_change_and_a_width(scored):
    cnn = scored[scored["model"] == "cnn"]
    twin = pd.concat([cnn, cnn.assign(model="vae", run_id="twin" + cnn["run_id"])], ignore_index=True)
    row = table_of(twin, Primary.parse("vae over cnn: recall of race Black, White rises")).iloc[0]
    assert (row["change"], row["p"]) == (0, 1) and row["low"] < 0 < row["high"]
