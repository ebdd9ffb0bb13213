"""Pictures of faces: who may be seen, how much of them a decoder draws."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from drawn import texts
from facebias import plots
from facebias.core.errors import FacebiasError


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
