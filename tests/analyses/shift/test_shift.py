"""Changed pictures, their scores, and recall along each factor."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from audit_tables import predictions
from facebias import audit, plots
from facebias.analyses.shift.figures import ShiftFigures
from facebias.analyses.shift.pictures import change
from facebias.analyses.shift.plots import shift_changes, shift_curves, shift_gaps
from facebias.analyses.shift.scores import shift_scores
from facebias.analyses.shift.tables import (
    FACTORS,
    HARD_RULE,
    UNCHANGED,
    VIEWS,
    Factor,
    best_view,
    most_affected,
    predictions_at,
    shift_columns,
    shift_tables,
)
from facebias.core.csv import read_csv
from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.core.words import HEADLINE
from facebias.training.study import Study, run_study

DARKER = Factor("brightness", (-1.0,), 0.0)


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (3, 64, 64, 3), np.uint8)).permute(0, 3, 1, 2)


@pytest.mark.parametrize(("factor", "neutral"), [(one.name, one.neutral) for one in FACTORS[:3]])
def test_the_neutral_value_changes_no_pixel(pictures, factor, neutral):
    assert torch.equal(change(pictures, factor, neutral), pictures)


def test_an_offset_moves_whole_pixels_down_and_mirrors_what_is_missing(pictures):
    moved = change(pictures, "offset", 5 / 64)
    assert torch.equal(moved[:, :, 5:], pictures[:, :, :-5])
    assert torch.equal(moved[:, :, :5], pictures[:, :, :5].flip(2))
    assert torch.equal(change(pictures, "offset", -5 / 64)[:, :, :-5], pictures[:, :, 5:])


def test_a_nearer_view_uses_real_pixels_alone(pictures):
    near = change(pictures, "scale", 0.5)
    hidden = pictures.clone()
    hidden[:, :, :10], hidden[:, :, :, :10] = 0, 0  # outside of the central half
    assert torch.equal(near, change(hidden, "scale", 0.5))
    assert near.shape == pictures.shape and near.dtype == torch.uint8


def test_a_wider_view_shows_the_whole_picture_smaller():
    white = torch.full((1, 3, 64, 64), 255, dtype=torch.uint8)
    white[:, :, 2:-2, 2:-2] = 0
    wide = change(white, "scale", 1.25)[0, 0].float()
    assert wide[32, 32] == 0
    edge = wide[32, :16].argmax().item()
    assert abs(edge - (64 - 64 / 1.25) / 2) <= 2


def test_one_stop_halves_the_light():
    grey = torch.full((1, 3, 4, 4), 188, dtype=torch.uint8)  # half of white's light
    assert int(change(grey, "brightness", 1.0)[0, 0, 0, 0]) in (254, 255)
    assert int(change(grey, "brightness", -1.0)[0, 0, 0, 0]) in (136, 137)  # a quarter of it


def test_blur_keeps_the_mean_and_takes_detail_away(pictures):
    blurred = change(pictures, "blur", 2.0).float()
    assert blurred.mean() == pytest.approx(pictures.float().mean().item(), abs=1)
    assert blurred.std() < 0.3 * pictures.float().std()


def test_an_unknown_factor_and_a_view_beyond_the_margin_are_refused(pictures):
    with pytest.raises(FacebiasError, match="no such factor"):
        change(pictures, "colour", 1)
    with pytest.raises(FacebiasError, match="leave the mirrored margin"):
        change(pictures, "scale", 1.7)


# --- scores of a study ---------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shift")
    return run_study(profile("tiny", **{f"{kind}_dir": str(folder / kind) for kind in ("runs", "data", "studies")}))


@pytest.fixture(scope="module")
def scores(study):
    return shift_scores(study.runs, study.config)


def test_unchanged_pictures_have_the_scores_of_the_predictions(study, scores):
    known = study.predictions.set_index(["run_id", "dataset", "image_id"])["score"]
    mine = scores.set_index(["run_id", "dataset", "image_id"])[UNCHANGED]
    assert mine.to_numpy() == pytest.approx(known.loc[mine.index].to_numpy(), abs=1e-4)


def test_scores_are_of_validation_negatives_and_of_held_out_faces_at_every_value(scores):
    assert set(shift_columns()) <= set(scores)
    kinds = set(zip(scores["dataset"], scores["label"], strict=True))
    assert kinds == {("validation", 0), ("test", 1), ("synthetic", 1)}
    assert np.isfinite(scores[shift_columns()].to_numpy()).all()


def test_figures_are_of_the_primary_comparisons_arm_with_its_controls_where_the_study_has_it(study):
    arms = {"arms": "cnn,dbvae-0.001,dbvae-0.01,vae,shuffled-0.01,shuffled-0.001"}
    for primary, wanted in (("", "0.001"), (study.config.primary, "0.01")):
        shown = ShiftFigures.of(Study(study.config.with_(**arms, primary=primary), ()))
        assert shown.arms == ["cnn", f"dbvae-{wanted}", "vae", f"shuffled-{wanted}"]


def test_a_study_writes_its_figures_and_says_which_conditions_are_new(study, scores):
    figures = ShiftFigures.of(study)
    names = [shown.path.name for shown in figures.changes()]
    assert names == ["shift-changes.png", "shift-worst-changes.png", "shift-gap-changes.png"]
    assert "Faces of 32, 24 and 16 pixels" in figures.text and "small faces: 0 of" in figures.text


def test_a_run_that_has_its_scores_is_not_scored_again(study, scores):
    files = [run.path / "shift.parquet" for run in study.runs]
    before = [file.stat().st_mtime_ns for file in files]
    pd.testing.assert_frame_equal(shift_scores(study.runs, study.config), scores)
    assert [file.stat().st_mtime_ns for file in files] == before


# --- tables of made scores -----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def made():
    """Faces lose 1.5 logits a stop and Black people's faces 1 more; negatives lose 1, so that their FPR falls."""
    table = predictions(seeds=2, lift=1.0).query("not (dataset == 'test' and label == 0)").reset_index(drop=True)
    face, black = table["label"] == 1, table["race"] == "Black"
    scores = table.drop(columns="score").assign(**{UNCHANGED: table["score"]})
    for stops in DARKER.values:
        scores[DARKER.column(stops)] = table["score"] + stops * (1.0 + 0.5 * face + black)
    return scores


@pytest.fixture(scope="module")
def tables(made):
    return shift_tables(made, "cnn", factors=(DARKER,))


def overall(tables, **values):
    rows = tables.curves[tables.curves["grouping"] == "all faces"]
    for name, value in values.items():
        rows = rows[rows[name] == value]
    return float(rows["rate"].iloc[0])


def test_recall_without_a_change_is_that_of_the_audit(made, tables):
    names = [name for name in audit.PREDICTION_COLUMNS if name != "score"]
    summary = audit.summarise(made[names].assign(score=made[UNCHANGED]))
    known = summary.query("grouping == 'all faces' and dataset == 'fairface' and model == 'cnn'")["value"].iloc[0]
    assert overall(tables, dataset="fairface", model="cnn", value=0.0, negatives=VIEWS[0]) == pytest.approx(
        known, abs=1e-6
    )


def test_unchanged_negatives_keep_the_threshold_and_changed_ones_keep_the_rate(tables):
    at = {"dataset": "test", "model": "cnn", "value": -1.0}
    assert overall(tables, **at, metric="FPR", negatives=VIEWS[0]) < 0.003
    assert overall(tables, **at, metric="FPR", negatives=VIEWS[1]) == pytest.approx(0.01)
    face = {"dataset": "fairface", "model": "cnn", "value": -1.0, "metric": "TPR"}
    assert overall(tables, **face, negatives=VIEWS[1]) > overall(tables, **face, negatives=VIEWS[0])


def test_faces_are_changed_in_both_views(made):
    for view in VIEWS:
        changed = predictions_at(made, DARKER.column(-1.0), view).query("dataset == 'fairface'")["score"]
        assert changed.to_numpy() == pytest.approx(made.query("dataset == 'fairface'")[DARKER.column(-1.0)].to_numpy())


def test_the_group_that_loses_most_is_named_and_the_gap_opens(tables):
    assert most_affected(tables.curves, "brightness", "fairface", "cnn", count=1) == ["Black"]
    gaps = tables.gaps.query(
        "model == 'cnn' and dataset == 'fairface' and grouping == 'race' and metric == 'gap' "
        "and negatives == 'unchanged'"
    ).set_index("value")["gap"]
    assert gaps[-1.0] > gaps[0.0] + 0.1


def test_the_best_view_is_the_unchanged_one_where_every_change_harms(tables):
    value, best, now = best_view(tables.curves, "brightness", "fairface", "cnn")
    assert value == 0.0 and best == now


def test_changes_compare_arms_at_each_value(tables):
    rows = tables.changes.query("dataset == 'fairface' and negatives == 'unchanged' and metric == 'overall'")
    assert rows["value"].tolist() == [-1.0, 0.0] and rows["grouping"].eq("all faces").all()
    assert (rows["model"] == "dbvae-0.01").all() and (rows["change"] > 0).all()


@pytest.mark.parametrize("view", VIEWS)
def test_the_worst_group_and_the_gap_are_compared_at_each_value_as_the_audit_does(made, tables, view):
    rows = tables.changes.query("dataset == 'fairface' and grouping == 'race' and negatives == @view")
    assert sorted(zip(rows["value"], rows["metric"], strict=True)) == [
        (value, metric) for value in (-1.0, 0.0) for metric in ("gap", "worst")
    ]
    known = audit.compare(predictions_at(made, DARKER.column(-1.0), view), "cnn", groupings=(("race",),))
    for metric in ("worst", "gap"):
        mine = rows[(rows["value"] == -1) & (rows["metric"] == metric)].iloc[0]
        one = known[(known["dataset"] == "fairface") & (known["metric"] == metric)].iloc[0]
        assert mine[["change", "low", "high"]].tolist() == pytest.approx(
            one[["change", "low", "high"]].tolist(), abs=2e-6
        )
        assert not mine["declared"]


def test_a_further_baseline_has_its_changes_below_the_others_and_the_figure_keeps_to_the_first(made, tables):
    swapped = made.assign(model=made["model"].replace({"cnn": "vae"}), run_id="vae" + made["run_id"]).query(
        "model == 'vae'"
    )
    both = pd.concat([made, swapped], ignore_index=True)
    found = shift_tables(both, "cnn", factors=(DARKER,), contrasts=(("vae", "dbvae-0.01"),)).changes
    pairs = list(dict.fromkeys(zip(found["baseline"], found["model"], strict=True)))
    assert pairs == [("cnn", "dbvae-0.01"), ("cnn", "vae"), ("vae", "dbvae-0.01")]
    columns = ["value", "negatives", "dataset", "grouping", "metric", "change", "low", "high"]
    first, second = (
        found[(found["baseline"] == one) & (found["model"] == "dbvae-0.01")][columns].reset_index(drop=True)
        for one in ("cnn", "vae")
    )
    pd.testing.assert_frame_equal(first, second)  # the second baseline is a copy of the first
    assert shift_changes(found, {}).axes[0].get_ylabel() == "change in recall, points"


def test_conditions_chosen_before_results_have_the_hard_rate_too_where_negatives_allow():
    small = Factor("size", (16.0,), 64.0)
    found = {}
    for negatives in (400, 4000):
        table = predictions(seeds=2, negatives=negatives).query("not (dataset == 'test' and label == 0)")
        scores = table.drop(columns="score").assign(**{UNCHANGED: table["score"], small.column(16.0): table["score"]})
        found[negatives] = shift_tables(scores.reset_index(drop=True), "cnn", factors=(small,)).changes
    assert set(found[400]["rule"]) == {HEADLINE} and set(found[4000]["rule"]) == {HEADLINE, HARD_RULE}
    assert found[4000]["declared"].all() and set(found[4000]["value"]) == {16.0, 64.0}


def test_a_small_face_has_lost_its_detail_and_kept_its_place():
    fine = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    fine[:, :, :, ::2] = 200
    coarse = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    coarse[:, :, 32:] = 200
    assert change(fine, "size", 16.0).float().std() < 5
    lost = change(coarse, "size", 16.0)[0, 0, :, 32].float()
    assert lost[:24].max() < 10 and lost[40:].min() > 190 and (lost.diff() >= -1).all()
    assert torch.equal(change(coarse, "size", 64.0), coarse)


def test_a_missing_column_of_scores_is_one_line(made):
    with pytest.raises(FacebiasError, match="missing brightness=-1"):
        shift_tables(made.drop(columns="brightness=-1"), "cnn", factors=(DARKER,))


def test_figures_show_a_row_a_data_set_and_their_csv_reads_back(tables, tmp_path):
    figure = shift_curves(tables.curves, "brightness", "celeba")
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["held-out CelebA faces: all faces", "by skin tone", "FairFace: all faces", "by race"]
    path = plots.save(figure, tables.curves, tmp_path / "shift", synthetic=False)
    assert path.stat().st_size < 200_000
    back = read_csv(path.with_suffix(".csv"), ("rate", "value"))
    assert back["rate"].to_numpy() == pytest.approx(tables.curves["rate"].to_numpy(), nan_ok=True)
    trained = {"offset": (-0.05, 0.05)}
    assert len(shift_gaps(tables.gaps, trained).axes) == 2 * len(FACTORS)
    changes = shift_changes(tables.changes, trained, "celeba")
    assert len(changes.axes) == 2 * len(FACTORS)
    drawn = changes.axes[len(FACTORS) + 2].lines[-1]  # FairFace, exposure
    wanted = tables.changes.query("dataset == 'fairface' and negatives == 'unchanged' and metric == 'overall'")
    assert drawn.get_ydata() == pytest.approx(100 * wanted["change"].to_numpy())
    gaps = shift_changes(tables.changes, trained, "celeba", "gap")
    assert gaps.axes[len(FACTORS)].get_ylabel() == "change of gap by race, points"
    with pytest.raises(FacebiasError, match="no such factor"):
        shift_curves(tables.curves, "blur")


def test_a_set_whose_groups_are_all_small_has_no_most_affected_group_but_a_figure(tables):
    few = tables.curves.assign(small=True)
    assert most_affected(few, "brightness", "fairface", "cnn") == []
    assert len(shift_curves(few, "brightness").axes) == 4
