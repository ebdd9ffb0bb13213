"""Misses along the measured skin tone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from facebias.analyses.whole_pictures.points import SHIPPED
from facebias.analyses.whole_pictures.tone import misses_by_ita


def predictions(ita, score, free=(-1.0,) * 40):
    """Faces of these tones and scores, and face-free pictures that fix thresholds."""
    faces = pd.DataFrame({"ita": ita, "score": score, "label": 1, "dataset": "made"})
    none = pd.DataFrame({"ita": np.nan, "score": free, "label": 0, "dataset": "validation"})
    return pd.concat([faces, none], ignore_index=True).assign(model="known")


def test_misses_are_where_the_missed_faces_are():
    ita = np.linspace(-60, 60, 400)
    table = misses_by_ita(predictions(ita, np.where(ita < 0, -1.0, 1.0)), (SHIPPED,), draws=50)
    dark, light = table[table["ita"] < -25], table[table["ita"] > 25]
    assert len(dark) and dark["value"].min() > 0.95 and len(light) and light["value"].max() < 0.05
    assert table.loc[(table["ita"]).abs().idxmin(), "value"] == pytest.approx(0.5, abs=0.1)


def test_the_band_holds_a_rate_that_is_the_same_at_all_tones():
    rng, held = np.random.default_rng(3), []
    for _ in range(20):
        score = np.where(rng.random(200) < 0.3, -1.0, 1.0)
        table = misses_by_ita(predictions(rng.uniform(-60, 60, 200), score), (SHIPPED,), draws=100)
        middle = table.iloc[len(table) // 2]
        held.append(middle["low"] <= 0.3 <= middle["high"])
    assert np.mean(held) >= 0.8


def test_a_matched_threshold_brings_its_own_doubt():
    rng = np.random.default_rng(4)
    table = predictions(rng.uniform(-20, 20, 300), rng.normal(2, 1, 300), free=rng.normal(0, 1, 60))
    fixed, matched = (misses_by_ita(table, (point,), draws=100).iloc[10] for point in (SHIPPED, 0.1))
    assert matched["high"] - matched["low"] > fixed["high"] - fixed["low"]


def test_tones_with_too_few_faces_near_are_left_out():
    table = misses_by_ita(predictions([*np.linspace(0, 20, 200), -60.0], [1.0] * 201), (SHIPPED,), draws=20)
    assert table["ita"].min() > -40 and (table["n"] >= 30).all()


def test_nothing_is_drawn_where_no_tone_was_measured():
    assert misses_by_ita(predictions([np.nan] * 50, [1.0] * 50), (SHIPPED,)).empty
    assert misses_by_ita(predictions([10.0] * 29, [1.0] * 29), (SHIPPED,)).empty
