"""Figures with sliders: what a front end gets, what is kept without one."""

from __future__ import annotations

import json

import pytest

from facebias import plots
from facebias.core.errors import FacebiasError
from facebias.plots import sliders
from facebias.plots.sliders import Adjustable, Choice
from facebias.plots.style import new_figure

ipywidgets = pytest.importorskip("ipywidgets", reason="the extra [lab] is not installed")
WIDGET = "application/vnd.jupyter.widget-view+json"


def drawn(rate, group):
    if group == "refused":
        raise FacebiasError("FIGURE", "<b>group</b>", "no such group", "Pick another")
    figure = new_figure(2, 1)
    figure.set_label(f"rate {rate}, group {group}")
    return plots.show(figure, synthetic=True)


@pytest.fixture
def adjustable():
    rate = Choice("false positive rate", {"1 %": 0.01, "5 %": 0.05}, "1 %")
    group = Choice("group", {"A": "a<b", "B": "b", "none": "refused"}, "A", ordered=False)
    return Adjustable(drawn, {"rate": rate, "group": group})


@pytest.fixture
def displayed(monkeypatch):
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **_: bundles.append(bundle))
    return bundles


def test_it_begins_with_the_start_of_each_choice_and_is_drawn_for_what_is_chosen(adjustable):
    assert adjustable.shown().words.startswith("rate 0.01, group a<b")
    assert adjustable.shown(rate="5 %", group="B").words.startswith("rate 0.05, group b")


def test_a_figure_comes_with_its_words_and_what_is_refused_with_its_line_none_of_it_as_markup(adjustable):
    assert 'alt="rate 0.01, group a&lt;b' in adjustable.picture()
    assert "&lt;b&gt;group&lt;/b&gt;" in adjustable.picture(group="none")
    assert "no such group" in adjustable.picture(group="none")


def test_moving_a_control_redraws_the_figure(adjustable):
    rate, group, view = adjustable._box(adjustable.picture()).children
    assert isinstance(rate, ipywidgets.SelectionSlider) and isinstance(group, ipywidgets.Dropdown)
    before = view.value
    rate.value = "5 %"
    assert view.value != before and "rate 0.05" in view.value
    group.value = "B"
    assert "rate 0.05, group b" in view.value


def test_a_front_end_gets_controls_and_the_notebook_keeps_a_picture_for_where_there_are_none(
    adjustable, displayed, monkeypatch
):
    monkeypatch.setattr(sliders, "at_a_front_end", lambda: True)
    adjustable._ipython_display_()
    assert {WIDGET, "image/png"} <= set(displayed[0])
    json.dumps(displayed[0])  # what a notebook keeps


def test_without_a_front_end_it_is_an_ordinary_figure(adjustable, displayed):
    adjustable._ipython_display_()
    assert all(WIDGET not in bundle for bundle in displayed)
    assert "image/png" in displayed[0]


def test_without_ipywidgets_it_is_an_ordinary_figure(adjustable, displayed, monkeypatch):
    monkeypatch.setattr(sliders, "at_a_front_end", lambda: True)
    monkeypatch.setitem(__import__("sys").modules, "ipywidgets", None)
    adjustable._ipython_display_()
    assert all(WIDGET not in bundle for bundle in displayed)
