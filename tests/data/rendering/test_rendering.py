"""Rendered faces and negatives: reproducible, balanced or skewed as asked, with true skin colour and fair light."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.core.tone_scale import CLASSES
from facebias.core.words import GENDERS
from facebias.data.rendering import Difficulty, blocks, render_faces, render_negatives, skin_albedo
from facebias.data.rendering.camera import develop
from facebias.data.rendering.canvas import Factors
from facebias.data.rendering.face_light import face_light
from facebias.data.rendering.factors import draw_factors, draw_photo, draw_pose
from facebias.data.rendering.population import draw_cells, tone_shares
from facebias.data.rendering.shape import build_head
from facebias.data.sources.base import TABLE_COLUMNS, Block


@pytest.fixture(scope="module")
def negatives() -> Block:
    return render_negatives(240, 5)


def joined(parts: list[Block]) -> tuple[np.ndarray, pd.DataFrame]:
    return np.concatenate([p.images for p in parts]), pd.concat([p.table for p in parts], ignore_index=True)


# --- the same images, always -----------------------------------------------------------------------------------
def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(audit):
    again = render_faces(96, 5)
    assert np.array_equal(again.images, audit.images[:96])
    assert not np.array_equal(render_faces(48, 6).images, audit.images[:48])


@pytest.mark.parametrize(("start", "n"), [(0, 1), (47, 2), (50, 13), (95, 50)])
def test_an_image_does_not_depend_on_the_size_or_the_start_of_the_request(audit, start, n):
    some = render_faces(n, 5, start=start)
    assert np.array_equal(some.images, audit.images[start : start + n])
    pd.testing.assert_frame_equal(some.table, audit.table[start : start + n].reset_index(drop=True))


def test_two_processes_give_what_one_gives():
    alone = joined(list(blocks("negatives", 500, 3, start=20)))
    together = joined(list(blocks("negatives", 500, 3, start=20, workers=2)))
    assert np.array_equal(alone[0], together[0])
    pd.testing.assert_frame_equal(alone[1], together[1])
    assert np.array_equal(alone[0], render_negatives(500, 3, start=20).images)


def test_blocks_cover_the_request_once_and_keep_the_shares():
    parts = list(blocks("faces", 370, 8, dark_share=0.06, women_share=0.6, start=30))
    table = joined(parts)[1]
    assert len(parts) == 2
    assert table.image_id.tolist() == [f"face-{i:07d}" for i in range(30, 400)]
    assert (table.gender == "Female").mean() == pytest.approx(0.6, abs=0.02)


def test_nothing_asked_gives_nothing_with_all_columns():
    empty = render_faces(0, 1)
    assert empty.images.shape == (0, 64, 64, 3)
    assert list(empty.table.columns) == list(render_faces(1, 1).table.columns)
    assert list(blocks("faces", 0, 1)) == []


# --- what the table says ---------------------------------------------------------------------------------------
def test_faces_come_with_the_whole_table_and_their_factors(audit):
    table = audit.table
    assert audit.images.shape == (480, 64, 64, 3)
    assert audit.images.dtype == np.uint8
    assert tuple(table.columns[: len(TABLE_COLUMNS)]) == TABLE_COLUMNS
    assert table.identity.is_unique
    assert (table.label == 1).all()
    assert table["where"][7] == "rendered seed=5 index=7"
    wanted = {
        "melanin",
        "haemoglobin",
        "exposure",
        "azimuth",
        "elevation",
        "light_colour_r",
        "yaw",
        "pitch",
        "roll",
        "hair",
        "beard",
        "glasses",
        "covering",
        "expression",
        "background",
        "blur",
        "noise",
        "jpeg",
    }
    assert wanted <= {name.removeprefix("factor_") for name in table.columns if name.startswith("factor_")}
    assert not table.isna().any(axis=None)


def test_identities_of_two_seeds_or_kinds_never_meet(audit, negatives):
    others = render_faces(48, 6).table.identity
    assert not set(audit.table.identity) & (set(others) | set(negatives.table.identity))


# --- who is shown ----------------------------------------------------------------------------------------------
def test_the_audit_set_has_the_same_number_of_faces_in_each_cell(audit):
    counts = audit.table.groupby(["skin_tone", "gender"]).size()
    assert len(counts) == len(CLASSES) * len(GENDERS)
    assert (counts == 40).all()


def test_the_training_set_is_skewed_as_asked():
    table = render_faces(480, 2, dark_share=0.06, women_share=0.6).table
    share = table.skin_tone.value_counts(normalize=True)
    assert share["brown"] + share["dark"] == pytest.approx(0.06, abs=0.011)
    assert share["light"] > share["tan"] > share["dark"] > 0
    assert (table.gender == "Female").mean() == pytest.approx(0.6, abs=0.011)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_of_nothing_and_of_everything_are_kept(share):
    tone, woman = draw_cells(np.random.default_rng(0), 48, share, share)
    assert ((tone >= 4) == bool(share)).all()
    assert (woman == bool(share)).all()


def test_tone_shares_sum_to_one():
    for dark in (None, 0.0, 0.06, 1.0):
        assert tone_shares(dark).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "setting"),
    [
        (lambda: render_faces(1, 0, dark_share=1.5), "dark_share"),
        (lambda: render_faces(1, 0, women_share=-0.1), "women_share"),
        (lambda: render_faces(-1, 0), "n"),
        (lambda: render_negatives(1, -3), "seed"),
        (lambda: render_faces(1, 0, start=-1), "start"),
        (lambda: list(blocks("cats", 1, 0)), "kind"),
    ],
)
def test_a_wrong_request_is_refused_by_name(call, setting):
    with pytest.raises(FacebiasError) as error:
        call()
    assert error.value.where == setting
    assert "\n" not in str(error.value)


# --- fair light ------------------------------------------------------------------------------------------------
def test_light_and_camera_are_drawn_without_regard_to_tone_and_gender():
    """The same random stream gives the same photograph's factors to other people."""
    n, drawn = 24, []
    for tone, woman in ((0, True), (5, False)):
        factors = draw_factors(np.random.default_rng(4), np.full(n, tone), np.full(n, woman), Difficulty())
        drawn.append(factors.values)
    rng = np.random.default_rng(0)
    for name in (*draw_pose(rng, 2, Difficulty()), *draw_photo(rng, 2, Difficulty())):
        assert np.array_equal(drawn[0][name], drawn[1][name]), name


def test_dark_faces_are_seen_in_good_and_in_poor_light(audit):
    dark = audit.table[audit.table.skin_tone == "dark"]
    assert dark.factor_exposure.max() > 0.8
    assert dark.factor_exposure.min() < -0.5


# --- framing and pictures --------------------------------------------------------------------------------------
def test_eyes_lie_where_the_tight_framing_puts_them(plain):
    rng = np.random.default_rng(3)
    factors = draw_factors(rng, np.full(48, 2), np.zeros(48, bool), plain)
    factors.values |= {"eyes_shut": np.zeros(48), "squint": np.zeros(48), "gaze": np.zeros(48), "fringe": np.zeros(48)}
    dark = 1 - face_light(factors, rng).mean(axis=(0, 1))
    for columns, expected in ((slice(14, 28), 32 - 0.175 * 64), (slice(36, 50), 32 + 0.175 * 64)):
        window = dark[17:24, columns]
        weight = np.clip(window - np.quantile(window, 0.85), 0, None)  # the pupils
        row = (weight.sum(axis=1) * (np.arange(17, 24) + 0.5)).sum() / weight.sum()
        column = (weight.sum(axis=0) * (np.arange(columns.start, columns.stop) + 0.5)).sum() / weight.sum()
        assert row == pytest.approx(0.31 * 64, abs=1.5)
        assert column == pytest.approx(expected, abs=1.5)


@pytest.mark.parametrize("yaw", [-30.0, 30.0])
def test_a_turned_head_keeps_its_eyes_near_their_place_and_points_its_nose_aside(yaw, plain):
    base = draw_factors(np.random.default_rng(3), np.full(12, 2), np.zeros(12, bool), plain)
    turned = Factors({**base.values, "yaw": np.full(12, yaw)})
    head = build_head(turned)
    eyes = np.hypot(head.fx, head.fy).reshape(12, -1).argmin(axis=1) % 64 - 31.5
    nose = np.hypot(head.nx, head.ny - turned.nose_length).reshape(12, -1).argmin(axis=1) % 64 - 31.5
    assert np.abs(eyes).max() < 4
    assert ((nose - eyes) * np.sign(yaw) > 2).all()


@pytest.mark.parametrize("factor", ["melanin", "exposure", "yaw", "smile", "mouth_open", "azimuth", "ambient"])
def test_each_factor_changes_the_picture(factor, plain):
    base = draw_factors(np.random.default_rng(3), np.full(12, 2), np.ones(12, bool), plain)
    value = base.values[factor]
    changed = {**base.values, factor: value + {"yaw": 25.0, "azimuth": 60.0}.get(factor, 0.35)}
    if factor == "melanin":
        changed["skin_colour"] = skin_albedo(changed["melanin"], changed["haemoglobin"])
    pictures = [
        develop(face_light(f, np.random.default_rng(1)), f, np.random.default_rng(2)).astype(int)
        for f in (base, Factors(changed))
    ]
    assert (np.abs(pictures[0] - pictures[1]).mean(axis=(1, 2, 3)) > 0.2).all()


def test_no_picture_is_empty_or_twice_there(audit, negatives):
    for block in (audit, negatives):
        assert len({image.tobytes() for image in block.images}) == len(block.images)
        assert (block.images.std(axis=(1, 2, 3)) > 1).all()


def test_jpeg_quality_tells_on_the_picture():
    """A picture that went through quality q compresses to fewer bytes than fresh noise would."""
    coarse = render_faces(48, 4, difficulty=Difficulty(jpeg=(5, 5)))
    fine = render_faces(48, 4, difficulty=Difficulty(jpeg=(95, 95)))

    def size(block: Block) -> int:
        total = 0
        for image in block.images:
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            total += buffer.tell()
        return total

    assert size(coarse) < 0.7 * size(fine)
