"""Figures: what they show, and what they say of their data."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import figure_inputs
from drawn import texts
from facebias import audit, plots
from facebias.audit.curves import recall_by_fpr, recall_by_ita
from facebias.core.errors import FacebiasError
from facebias.plots.slope import apart
from facebias.plots.style import COLOURS, MARKERS, look
from facebias.training.draws import share_ratios

RACE_GENDER = "race x gender"


def test_colours_are_never_the_only_channel():
    assert len(set(COLOURS)) == len(COLOURS)
    assert len(set(MARKERS)) == len(MARKERS) == len(COLOURS)


def test_group_recall_shows_every_group_with_n_and_greys_small_and_empty_ones(summary):
    shown = texts(plots.group_recall(summary, "fairface"))
    assert "Black · Female" in shown
    assert "n = 40" in shown
    assert "n = 2 (small)" in shown
    assert "no images" in shown
    assert "all faces" in shown
    assert "FPR 1 %" in shown
    assert all(name in shown for name in ("CNN", "DB-VAE alpha 0.01", "VAE, uniform sampling"))


def test_every_model_has_its_own_marker_and_small_cells_are_hollow(summary):
    figure = plots.group_recall(summary, "fairface", models=["cnn", "dbvae-0.01"])
    lines = [line for line in figure.axes[0].lines if line.get_marker() not in ("None", None, "")]
    assert {line.get_marker() for line in lines} == {"o", "s"}
    hollow = [line for line in lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert {len(line.get_xdata()) for line in hollow} == {2}  # the small and the empty cell of each model


def test_heatmap_writes_value_and_n_in_every_cell_and_hatches_small_ones(summary):
    figure = plots.group_heatmap(summary, "fairface", models=["cnn"])
    shown = texts(figure)
    row = summary[summary["model"].eq("cnn") & summary["group"].eq("Black · Male") & summary["dataset"].eq("fairface")]
    assert f"{100 * row['value'].iloc[0]:.1f}\nn = 40" in shown
    assert "no images" in shown
    assert [patch.get_hatch() for patch in figure.axes[0].patches] == [None, None, "////", None, None, "////"]


def test_a_recall_axis_is_in_percent_and_holds_the_intervals(summary):
    axis = plots.group_recall(summary, "fairface").axes[0]
    low, high = axis.get_xlim()
    rows = summary[(summary["dataset"] == "fairface") & (summary["grouping"] == RACE_GENDER)]
    assert low <= 100 * rows["low"].min()
    assert 100 < high < 103


def test_source_recall_sets_the_training_source_beside_the_audit_sets(summary):
    shown = texts(plots.source_recall(summary, "celeba"))
    assert "held-out CelebA faces" in shown
    assert "FairFace" in shown


def test_slope_names_the_groups_and_never_calls_a_small_one_the_worst(summary):
    low = summary.assign(value=summary["value"].mask(summary["group"] == "White · Male", 0.0))
    figure = plots.paired_slope(low, "fairface", "cnn", "dbvae-0.01")
    shown = texts(figure)
    assert "White · Male (n = 2)" in shown
    assert "East Asian · Female" not in shown  # empty
    strong = [text.get_text() for text in figure.axes[0].texts if text.get_fontweight() == "bold"]
    assert len(strong) == 2
    assert "Black" in strong[1]
    with pytest.raises(FacebiasError, match="no group has images in both arms"):
        plots.paired_slope(summary[summary["model"] == "cnn"], "fairface", "cnn", "dbvae-0.01")


def test_threshold_curves_draw_small_groups_in_grey_with_their_n(scored):
    table = recall_by_fpr(scored, "fairface", ("race", "gender"))
    shown = texts(plots.recall_against_threshold(table))
    assert "White · Male (n = 2)" in shown
    assert "East Asian · Female" not in shown
    none = scored[(scored["dataset"] != "validation") | (scored["label"] == 1)]
    with pytest.raises(FacebiasError, match="too few validation negatives"):
        recall_by_fpr(none, "fairface")


def test_labels_are_moved_apart_in_order_and_no_further_than_needed():
    values = np.array([50.0, 50.1, 90.0, 50.2])
    placed = apart(values, 2, 0, 100)
    assert np.diff(np.sort(placed)).min() >= 2 - 1e-9
    assert (np.argsort(placed) == np.argsort(values)).all()
    assert placed[2] == 90
    assert apart(np.array([99.0, 100.0]), 3, 0, 100).max() <= 100 + 1e-9


def test_recall_curves_equal_the_report_at_the_headline_rate(scored):
    curve = recall_by_fpr(scored, "fairface", ("race",), fprs=(0.01, 0.05))
    rows = audit.summarise(scored, groupings=(("race",),))
    rows = rows[(rows["dataset"] == "fairface") & (rows["metric"] == "TPR")].set_index(["model", "group"])["value"]
    at = curve[curve["fpr"] == 0.01].set_index(["model", "group"])["value"]
    pd.testing.assert_series_equal(at.sort_index(), rows.sort_index(), check_names=False)
    assert "false positive rate" in texts(plots.recall_against_threshold(recall_by_fpr(scored, "fairface")))
    assert recall_by_fpr(scored, "fairface")["fpr"].min() * 400 >= 1
    with pytest.raises(FacebiasError, match="no faces with race"):
        recall_by_fpr(scored, "test")


def test_recall_against_tone_uses_every_measured_face_once(scored):
    table = recall_by_ita(scored, "fairface", bins=5)
    cnn = table[table["model"] == "cnn"]
    faces = scored[(scored["run_id"] == "cnn-s0") & (scored["dataset"] == "fairface")]
    assert cnn["n"].sum() == faces["ita"].notna().sum()
    assert (np.diff(cnn["ita"]) > 0).all()
    assert "dark" in texts(plots.recall_against_ita(table))
    with pytest.raises(FacebiasError, match="no face has a measured ITA"):
        recall_by_ita(scored.assign(ita=np.nan), "fairface")


def test_tone_by_race_is_ordered_from_dark_to_light(scored):
    figure = plots.ita_histogram(scored[(scored["run_id"] == "cnn-s0") & (scored["dataset"] == "fairface")])
    assert figure.axes[0].get_yticklabels()[0].get_text().startswith("Black\nn = ")
    with pytest.raises(FacebiasError, match="no face has both"):
        plots.ita_histogram(scored[scored["dataset"] == "test"])


def test_composition_counts_faces_alone_in_a_natural_order(scored):
    faces = scored[scored["run_id"] == "cnn-s0"].copy()
    faces["age"] = np.resize(["10-19", "3-9", "more than 70", "60-69"], len(faces))
    faces = faces[faces["dataset"] == "fairface"]
    counts = plots.composition_counts(pd.concat([faces, faces.assign(label=0)]))
    assert counts.groupby("column")["n"].sum().unique() == [len(faces)]
    ages = counts[counts["column"] == "age"]["level"].tolist()
    assert ages == ["3-9", "10-19", "60-69", "more than 70"]
    figure = plots.composition(faces)
    assert f"{len(faces):,} faces" in texts(figure)
    assert all(axis.get_xlim()[0] == 0 for axis in figure.axes)
    with pytest.raises(FacebiasError, match="nothing is known"):
        plots.composition(faces.assign(race="", gender="", age="", skin_tone=""))


def test_training_curves_leave_out_what_an_arm_does_not_have():
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2, 1], "kl": np.nan})
    figure = plots.training_curves(history)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["loss"]


def test_sampling_has_a_panel_for_every_arm_with_its_effective_sample_below():
    figure = plots.sampling_by_group(figure_inputs.ratios(figure_inputs.FEW))
    titles = [axis.get_title(loc="left") for axis in figure.axes if axis.get_title(loc="left")]
    assert titles == [f"DB-VAE alpha {alpha}" for alpha in (0.1, 0.05, 0.01, 0.001)] and len(figure.axes) == 8


def test_sampling_figure_names_each_groups_natural_share():
    log = pd.DataFrame(
        [
            ("dbvae-0.01", seed, epoch, 80.0, "gender", group, n, n / 100, 0.5)
            for seed in (0, 1)
            for epoch in (1, 2)
            for group, n in (("Female", 60), ("Male", 40))
        ],
        columns=["model", "seed", "epoch", "ess", "grouping", "group", "n", "natural_share", "share"],
    )
    shown = texts(plots.sampling_by_group(share_ratios(log)))
    assert "Female (60.0 % of faces)" in shown
    assert "DB-VAE alpha 0.01" in shown


def test_figures_leave_matplotlib_as_it_was_and_need_no_pyplot(summary):
    before = dict(mpl.rcParams)
    figure = plots.group_recall(summary, "fairface")
    assert isinstance(figure, Figure)
    assert dict(mpl.rcParams) == before


def test_a_figure_of_rows_that_are_not_there_says_what_is(summary):
    with pytest.raises(FacebiasError, match="It has test, fairface"):
        plots.group_recall(summary, "utkface")


def test_every_arm_of_a_large_study_has_a_look_of_its_own():
    looks = [tuple(look(number).values()) for number in range(64)]
    assert len(set(looks)) == 64


def test_the_overview_has_a_row_an_arm_and_fills_the_dots_of_clear_changes_alone(scored):
    measures, changes = audit.measures(scored), audit.compare(scored)
    clear = changes.assign(distinguishable=(changes["metric"] == "worst") & (changes["model"] == "dbvae-0.01"))
    figure = plots.arms_overview(measures, clear, "fairface", "race x gender")
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[0] == "CNN" and len(labels) == scored["model"].nunique()
    filled = [
        sum(line.get_marker() == "o" and line.get_markerfacecolor() != "white" for line in axis.lines)
        for axis in figure.axes
    ]
    assert filled == [1, 2, 1]  # the baseline everywhere, and the one clear change


def test_a_heatmap_of_many_arms_goes_on_below(summary):
    many = pd.concat([summary[summary["model"] == "cnn"].assign(model=f"cnn{number}") for number in range(6)])
    rows = {round(axis.get_position().y0, 2) for axis in plots.group_heatmap(many, "fairface").axes[:6]}
    assert len(rows) == 2
