"""What resampling prefers: covariates of pictures, rank correlations, ratios of groups, and the shuffled control."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from audit_tables import predictions
from facebias.analyses.mechanism.covariates import MEASURED, TRUE, covariates
from facebias.analyses.mechanism.figures import MechanismFigures
from facebias.analyses.mechanism.plots import preferred_faces as faces_figure
from facebias.analyses.mechanism.plots import step_changes as steps_figure
from facebias.analyses.mechanism.tables import ALL, OTHER_SEED, ladders, preferred_faces, resampling_arms, step_changes
from facebias.core.errors import FacebiasError
from facebias.core.outputs import recorded
from facebias.core.profiles import profile
from facebias.data.rendering import render_faces
from facebias.training.draws import mean_interval, share_ratios
from facebias.training.study import run_study

N = 600


@pytest.fixture(scope="module")
def rendered():
    return render_faces(96, seed=3)


@pytest.fixture(scope="module")
def measured(rendered):
    return covariates(rendered.images, rendered.table)


def plain(images):
    return covariates(np.asarray(images), pd.DataFrame({"ita": np.zeros(len(images))}))


def test_rendered_faces_have_their_true_factors_and_photographs_do_not(measured):
    assert list(measured) == [*MEASURED, *TRUE, "covered"]
    assert list(plain(np.zeros((2, 64, 64, 3), np.uint8))) == list(MEASURED)
    assert set(measured["covered"]) == {0.0, 1.0}


def test_brightness_follows_exposure_and_sharpness_falls_with_blur(measured):
    assert stats.spearmanr(measured["brightness"], measured["exposure"]).statistic > 0.4
    assert stats.spearmanr(measured["sharpness"], measured["blur"]).statistic < -0.2


def test_asymmetry_is_0_for_mirrored_pictures_and_high_for_light_from_one_side():
    ramp = np.broadcast_to(np.linspace(20, 230, 64).astype(np.uint8)[None, :, None], (64, 64, 3))
    both = np.maximum(ramp, ramp[:, ::-1])
    found = plain([ramp, both])["asymmetry"]
    assert found[0] > 0.95 and found[1] < 1e-6


def test_distance_is_from_the_mean_of_the_pictures():
    images = np.stack([np.full((8, 8, 3), level, np.uint8) for level in (100, 100, 160)])
    assert plain(images)["distance"].tolist() == pytest.approx([20, 20, 40])


def test_a_mean_over_seeds_has_the_t_interval():
    mean, low, high = mean_interval(np.array([1.0, 2.0, 3.0]))
    known = stats.t.interval(0.95, 2, loc=2, scale=1 / np.sqrt(3))
    assert (mean, low, high) == pytest.approx((2, *known))
    for few in ([5.0], [1.0, 2.0], [1.0, np.nan, 2.0]):
        assert np.isnan(mean_interval(np.array(few))[1:]).all() and mean_interval(np.array(few))[0] == np.nanmean(few)


# --- correlations --------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def faces():
    rng = np.random.default_rng(0)
    first = rng.normal(size=N)
    return pd.DataFrame({"first": first, "echo": first + 0.3 * rng.normal(size=N), "other": rng.normal(size=N)})


def drawn(faces, weight, model="dbvae-0.001", seeds=3):
    rng = np.random.default_rng(1)
    parts = []
    for seed in range(seeds):
        weights = np.exp(weight(faces) + 0.1 * rng.normal(size=len(faces)))
        parts.append(
            pd.DataFrame({"model": model, "seed": seed, "row": faces.index, "probability": weights / weights.sum()})
        )
    return pd.concat(parts, ignore_index=True)


def value(table, covariate, form="value", measure="spearman"):
    rows = table[(table["covariate"] == covariate) & (table["form"] == form) & (table["measure"] == measure)]
    return float(rows["value"].iloc[0])


def test_a_preferred_value_is_found_and_an_unrelated_one_is_not(faces):
    table = preferred_faces(drawn(faces, lambda f: f["first"]), faces)
    assert value(table, "first") > 0.95
    assert abs(value(table, "other")) < 0.1
    assert value(table, OTHER_SEED) > 0.95
    row = table.query("covariate == 'first' and form == 'value' and measure == 'spearman'").iloc[0]
    assert row["low"] <= row["value"] <= row["high"] and row["seeds"] == 3


def test_what_is_rare_at_both_ends_shows_in_rarity_alone(faces):
    table = preferred_faces(drawn(faces, lambda f: 2 * f["first"].abs()), faces)
    assert value(table, "first", "rarity") > 0.9
    assert abs(value(table, "first")) < 0.15


def test_the_joint_model_gives_a_shared_effect_to_its_cause(faces):
    table = preferred_faces(drawn(faces, lambda f: f["first"]), faces)
    assert value(table, "echo") > 0.85
    assert abs(value(table, "echo", measure="joint")) < 0.1 < value(table, "first", measure="joint")
    assert 0.9 < value(table, ALL, "", "r2") <= 1


def test_faces_without_a_value_are_left_out_of_its_correlation(faces):
    holes = faces.assign(first=faces["first"].where(faces.index >= 50))
    table = preferred_faces(drawn(faces, lambda f: f["other"]), holes)
    assert set(table.query("covariate == 'first'")["n"]) == {N - 50}
    assert set(table.query("covariate == 'other' and measure == 'spearman'")["n"]) == {N}


def test_arms_that_draw_all_faces_alike_are_left_out(faces):
    uniform = drawn(faces, lambda f: 0 * f["first"], "vae").assign(probability=1 / N)
    both = pd.concat([uniform, drawn(faces, lambda f: f["first"])])
    assert list(preferred_faces(both, faces)["model"].unique()) == ["dbvae-0.001"] == resampling_arms(both)
    assert preferred_faces(uniform, faces).empty
    with pytest.raises(FacebiasError, match="no arm draws faces unequally"):
        faces_figure(preferred_faces(uniform, faces))


def test_one_seed_has_no_interval(faces):
    table = preferred_faces(drawn(faces, lambda f: f["first"], seeds=1), faces)
    assert table["low"].isna().all() and OTHER_SEED not in set(table["covariate"])


# --- groups and the shuffled control -------------------------------------------------------------------------
def test_ratios_of_groups_are_geometric_means_over_seeds():
    log = pd.DataFrame(
        {
            "model": "dbvae-0.01",
            "seed": [0, 1, 2],
            "epoch": 1,
            "ess": [40.0, 50.0, 60.0],
            "grouping": "gender",
            "group": "",
            "n": 20,
            "natural_share": 0.2,
            "share": [0.1, 0.2, 0.4],
        }
    )
    row = share_ratios(log).iloc[0]
    assert row["group"] == "unknown" and row["ratio"] == pytest.approx(1.0)
    half = stats.t.ppf(0.975, 2) * np.log(2) / np.sqrt(3)
    assert (row["low"], row["high"]) == pytest.approx((np.exp(-half), np.exp(half)), abs=1e-6)
    assert row["ess_share"] == pytest.approx(0.5)


def test_ratios_of_two_seeds_or_of_one_run_have_no_interval_and_a_column_missing_is_named():
    log = pd.DataFrame(
        [
            (seed, 1, 50.0, "gender", group, n, n / 100, share + 0.02 * seed)
            for seed in (0, 1)
            for group, n, share in (("Female", 60, 0.5), ("", 40, 0.5))
        ],
        columns=["seed", "epoch", "ess", "grouping", "group", "n", "natural_share", "share"],
    )
    table = share_ratios(log).set_index("group")
    assert table["low"].isna().all() and table["high"].isna().all() and set(table["model"]) == {""}
    assert table.loc["Female", "share"] == pytest.approx(0.51)
    assert table.loc["unknown", "ratio"] == pytest.approx(np.sqrt(0.5 * 0.52) / 0.4, abs=1e-6)
    assert table["ess_share"].tolist() == pytest.approx([0.5, 0.5])
    with pytest.raises(FacebiasError, match="missing share"):
        share_ratios(log.drop(columns="share"))


def test_a_ladder_needs_the_shuffled_arm_and_its_partner():
    assert ladders(["cnn", "vae", "dbvae-0.01", "shuffled-0.01"]) == [("vae", "shuffled-0.01", "dbvae-0.01")]
    assert ladders(["cnn", "dbvae-0.01", "shuffled-0.01"]) == [("shuffled-0.01", "dbvae-0.01")]
    assert ladders(["vae", "dbvae-0.01", "shuffled-0.001"]) == []


def test_steps_compare_neighbours_and_ends_of_the_ladder():
    scored = predictions(models=("shuffled-0.01", "dbvae-0.01"), seeds=2, lift=1.5)
    table = step_changes(scored)
    assert set(zip(table["baseline"], table["model"], strict=True)) == {("shuffled-0.01", "dbvae-0.01")}
    worst = table.query("dataset == 'fairface' and grouping == 'race x gender' and metric == 'worst'")
    assert worst["change"].iloc[0] > 0.05
    assert len(steps_figure(table, "celeba").axes) == 2
    with pytest.raises(FacebiasError, match="no shuffled arm"):
        step_changes(scored[scored["model"] == "dbvae-0.01"])


def test_a_study_writes_its_figures_and_tables(tmp_path):
    config = profile(
        "tiny",
        seeds=2,
        arms="vae,shuffled-0.001,dbvae-0.001",
        **{f"{kind}_dir": str(tmp_path / kind) for kind in ("runs", "data", "studies")},
    )
    figures = MechanismFigures.of(run_study(config))
    figures.all()
    assert {path.name for path in recorded(figures.files.folder)} == {
        "mechanism-faces.png",
        "mechanism-faces.csv",
        "mechanism-groups.csv",
        "mechanism-dbvae-0.001.png",
        "mechanism-dbvae-0.001.csv",
    }
    assert "dbvae-0.001: " in figures.text
