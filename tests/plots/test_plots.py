"""Figures: what they show, what they say of their data, and the files that they are written to."""

from __future__ import annotations

import base64
import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy.ndimage import gaussian_filter

import every_figure
from audit_tables import predictions
from drawn import fits, texts
from facebias import audit, plots
from facebias.audit.curves import recall_by_fpr, recall_by_ita
from facebias.core.csv import read_csv
from facebias.core.errors import FacebiasError
from facebias.core.numbers import percent
from facebias.core.outputs import OutputFolder
from facebias.plots.slope import apart
from facebias.plots.style import COLOURS, MARKERS, SYNTHETIC, look
from facebias.training.draws import share_ratios

RACE_GENDER = "race x gender"


@pytest.fixture(scope="module")
def scored():
    table = predictions(models=("cnn", "dbvae-0.01", "vae"), seeds=2)
    # White men: two images. East Asian women: none.
    few = (table["race"] == "White") & (table["gender"] == "Male") & (table["image_id"] > "1/00201")
    none = (table["race"] == "East Asian") & (table["gender"] == "Female")
    return table[~few & ~none]


@pytest.fixture(scope="module")
def summary(scored):
    return audit.summarise(scored)


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
    figure = plots.sampling_by_group(every_figure.ratios(every_figure.FEW))
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


def test_real_people_are_shown_as_means_alone():
    images = np.random.default_rng(0).integers(0, 256, (200, 16, 16, 3)).astype(np.uint8)
    figure = plots.mean_faces({"A": images[:100], "B": images[100:]})
    drawn = figure.axes[0].get_images()[0].get_array()
    np.testing.assert_array_equal(drawn, np.rint(images[:100].mean(axis=0)))
    with pytest.raises(FacebiasError, match="a mean of 7 faces"):
        plots.mean_faces({"A": images[:7]})
    real = plots.likely_faces(images, np.arange(200) / 19900, synthetic=False, count=4)
    shown = np.asarray(real.axes[0].get_images()[0].get_array())
    np.testing.assert_array_equal(shown, np.rint(images[:-25:-1].mean(axis=0)))
    assert "means of 24" in texts(real)
    one = plots.likely_faces(images, np.arange(200) / 19900, synthetic=True, count=4)
    np.testing.assert_array_equal(one.axes[0].get_images()[0].get_array(), images[-1])
    with pytest.raises(FacebiasError, match="192 needed"):
        plots.likely_faces(images[:191], np.ones(191), synthetic=False, count=4)


def test_pictures_fill_their_grid_and_refuse_other_layouts():
    images = np.zeros((7, 16, 16, 3), np.uint8)
    sheet = plots.contact_sheet({"light\n90 %": images[:4], "dark\n10 %": images[4:]}, "Rendered faces")
    assert sum(bool(axis.get_images()) for axis in sheet.axes) == 7
    assert {"light\n90 %", "dark\n10 %", "Rendered faces"} < {text.get_text() for text in sheet.findobj(mpl.text.Text)}
    grid = plots.traversal(images[:6].reshape(2, 3, 16, 16, 3), ["z 1", "z 2"], (-3, 0, 3))
    assert "+3 SD" in texts(grid)
    with pytest.raises(FacebiasError, match="expected uint8"):
        plots.contact_sheet({"x": images.astype(float)}, "x")


def blurred(images, sigma):
    return np.rint(gaussian_filter(images.astype(float), (0, sigma, sigma, 0))).astype(np.uint8)


def test_reconstructions_say_how_much_of_faces_is_drawn_and_show_as_blurred_a_face():
    faces = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    smooth = blurred(faces, 1.5)
    grey = np.rint(smooth.mean(axis=-1, keepdims=True)).astype(np.uint8).repeat(3, axis=-1)
    perfect = plots.decoded_detail(faces, faces)
    assert perfect["share"].to_numpy() == pytest.approx(1)
    detail = plots.decoded_detail(smooth, grey).set_index(["part", "cell"])["share"]
    assert detail["colour", 8] == pytest.approx(0, abs=0.05) and 0.5 < detail["lightness", 8] < 1
    shown = texts(plots.reconstructions(faces, blurred(faces, 3)))
    assert "sigma\n3 pixels" in shown and "40 faces" in shown
    assert "it draws nothing of lightness" in texts(plots.reconstructions(smooth, np.full_like(smooth, 9)))


def test_a_traversal_is_amplified_alike_and_ends_in_the_change_of_lightness():
    grid = np.full((2, 3, 16, 16, 3), 100, np.uint8)
    grid[0, 2, :8] += 20
    grid[1, 0, 8:] += 10
    figure = plots.traversal(grid, ["z 1", "z 2"], (-3, 0, 3))
    assert "Contrast x 3.0" in texts(figure) and "change" in texts(figure)
    drawn = [np.asarray(axis.images[0].get_array()) for axis in figure.axes[:8]]
    assert np.ptp(drawn[2][:, :, 0]) == 60  # 20, three times
    last = [drawn[3], drawn[7]]
    assert last[0][:8] == pytest.approx(100 * 20 / 255) and last[1][8:] == pytest.approx(-100 * 10 / 255)


def test_footer_says_synthetic_and_where_the_numbers_come_from(summary, tmp_path):
    figure = plots.source_recall(summary)
    height = figure.get_size_inches()[1]
    note = plots.provenance(summary[summary["grouping"] == "all faces"], "trained on CelebA")
    for _ in range(2):  # marking twice changes nothing
        plots.save(figure, summary, tmp_path / "a.png", synthetic=True, provenance=note)
    assert texts(figure).count(SYNTHETIC) == 1
    assert "trained on CelebA" in note
    assert "seeds an arm: 2" in note
    assert "FPR 1 %" in note
    assert height < figure.get_size_inches()[1] < height + 1
    plots.save(figure, summary, tmp_path / "a.png", synthetic=False, provenance=note)
    assert SYNTHETIC not in texts(figure)


def test_saving_writes_the_same_bytes_each_time_and_the_table_beside(summary, tmp_path):
    for name in ("a", "b"):
        plots.save(
            plots.group_recall(summary, "fairface"),
            summary,
            tmp_path / f"{name}.png",
            synthetic=True,
            provenance="n = 1",
        )
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert len(read_csv(tmp_path / "a.csv", numbers=("n", "value"))) == len(summary)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.png", "b.csv", "b.png"]
    with Image.open(tmp_path / "a.png") as picture:
        assert round(picture.info["dpi"][0]) == 150
        assert not {"Software", "Creation Time"} & set(picture.info)


def test_hostile_names_are_text_and_nothing_is_clipped(scored, tmp_path):
    hostile = scored.assign(race=scored["race"].replace("Black", r"$\frac{=x}{<b>}^"))
    rows = audit.summarise(hostile)
    for figure in (
        plots.group_recall(rows, "fairface"),
        plots.group_heatmap(rows, "fairface"),
        plots.paired_slope(rows, "fairface", "cnn", "dbvae-0.01", "race"),
        plots.source_recall(rows),
    ):
        plots.save(figure, rows, tmp_path / "x.png", synthetic=True, provenance="a long footer " * 20)
        assert fits(figure)


def test_a_figure_says_in_words_what_is_seen(summary, tmp_path):
    table = summary[summary["dataset"] == "fairface"]
    folder = plots.FigureFolder(OutputFolder(tmp_path, "x"), synthetic=True)
    shown = folder.save(plots.group_recall(table, "fairface"), table, "a")
    words = shown.words
    assert words.startswith("Recall by race x gender on FairFace, FPR 1 %. Along the horizontal axis: recall, %")
    assert "Shown: CNN; DB-VAE alpha 0.01; VAE, uniform sampling." in words and "\n" not in words
    large = table[(table["metric"] == "TPR") & (table["model"] == "cnn") & (table["n"] >= 30)]
    low = large.loc[large[large["group"] != "all faces"]["value"].idxmin()]
    assert f"CNN: from {percent(low['value'])} % ({low['group']})" in words
    picture, about = shown._repr_mimebundle_()
    assert about == {"image/png": {"alt": words}} and picture["text/plain"] == "<a.png>"
    with Image.open(io.BytesIO(base64.b64decode(picture["image/png"]))) as opened:
        assert opened.width == pytest.approx(96 * shown.figure.get_size_inches()[0], abs=1)
    assert plots.show(plots.source_recall(summary), synthetic=True).words.startswith("Recall on the training source")


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
