"""Figures of saliency: one scale for all groups, p-values and n in the panels, small groups grey."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest

from drawn import fits, texts
from facebias import plots
from facebias.analyses.saliency import figures as saliency_figures
from facebias.analyses.saliency.figures import SaliencyFigures
from facebias.analyses.saliency.maps import group_differences, group_means
from facebias.analyses.saliency.plots import mean_face, saliency_differences, saliency_means
from facebias.analyses.saliency.plots_regions import region_shares
from facebias.analyses.saliency.shares import share_table
from facebias.core.errors import FacebiasError
from facebias.plots.style import FAINT
from facebias.training.study import Study, run_study
from map_stacks import BY, stack


@pytest.fixture(scope="module")
def maps():
    return stack(planted=lambda table: table["race"] == "Black", seeds=(0,))


@pytest.fixture(scope="module")
def means(maps):
    return group_means(maps, BY, replicates=50)


@pytest.fixture(scope="module")
def differences(maps):
    return group_differences(maps, BY, shuffles=99)


@pytest.fixture(scope="module")
def face():
    return mean_face(np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), np.uint8))


def pictures(figure):
    return [image for axis in figure.axes for image in axis.images]


def test_all_means_share_one_scale_and_tell_group_n_and_interval(means, face):
    figure = saliency_means(means, face)
    shown = texts(figure)
    assert len({id(image.norm) for image in pictures(figure)}) == 1
    assert len(pictures(figure)) == (~means.table["small"]).sum()
    for expected in (
        "Black",
        "White",
        "all",
        "Female",
        "Male",
        "CNN",
        "DB-VAE",
        "n = 50",
        "n = 10",
        "no map",
        "FairFace",
        "logits per 4 x 4 pixels",
        "contours of the mean face",
    ):
        assert expected in shown
    row = means.table.iloc[0]
    assert f"{row['value']:,.0f}\n[{row['low']:,.0f}, {row['high']:,.0f}]" in shown
    assert fits(figure)


def test_the_panel_of_a_small_group_is_empty_and_grey(means):
    figure = saliency_means(means)
    small = [axis for axis in figure.axes if axis.get_title() == "n = 10"]
    assert len(small) == 2
    assert all(not axis.images and axis.title.get_color() == FAINT for axis in small)


def test_differences_are_symmetric_about_zero_with_adjusted_p(differences, face):
    figure = saliency_differences(differences, face)
    norms = {id(image.norm): image.norm for image in pictures(figure)}
    (norm,) = norms.values()
    np.testing.assert_allclose(norm.boundaries, -norm.boundaries[::-1], atol=1e-12)
    assert norm.boundaries[-1] >= np.nanmax(np.abs(differences.maps))
    titles = [axis.title for axis in figure.axes if "\np" in axis.get_title()]
    assert len(titles) == differences.table["p"].notna().sum()
    bold = [title for title in titles if title.get_fontweight() == "bold"]
    assert len(bold) == (differences.table["p_holm"] < 0.05).sum() > 0
    assert "not tested" in texts(figure)
    assert fits(figure)


def test_outlines_surround_the_cells_that_differ(differences):
    figure = saliency_differences(differences)
    drawn = sum(len(item.get_segments()) for item in figure.findobj(mpl.collections.LineCollection))
    borders = sum(
        np.abs(np.diff(np.pad(cells, 1).astype(int), axis=axis)).sum()
        for cells in differences.notable
        for axis in (0, 1)
    )
    assert drawn == borders > 0


def test_shares_show_every_region_and_group_for_both_arms(maps):
    figure = region_shares(share_table(maps, BY, replicates=50))
    shown = texts(figure)
    for expected in (
        "eyes",
        "nose",
        "mouth",
        "forehead, hair",
        "cheeks, chin",
        "background",
        "% of area",
        "CNN",
        "DB-VAE alpha 0.001",
        "Black · Male",
        "all faces",
        "n = 10 (small)",
    ):
        assert expected in shown
    axes = [axis for axis in figure.axes if not axis.images]
    widths = [np.ptp(axis.get_xlim()) for axis in axes]
    np.testing.assert_allclose(widths, widths[0])
    assert fits(figure)


def test_footers_do_not_cover_the_figure(maps, means, differences, face):
    for figure in (
        saliency_means(means, face),
        saliency_differences(differences, face),
        region_shares(share_table(maps, BY, replicates=20)),
    ):
        plots.mark(figure, synthetic=True, provenance="FairFace: n = 1,103; seeds an arm: 3")
        figure.draw_without_rendering()
        footer = max(text.get_window_extent().y1 for text in figure.texts if str(text.get_gid()).startswith("facebias"))
        assert footer <= figure.legends[0].get_window_extent().y0 + 1


def test_a_mean_of_too_few_faces_is_refused():
    with pytest.raises(FacebiasError, match="mean of 7 faces"):
        mean_face(np.zeros((7, 64, 64, 3), np.uint8))


@pytest.mark.parametrize("draw", [saliency_means, saliency_differences])
def test_nothing_to_show_is_an_error(means, draw):
    empty = replace(means, maps=np.full_like(means.maps, np.nan))
    with pytest.raises(FacebiasError, match="30 faces"):
        draw(empty)


def test_a_study_explains_its_arms_and_saves_figures_with_tables(tiny, monkeypatch):
    monkeypatch.setattr(saliency_figures, "GROUPINGS", (("race", "gender"), ("gender",)))  # race is not known
    config = tiny.with_(arms="cnn,dbvae-0.01", seeds=1, epochs=1, audit_size=96)
    figures = SaliencyFigures.of(run_study(config))
    shown = [
        *figures.means("synthetic", "raw"),
        *figures.differences("synthetic"),
        *figures.regions("synthetic"),
        *figures.beside("synthetic"),
    ]
    names = [f"saliency-{name}-synthetic-gender-raw" for name in ("means", "differences", "regions", "beside")]
    assert [item.path.stem for item in shown] == names
    assert all(item.path.exists() and item.path.with_suffix(".csv").exists() for item in shown)
    footers = ["".join(text.get_text() for text in item.figure.texts) for item in shown]
    assert all("SYNTHETIC" in footer and "n\u00a0=\u00a096" in footer for footer in footers)
    assert len(list(config.path("runs").glob("*/saliency-synthetic.h5"))) == 2
    terms = figures.terms("synthetic")
    assert set(terms["model"]) == {"cnn", "dbvae-0.01"} and set(terms["grouping"]) == {"gender", "all faces"}
    assert (figures.files.folder / "saliency-terms-synthetic.csv").exists()


def test_regions_of_loosely_framed_faces_are_refused(tiny, monkeypatch):
    loose = SimpleNamespace(attrs={"framing": "loose"})
    figures = SaliencyFigures.of(Study(tiny, ()))
    monkeypatch.setattr(Study, "audit_set", lambda self, name: loose)
    with pytest.raises(FacebiasError, match="found 'loose'"):
        figures.regions("synthetic")
