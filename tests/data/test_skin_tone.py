"""Skin tone: the angle, its classes, and the measurement on faces whose colour is known."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage.color import lab2rgb

from facebias.core.errors import FacebiasError
from facebias.core.tone_scale import CLASS_BOUNDS, CLASSES, class_range, classify_ita
from facebias.data.rendering import render_faces
from facebias.data.skin_tone import MIN_SHARE, MONK_HEX, NORMALISED, ita, measure, nearest_monk, of_tone, region

# Lab colours of skin from very dark to very pale
SKINS = {
    "dark": (22, 8, 9),
    "brown": (45, 12, 16),
    "tan": (56, 12, 18),
    "intermediate": (63, 11, 18),
    "light": (68, 10, 17),
    "very light": (76, 8, 13),
}


def face(lab, noise=0.0, seed=0):
    """A flat face of one colour, dark eyes, red mouth, on a bright blue background."""
    y, x = (np.mgrid[:64, :64] + 0.5) / 64
    colours = np.broadcast_to(np.array([70.0, -10, -40]), (64, 64, 3)).copy()
    colours[((x - 0.5) / 0.38) ** 2 + ((y - 0.5) / 0.48) ** 2 < 1] = lab
    colours[((x - 0.5) / 0.14) ** 2 + ((y - 0.71) / 0.06) ** 2 < 1] = (40, 50, 20)
    for eye in (0.325, 0.675):
        colours[((x - eye) / 0.08) ** 2 + ((y - 0.31) / 0.05) ** 2 < 1] = (10, 0, 0)
    pixels = lab2rgb(colours) * 255 + np.random.default_rng(seed).normal(0, noise, (64, 64, 3))
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def test_classes_are_named_from_very_light_to_dark():
    assert classify_ita(np.array([60, 50, 30, 20, 0, -40])).tolist() == list(CLASSES)


def test_very_light_is_above_55_dark_is_below_minus_30_and_nan_is_no_class():
    at_bounds = ["light", "intermediate", "tan", "brown", "brown"]
    assert classify_ita(np.array([*CLASS_BOUNDS, np.nan])).tolist() == [*at_bounds, ""]


def test_class_ranges_tile_the_angles():
    ranges = [class_range(name) for name in reversed(CLASSES)]
    assert [low for low, _ in ranges][1:] == [high for _, high in ranges][:-1]
    assert (ranges[0][0], ranges[-1][1]) == (-180, 180)


def test_angle_is_the_textbook_one_where_b_is_positive():
    assert ita(np.array([66.0, 12, 16])) == pytest.approx(45)
    assert ita(np.array([34.0, 12, 16])) == pytest.approx(-45)


def test_angle_is_continuous_through_b_zero():
    pale = ita(np.array([[75, 5, 0.01], [75, 5, 0.0], [75, 5, -0.01]]))
    assert np.ptp(pale) < 0.1
    assert set(classify_ita(pale)) == {"very light"}
    assert set(classify_ita(ita(np.array([[20, 5, 0.01], [20, 5, -0.01]])))) == {"dark"}


def test_each_monk_tone_is_nearest_to_itself():
    from skimage.color import rgb2lab

    rgb = np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in MONK_HEX]) / 255
    assert nearest_monk(rgb2lab(rgb)).tolist() == list(range(1, 11))
    assert np.isnan(nearest_monk(np.array([np.nan, 0, 0])))[0]


@pytest.mark.parametrize(("tone", "lab"), SKINS.items())
def test_every_tone_is_measured_and_none_is_lost_to_the_mask(tone, lab):
    row = measure(face(lab, noise=4)[None]).iloc[0]
    assert row["skin_tone"] == tone
    assert row["ita"] == pytest.approx(ita(np.array(lab, dtype=float)), abs=4)
    assert row["l_star"] == pytest.approx(lab[0], abs=1.5)
    assert row["skin_share"] > 0.85


def test_half_a_face_of_beard_does_not_move_the_angle():
    bearded = face(SKINS["light"])
    bearded[40:, 12:52] = (35, 25, 20)
    assert measure(bearded[None])["ita"][0] == pytest.approx(ita(np.array(SKINS["light"], dtype=float)), abs=2)


def test_grey_pictures_and_blue_covers_are_not_measured():
    grey = np.repeat(face(SKINS["tan"]).mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    covered = face(SKINS["tan"])
    covered[24:] = (90, 140, 230)
    table = measure(np.stack([grey, covered]))
    assert table[["ita", "l_star", "hue", "monk"]].isna().all(axis=None)
    assert table["skin_tone"].tolist() == ["", ""]


def test_a_face_too_little_of_which_agrees_is_not_measured():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (1, 64, 64, 3)).astype(np.uint8)
    table = measure(noise)
    assert table["skin_share"][0] < MIN_SHARE
    assert np.isnan(table["ita"][0])


def test_measures_in_chunks_and_in_any_order_alike():
    images = np.stack([face(lab, noise=6, seed=k) for k, lab in enumerate([*SKINS.values()] * 90)])
    whole, reversed_ = measure(images), measure(images[::-1])
    pd.testing.assert_frame_equal(whole, reversed_.iloc[::-1].reset_index(drop=True))
    assert measure(images[:0]).columns.tolist() == whole.columns.tolist()


def test_refuses_what_is_not_uint8_rgb():
    with pytest.raises(FacebiasError, match="expected uint8"):
        measure(np.zeros((2, 3, 64, 64), np.uint8))
    with pytest.raises(FacebiasError, match="float64"):
        measure(np.zeros((2, 64, 64, 3)))


def test_region_leaves_out_eyes_and_mouth():
    core, whole = region(64)
    assert not whole[20, 21]  # an eye
    assert not whole[45, 32]  # the mouth
    assert core[32, 24]  # a cheek
    assert (core & ~whole).sum() == 0


def test_measures_more_than_a_thousand_faces_a_second():
    images = np.stack([face(SKINS["tan"], noise=5)] * 512)
    measure(images[:8])
    best = min(_seconds(images) for _ in range(3))
    assert 512 / best > 1000


def _seconds(images):
    start = time.perf_counter()
    measure(images)
    return time.perf_counter() - start


def test_agrees_with_the_known_angle_of_rendered_faces():
    block = render_faces(400, seed=11)
    measured, known = measure(block.images), block.table.reset_index(drop=True)
    assert measured["ita"].isna().mean() < 0.1
    assert measured["ita"].corr(known["ita"]) > 0.7
    # Exposure alone moves the angle by tens of degrees, which no mask can mend
    well_lit = (known["factor_exposure"] - 0.375).abs() < 0.25
    error = (measured["ita"] - known["ita"])[well_lit].abs()
    assert error.median() < 14
    assert measured["ita"][well_lit].corr(known["ita"][well_lit]) > 0.8


def test_exposure_normalised_is_nearer_the_truth_most_of_all_where_light_was_short():
    block = render_faces(480, seed=12)
    measured, known = measure(block.images), block.table.reset_index(drop=True)
    dim = known["factor_exposure"] < -0.75
    for faces, better in ((slice(None), 0.9), (dim, 0.6)):
        plain, scaled = ((measured[name] - known["ita"])[faces].abs().median() for name in ("ita", "ita_normalised"))
        assert scaled < better * plain


def test_a_crop_at_the_target_luminance_reads_the_same_and_a_dim_one_is_brightened():
    image = face(SKINS["intermediate"])
    light = (image / 255) ** 2.2
    dim, bright = ((255 * np.clip(light * gain, 0, 1) ** (1 / 2.2)).astype(np.uint8) for gain in (0.25, 1.0))
    table = measure(np.stack([dim, bright]))
    assert table["l_star_normalised"][0] > table["l_star"][0] + 10
    lost, left = (np.ptp(table[name]) for name in ("ita", "ita_normalised"))
    assert left < 0.6 * lost
    assert np.isnan(measure(np.full((1, 64, 64, 3), 90, np.uint8))["ita_normalised"][0])


def test_packed_columns_are_those_of_the_tone_that_is_asked_for():
    table = measure(np.stack([face(SKINS["tan"])]))
    for tone, suffix in (("plain", ""), ("normalised", NORMALISED)):
        found = of_tone(table, tone)
        assert list(found) == ["ita", "l_star", "hue", "skin_tone", "monk", "skin_share"]
        assert found["ita"][0] == table["ita" + suffix][0] and found["skin_tone"][0] == table["skin_tone" + suffix][0]


def test_real_photographs_order_by_race_as_expected(test_data):
    folder = test_data / "utkface" / "UTKFace"
    names = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian"}
    rows = []
    for path in sorted(folder.glob("*.jpg"))[::6]:
        parts = path.name.split("_")
        if len(parts) == 4 and parts[2] in names:
            with Image.open(path) as picture:
                rows.append((names[parts[2]], np.asarray(picture.convert("RGB").resize((64, 64)))))
    table = measure(np.stack([pixels for _, pixels in rows])).assign(race=[race for race, _ in rows])
    median = table.groupby("race")["ita"].median()
    assert median["Black"] < median["Indian"] < median["White"]
    assert median["Black"] < median["Indian"] < median["Asian"]
    assert table["ita"].isna().groupby(table["race"]).mean().max() < 0.12
