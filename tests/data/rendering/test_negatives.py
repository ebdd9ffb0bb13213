"""Rendered negatives: hard, but no faces."""

from __future__ import annotations

import numpy as np
import pytest

from facebias.data.rendering import Difficulty, render_negatives
from facebias.data.rendering.canvas import power_noise
from facebias.data.rendering.face_light import face_light
from facebias.data.rendering.negatives import KINDS, _shuffled, _skin_colour, _upside_down, draw_kinds, draw_negatives


def test_negatives_carry_a_kind_and_no_demographics():
    table = render_negatives(96, 5).table
    assert set(table.factor_kind) == set(KINDS[:8])
    assert (table.label == 0).all()
    assert (table[["gender", "race", "age", "skin_tone"]] == "").all(axis=None)
    assert table[["ita", "l_star", "hue"]].isna().all(axis=None)
    assert table.identity.is_unique


def test_kinds_come_in_the_shares_of_the_difficulty():
    hard = Difficulty()
    kinds = draw_kinds(np.random.default_rng(1), 48, hard)
    for name, share in zip(KINDS[:8], hard.negatives, strict=True):
        assert abs((kinds == name).sum() - 48 * share) <= 1


def test_harder_negatives_take_their_share_from_all_others_alike():
    kinds = draw_kinds(np.random.default_rng(1), 480, Difficulty(harder=0.5))
    assert [(kinds == name).sum() for name in ("upside_down", "skin_colour")] == [120, 120]
    for name, share in zip(KINDS[:8], Difficulty().negatives, strict=True):
        assert abs((kinds == name).sum() - 240 * share) <= 1


def test_negatives_are_the_same_bytes_as_before_where_none_are_harder():
    found = render_negatives(48, 5, difficulty=Difficulty(harder=0.0))
    assert set(found.table.factor_kind) <= set(KINDS[:8])
    assert np.array_equal(found.images, render_negatives(48, 5).images)


def test_an_upside_down_face_is_a_rendered_face_turned():
    factors = draw_negatives(np.random.default_rng(0), 16, Difficulty())
    whole = face_light(factors, np.random.default_rng(1))
    assert np.array_equal(_upside_down(factors, np.random.default_rng(1))[:, :, ::-1, ::-1], whole)


def test_skin_coloured_texture_has_one_hue_that_of_the_skin():
    factors = draw_negatives(np.random.default_rng(0), 9, Difficulty())
    image = _skin_colour(factors, np.random.default_rng(1))
    share = image / image.sum(axis=1, keepdims=True)
    skin = factors.skin_colour / factors.skin_colour.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(share, np.broadcast_to(skin, share.shape), rtol=1e-4)
    assert (image.std(axis=(1, 2, 3)) > 0.01).all()


def test_parts_never_hold_both_eyes_at_their_place():
    factors = draw_negatives(np.random.default_rng(0), 480, Difficulty()).values
    part = factors["kind"] == "part"
    near = factors["size"][part] > 2
    assert part.sum() > 50
    away = np.maximum(np.abs(factors["shift_x"]), np.abs(factors["shift_y"]))[part]
    assert (near | (away > 0.5)).all()


def test_no_tile_of_a_shuffled_face_stays_in_its_place():
    factors = draw_negatives(np.random.default_rng(0), 16, Difficulty())
    whole = face_light(factors, np.random.default_rng(1))
    moved = _shuffled(factors, np.random.default_rng(1))
    assert np.allclose(np.sort(whole.reshape(16, 3, -1)), np.sort(moved.reshape(16, 3, -1)))
    tiles = [image.reshape(16, 3, 4, 16, 4, 16) for image in (whole, moved)]
    assert not (tiles[0] == tiles[1]).all(axis=(1, 3, 5)).any()


def test_noise_has_the_spectrum_that_is_asked_for():
    rng = np.random.default_rng(0)
    for slope in (0.8, 1.5):
        power = np.abs(np.fft.rfft2(power_noise(rng, (40,), np.full(40, slope)))) ** 2
        along = power.mean(axis=0)[0, 2:20]
        fitted = np.polyfit(np.log(np.arange(2, 20)), np.log(along), 1)[0]
        assert fitted == pytest.approx(-2 * slope, abs=0.25)
