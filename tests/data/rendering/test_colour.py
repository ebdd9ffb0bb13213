"""Skin is drawn in colours that skin has, and the table tells them."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab

from facebias.core.tone_scale import CLASSES, classify_ita
from facebias.data.rendering import render_faces, skin_albedo, skin_lab
from facebias.data.rendering.colour import encode_srgb, melanin_for
from facebias.data.skin_tone import ita


def test_more_melanin_is_darker_and_lowers_ita():
    lab = skin_lab(np.linspace(0, 1, 60), np.full(60, 0.5))
    assert (np.diff(lab[:, 0]) < 0).all()
    assert (np.diff(ita(lab)) < 0).all()


def test_more_haemoglobin_is_redder():
    lab = skin_lab(np.full(20, 0.3), np.linspace(0, 1, 20))
    assert (np.diff(lab[:, 1]) > 0).all()


def test_melanin_alone_reaches_every_class_for_any_haemoglobin_drawn():
    for haemoglobin in (0.2, 0.75):
        classes = classify_ita(ita(skin_lab(np.linspace(0, 1, 200), np.full(200, haemoglobin))))
        assert set(classes) == set(CLASSES)


def test_skin_stays_in_the_gamut_and_in_the_hues_of_skin():
    melanin, haemoglobin = np.meshgrid(np.linspace(0, 0.97, 30), np.linspace(0.2, 0.75, 10))
    albedo = skin_albedo(melanin, haemoglobin)
    assert albedo.shape == (10, 30, 3)
    assert albedo.min() > 0.01
    assert albedo.max() < 0.8
    lab = skin_lab(melanin, haemoglobin)
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    assert 40 < hue.min() < hue.max() < 80
    assert lab[..., 2].max() < 26


def test_melanin_is_found_for_a_wanted_ita():
    wanted, haemoglobin = np.array([50.0, 35, 20, -10, -50]), np.full(5, 0.4)
    assert ita(skin_lab(melanin_for(wanted, haemoglobin), haemoglobin)) == pytest.approx(wanted, abs=1e-3)


def test_the_table_tells_the_colour_of_the_skin_model(audit):
    factors = audit.table
    lab = skin_lab(factors.factor_melanin, factors.factor_haemoglobin)
    assert factors.ita.to_numpy() == pytest.approx(ita(lab), abs=1e-3)
    assert factors.l_star.to_numpy() == pytest.approx(lab[:, 0], abs=1e-3)
    assert (factors.skin_tone == classify_ita(ita(lab))).all()


def test_encoding_agrees_with_the_standards_round_numbers():
    linear = np.array([0.0, 0.0031308, 0.2140411, 1.0])
    assert encode_srgb(linear) == pytest.approx([0, 0.04045, 0.5, 1], abs=1e-4)


def test_a_forehead_in_plain_light_has_the_lightness_order_of_its_ita(plain):
    block = render_faces(192, 9, difficulty=plain)
    cheeks = rgb2lab(block.images[:, 30:36, 20:24] / 255).reshape(192, -1, 3)
    lightness = np.median(cheeks[..., 0], axis=1)
    assert np.corrcoef(lightness, block.table.l_star)[0, 1] > 0.9
