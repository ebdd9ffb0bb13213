"""Can every figure be read where it is shown: text, ticks, room, and more groups than a page holds."""

from __future__ import annotations

import re

import matplotlib as mpl
import numpy as np
import pytest

import every_figure
import figure_inputs
from drawn import fits, shown_size, texts
from facebias import plots
from facebias.plots.crowd import LINES, ROWS, drawn_groups, short
from facebias.plots.style import SMALLEST, mark
from facebias.plots.training import ratio_ticks

NAMES = sorted(every_figure.figure_functions())
CROWDED = {  # those with a row, a line, a panel or a field a group
    *("recall_against_threshold", "group_heatmap", "mean_faces", "group_recall", "paired_slope", "ita_histogram"),
    *("sampling_by_group", "protocol_groups", "saliency_means", "saliency_differences", "saliency_beside"),
    *("region_shares", "tone_by_race", "recall_beside_published", "group_changes"),
}


def marked(drawers):
    note = "FairFace: n = 10,954; seeds an arm: 6; threshold at FPR 1 %; facebias 0.2.0"
    figures = {name: mark(draw(), synthetic=True, provenance=note) for name, draw in drawers.items()}
    for figure in figures.values():
        figure.draw_without_rendering()
    return figures


@pytest.fixture(scope="module")
def ordinary():
    return marked(every_figure.drawers(figure_inputs.FEW))


@pytest.fixture(scope="module")
def crowded():
    every = every_figure.drawers(figure_inputs.MANY)
    return marked({name: every[name] for name in (*CROWDED, "composition", "source_recall", "shift_curves")})


def test_every_figure_function_is_drawn_here(ordinary):
    assert sorted(ordinary) == NAMES


@pytest.mark.parametrize("name", NAMES)
class TestOrdinary:
    def test_no_text_is_smaller_than_seven_points_where_the_figure_is_shown(self, ordinary, name):
        sizes = {text.get_text(): shown_size(ordinary[name], text) for text in visible(ordinary[name])}
        assert not {text: size for text, size in sizes.items() if size < SMALLEST - 1e-6}

    def test_nothing_is_cut_and_no_text_lies_on_another(self, ordinary, name):
        assert fits(ordinary[name])
        assert not overlaps(ordinary[name])

    def test_an_axis_with_numbers_has_two_ticks_or_more(self, ordinary, name):
        for axes in ordinary[name].axes:
            for axis in (axes.xaxis, axes.yaxis):
                labels = [tick for tick in ticks(axis) if tick]
                assert len(labels) != 1 or not labels[0].replace("\N{MINUS SIGN}", "").replace(".", "").isdigit()

    def test_it_has_a_title_and_leaves_nothing_to_colour_alone(self, ordinary, name):
        assert ordinary[name].get_suptitle()
        for axes in ordinary[name].axes:
            lines = [line for line in axes.lines if line.get_label()[:1] != "_"]
            looks = {(line.get_label(), line.get_marker(), line.get_linestyle()) for line in lines}
            assert len({one[1:] for one in looks}) == len(looks)


@pytest.mark.parametrize("name", sorted(CROWDED))
def test_more_groups_than_a_page_holds_are_drawn_in_part_and_the_figure_says_how_many_are_not(crowded, name):
    figure = crowded[name]
    assert fits(figure) and figure.get_size_inches()[1] < 40
    assert re.search(r"\d+ of \d{3} (groups|levels of race)", figure.get_suptitle())
    assert min(shown_size(figure, text) for text in visible(figure)) >= SMALLEST - 1e-6
    assert not overlaps(figure)


@pytest.mark.parametrize("name", ["composition", "source_recall", "shift_curves"])
def test_a_figure_whose_groups_are_pooled_or_have_no_rows_is_laid_out_with_any_number(crowded, name):
    assert fits(crowded[name]) and crowded[name].get_size_inches()[1] < 20


def test_small_levels_of_a_crowded_column_are_one_bar_that_counts_them(crowded):
    assert "217 others" in texts(crowded["composition"])


def test_a_key_of_any_length_leaves_room_for_the_axes(ordinary):
    figure = plots.training_curves(figure_inputs.history())
    handles = [mpl.lines.Line2D([], [], label=f"line {number}") for number in range(200)]
    figure.legends[0].remove()
    figure.legend(handles=handles, loc="outside lower center", ncols=1)
    mark(figure, synthetic=False)
    figure.draw_without_rendering()
    assert all(axis.get_window_extent().height > 10 for axis in figure.axes)


def test_the_worst_and_the_best_group_are_always_drawn():
    table = figure_inputs.per_model(figure_inputs.MANY).query("grouping == 'race'").reset_index(drop=True)
    low, high = 100, 101  # neither among the largest nor small
    table.loc[table["group"] == "Country 100", ["value", "n"]] = 0.1, 50
    table.loc[table["group"] == "Country 101", ["value", "n"]] = 0.99, 50
    table.loc[table["group"] == "Country 102", ["value", "n"]] = 0.0, 29
    names, note = drawn_groups(table)
    assert len(names) == ROWS and names == sorted(names)
    assert {f"Country {low}", f"Country {high}"} < set(names) and "Country 102" not in names
    assert note == f"{ROWS} of 240 groups: the largest, and the lowest and highest"
    assert drawn_groups(table[table["group"] < "Country 012"], most=LINES)[1] == ""


def test_a_long_name_is_cut_and_ends_in_an_ellipsis():
    assert short("Latino_Hispanic") == "Latino Hispanic"
    assert short("x" * 99) == "x" * 35 + "\N{HORIZONTAL ELLIPSIS}"


@pytest.mark.parametrize("reach", [1e-6, 0.01, 0.1, 0.5, 3, 50])
def test_a_scale_of_ratios_has_ticks_however_near_or_far_they_are(reach):
    for low, high in ((1 / 1.25 / 1.03, max(1.2875, 1 + reach)), (1 / (1 + reach) / 1.29, 1.2875)):
        found = ratio_ticks(low, high)
        assert 2 <= len(found) <= 9 and 1.0 in found
        assert all(low <= tick <= high for tick in found)


def test_labels_of_a_slope_keep_apart_and_no_line_runs_through_them(ordinary):
    figure = ordinary["paired_slope"]
    axis = figure.axes[0]
    boxes = [text.get_window_extent() for text in axis.texts]
    for line in axis.lines:
        at = axis.transData.transform(line.get_xydata())
        ends = np.linspace(at[0], at[-1], 200)
        for box in boxes:
            assert not ((ends > [box.x0 + 1, box.y0 + 1]) & (ends < [box.x1 - 1, box.y1 - 1])).all(axis=1).any()


def visible(figure):
    """Texts of a figure that was drawn: not empty, not those of ticks outside of the axes."""
    outside = {
        id(label)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        for label in (tick.label1, tick.label2)
        if not (axis.get_visible() and axes.axison and label.get_visible() and inside(axis, tick))
    }
    found = figure.findobj(mpl.text.Text)
    return [text for text in found if text.get_text().strip() and text.get_visible() and id(text) not in outside]


def inside(axis, tick):
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    return low - slack <= tick.get_loc() <= high + slack


def ticks(axis):
    if not (axis.get_visible() and axis.axes.axison):
        return []
    return [
        tick.label1.get_text() for tick in axis.get_major_ticks() if tick.label1.get_visible() and inside(axis, tick)
    ]


def overlaps(figure):
    """Pairs of texts that cover each other by more than a pixel."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in visible(figure)]
    return [
        (one, other)
        for number, (one, a) in enumerate(boxes)
        for other, b in boxes[number + 1 :]
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1.5
    ]
