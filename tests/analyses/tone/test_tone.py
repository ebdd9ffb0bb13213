"""Measured skin tone against the truth, and beside race."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from facebias.analyses.tone.figures import ToneFigures
from facebias.analyses.tone.plots import tone_by_race as cross_table_figure
from facebias.analyses.tone.tables import recall_by_colour, tone_accuracy, tone_by_race, tone_summary
from facebias.core.errors import FacebiasError
from facebias.core.outputs import recorded
from facebias.core.tone_scale import CLASSES, classify_ita
from facebias.core.words import NOT_MEASURABLE
from facebias.training.study import run_study

N = 400


def skin(angle):
    angle = np.asarray(angle, dtype=float)
    return pd.DataFrame(
        {
            "ita": angle,
            "l_star": 50 + angle / 4,
            "hue": 60.0,
            "monk": np.clip(6 - angle // 15, 1, 10),
            "skin_tone": classify_ita(angle),
            "skin_share": np.where(np.isnan(angle), 0.1, 0.8),
        }
    )


@pytest.fixture(scope="module")
def checked():
    """Each stop under 0.25 reads 20 degrees too dark; a tenth of the faces could not be measured."""
    rng = np.random.default_rng(0)
    truth, exposure = skin(rng.uniform(-60, 60, N)), rng.uniform(-1.2, 1.2, N)
    read = truth["ita"] + 20 * (exposure - 0.25)
    return tone_accuracy(skin(np.where(np.arange(N) % 10 == 0, np.nan, read)), truth, exposure)


def test_the_error_is_stated_over_all_by_exposure_and_by_class(checked):
    rows = checked[checked["quantity"] == "ita"]
    assert rows["by"].value_counts().to_dict() == {"skin tone": 6, "exposure": 5, "all": 1}
    for by in ("exposure", "skin tone"):
        assert rows.loc[rows["by"] == by, "n"].sum() == N
    whole = rows.iloc[0]
    assert whole["measured"] == 0.9 * N and whole["low"] <= whole["median_error"] <= whole["high"]
    assert whole["pearson"] > 0.9


def test_the_bias_grows_with_under_exposure(checked):
    bins = checked.query("quantity == 'ita' and by == 'exposure'")
    assert bins["level"].iloc[0] == "under -0.75" and bins["level"].iloc[-1] == "0.75 to 1.25"
    assert bins["bias"].iloc[0] == pytest.approx(20 * (bins["centre"].iloc[0] - 0.25), abs=3)
    assert (np.diff(bins["bias"]) > 0).all()


def test_a_constant_has_no_correlation(checked):
    hue = checked.query("quantity == 'hue' and by == 'all'").iloc[0]
    assert hue["median_error"] == 0 and np.isnan(hue["pearson"]) and np.isnan(hue["same"])


def test_faces_that_were_never_measured_have_no_error_but_are_counted():
    truth = skin([10.0, 20.0, 30.0, 40.0])
    table = tone_accuracy(skin([np.nan] * 4), truth, np.zeros(4))
    whole = table.query("quantity == 'ita' and by == 'all'").iloc[0]
    assert np.isnan(whole["median_error"]) and whole["n"] == 4 and whole["measured"] == 0


def test_the_cross_table_keeps_empty_cells_and_unmeasured_faces():
    race = pd.Series(["Black", "Black", "White", "White", ""])
    table = tone_by_race(skin([-40, np.nan, 60, -40, 30]), race)
    assert len(table) == 3 * (len(CLASSES) + 1) and table["n"].sum() == 5
    assert list(table["skin_tone"][:7]) == [*CLASSES, NOT_MEASURABLE]
    cell = table.set_index(["race", "skin_tone"])
    assert cell.loc[("Black", NOT_MEASURABLE), "share"] == 0.5 == cell.loc[("White", "dark"), "share"]
    assert cell.loc[("unknown", "intermediate"), "n"] == 1
    assert table.groupby("race")["share"].sum().to_numpy() == pytest.approx(1)
    with pytest.raises(FacebiasError, match="no face has a label"):
        tone_by_race(skin([1.0]), pd.Series([""]))


def test_what_race_tells_of_tone_is_0_where_groups_are_alike_and_1_where_it_is_all():
    race = pd.Series(["a", "a", "b", "b"])
    assert tone_summary(skin([10, 50, 10, 50]), race)["explained"].iloc[-1] == pytest.approx(0)
    assert tone_summary(skin([10, 10, 50, 50]), race)["explained"].iloc[-1] == pytest.approx(1)
    alone = tone_summary(skin([10, 50]), pd.Series(["", ""]))
    assert list(alone["race"]) == ["all"] and np.isnan(alone["explained"].iloc[0])


def test_the_figure_of_the_cross_table_names_every_race_with_its_number():
    table = tone_by_race(skin([-40, 60, 30]), pd.Series(["Black", "White", "White"]))
    figure = cross_table_figure(table, "fairface", 0.25)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Black, n = 1", "White, n = 2"]


def test_rendered_sets_are_checked_without_any_training(tiny):
    figures = ToneFigures(tiny)
    figures.all()
    assert {path.name for path in recorded(figures.files.folder)} == {
        "tone-accuracy-synthetic.png",
        "tone-accuracy-synthetic.csv",
        "tone-accuracy-training.png",
        "tone-accuracy-training.csv",
        "tone-summary.csv",
    }
    assert figures.text.startswith("synthetic: ") and not tiny.path("runs").exists()


def test_a_trained_study_has_recall_along_lightness_and_hue_whose_bins_hold_all_measured_faces(tiny):
    study = run_study(tiny)
    figures = ToneFigures(tiny)
    assert [shown.path.name for shown in figures.recall()] == [
        "tone-recall-by-l_star-synthetic.png",
        "tone-recall-by-hue-synthetic.png",
    ]
    faces = study.audit_set("synthetic").table
    table = recall_by_colour(study.predictions, faces.set_index("image_id")["hue"], "synthetic", study.rule)
    assert {"hue", "hue_low", "hue_high"} <= set(table) and table["hue"].between(0, 100).all()
    assert table.groupby("model")["n"].sum().eq(faces["hue"].notna().sum()).all()
    none = pd.Series(np.nan, index=faces["image_id"], name="hue")
    assert recall_by_colour(study.predictions, none, "synthetic", study.rule).empty


def test_both_measures_are_checked_against_the_same_truth():
    truth = skin(np.linspace(-60, 60, N))
    read = skin(truth["ita"] - 30).join(skin(truth["ita"] - 5)[["ita", "skin_tone"]].add_suffix("_normalised"))
    table = tone_accuracy(read, truth, np.zeros(N)).query("by == 'all'").set_index("quantity")
    assert table.loc["ita", "median_error"] == pytest.approx(30)
    assert table.loc["ita_normalised", "median_error"] == pytest.approx(5)
    assert table.loc["ita_normalised", "same"] > table.loc["ita", "same"]


def test_classes_are_those_of_the_tone_that_the_settings_name(tiny):
    plain, scaled = (
        ToneFigures(tiny.with_(tone=tone)).summary("synthetic").iloc[-1] for tone in ("plain", "normalised")
    )
    assert plain["ita"] != scaled["ita"] and plain["n"] == scaled["n"]


def test_photographs_have_their_cross_tables(tiny, test_data):
    config = tiny.with_(
        train_faces="celeba",
        negatives="folder",
        audit_sets="fairface",
        audit_size=200,
        train_size=600,
        data_root=str(test_data),
    )
    figures = ToneFigures(config)
    assert figures.accuracy() == []
    assert [shown.path.name for shown in figures.by_race()] == ["tone-by-race-fairface.png"]
