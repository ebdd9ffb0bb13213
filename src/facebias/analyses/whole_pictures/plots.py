"""Figures of an audit of whole pictures: every detector at both operating points, and every group of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from facebias.analyses.whole_pictures.conditions import UNITS
from facebias.core.words import dataset_name
from facebias.plots.images import picture_grid
from facebias.plots.style import (
    GRID,
    INK,
    LINES,
    WIDEST,
    figure_title,
    legend_below,
    look,
    new_figure,
    nothing,
    panel_title,
    percent_axis,
    styled,
)
from facebias.plots.tone import tone_axis

_PANELS = {"overall": "recall of all faces, %", "worst": "recall of the worst group, %", "gap": "gap, points"}


def detectors_overview(gaps: pd.DataFrame, dataset: str, grouping: str) -> Figure:
    """One row a detector, a mark a point: recall of all faces, worst group and gap, with the gap by chance as a bar.

    Args:
        gaps: `facebias.analyses.whole_pictures.points.gaps_table` of one rule of matching and one grouping, with the
            points that are to be shown.
        dataset: name of the data set.
        grouping: of the groups, in words.
    """
    models, points = list(gaps["model"].unique()), list(gaps["point"].unique())
    with styled():
        figure = new_figure(WIDEST, 1.4 + 0.42 * len(models))
        axes = figure.subplots(1, len(_PANELS), sharey=True)
        for axis, (metric, label) in zip(axes, _PANELS.items(), strict=True):
            mine = gaps[gaps["metric"] == metric]
            for number, point in enumerate(points):
                rows = mine[mine["point"] == point].set_index("model").loc[models]
                if rows["corrected"].isna().all():
                    nothing(axis)
                    continue
                _marks(axis, rows, number, len(points), "corrected")
            axis.set_xlabel(label)
            axis.grid(True, axis="x")
            axis.tick_params(axis="y", length=0)
        _chance(axes[-1], gaps, models, points)
        axes[0].set_yticks(range(len(models)), models)
        axes[0].set_ylim(len(models) - 0.5, -0.5)
        figure_title(figure, f"Detectors of whole pictures on {dataset_name(dataset)} by {grouping}")
        bar = Line2D([], [], color=GRID, linewidth=6, label="gap of groups that do not differ")
        handles = [*_key(points), bar]
        legend_below(figure, handles, [str(handle.get_label()) for handle in handles], most=3)
    return figure


def groups_at_points(points: pd.DataFrame, dataset: str, grouping: str) -> Figure:
    """A panel a point, a row a group, a mark a detector: recall with 95 % intervals over images and threshold.

    Args:
        points: `facebias.analyses.whole_pictures.points.points_table` of one rule of matching, the grouping and all
            faces, with the points that are to be shown.
        dataset: name of the data set.
        grouping: of the groups, in words.
    """
    groups, names = list(points["group"].unique()), list(points["point"].unique())
    models = list(points["model"].unique())
    sizes = points.drop_duplicates("group").set_index("group")
    with styled():
        figure = new_figure(WIDEST, 1.5 + max(0.26, 0.11 * len(models)) * len(groups))
        axes = np.atleast_1d(figure.subplots(1, len(names), sharey=True))
        for axis, point in zip(axes, names, strict=True):
            for number, model in enumerate(models):
                rows = points[(points["point"] == point) & (points["model"] == model)].set_index("group").loc[groups]
                _marks(axis, rows, number, len(models), "value")
            panel_title(axis, point, WIDEST / len(names))
            percent_axis(axis, float(points["low"].min()))
            axis.set_xlabel("recall, %")
            axis.tick_params(axis="y", length=0)
        axes[0].set_yticks(range(len(groups)), [f"{name} ({int(sizes.loc[name, 'n']):,})" for name in groups])
        axes[0].set_ylim(len(groups) - 0.5, -0.5)
        figure_title(figure, f"Who is found on {dataset_name(dataset)} by {grouping}")
        handles = _key(models)
        legend_below(figure, handles, [str(handle.get_label()) for handle in handles])
    return figure


def condition_panels(table: pd.DataFrame, model: str, dataset: str, grouping: str) -> Figure:
    """A panel a condition, a line a group: recall as pictures get harder, told apart by colour and line.

    Args:
        table: `facebias.analyses.whole_pictures.by_condition.condition_table` of one detector, point, view and
            grouping.
        model: name of the detector.
        dataset: name of the data set.
        grouping: of the groups, in words.
    """
    names, groups = list(table["condition"].unique()), list(table.loc[~table["small"], "group"].unique())
    columns = min(3, len(names))
    with styled():
        figure = new_figure(WIDEST, 1.2 + 2.0 * -(-len(names) // columns))
        axes = figure.subplots(-(-len(names) // columns), columns, sharey=True, squeeze=False).ravel()
        for axis, name in zip(axes, names, strict=False):
            mine = table[table["condition"] == name]
            levels = list(mine["level"].unique())
            for number, group in enumerate(groups):
                rows = mine[mine["group"] == group].set_index("level").loc[levels]
                style = look(number)
                line = LINES[number % len(LINES)]
                axis.plot(range(len(levels)), 100 * rows["value"], color=style["color"], linestyle=line)
                band = (100 * rows["low"], 100 * rows["high"])
                axis.fill_between(range(len(levels)), *band, color=style["color"], alpha=0.08, linewidth=0)
            axis.axhline(90, color=INK, linewidth=0.6, linestyle=":")
            axis.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
            axis.set_xlabel(UNITS[name], fontsize=8)
            panel_title(axis, name, WIDEST / columns)
            axis.set_ylim(0, 102)
            axis.grid(True, axis="y")
        for axis in axes[len(names) :]:
            axis.set_visible(False)
        for axis in axes[::columns]:
            axis.set_ylabel("recall, %")
        figure_title(figure, f"{model} on {dataset_name(dataset)} by {grouping}, {table['point'].iloc[0]}")
        handles = axes[0].get_lines()[: len(groups)]
        legend_below(figure, handles, groups)
    return figure


def misses_against_ita(table: pd.DataFrame, dataset: str) -> Figure:
    """A panel a point, a line a detector: who is missed along the measured skin tone, with 95 % bands.

    Args:
        table: `facebias.analyses.whole_pictures.tone.misses_by_ita`.
        dataset: name of the data set.
    """
    points, models = list(table["point"].unique()), list(table["model"].unique())
    with styled():
        figure = new_figure(WIDEST, 1.0 + 2.5 * len(points))
        axes = figure.subplots(len(points), squeeze=False, sharey=True).ravel()
        for axis, point in zip(axes, points, strict=True):
            for number, model in enumerate(models):
                rows = table[(table["point"] == point) & (table["model"] == model)]
                colour, line = look(number)["color"], LINES[number % len(LINES)]
                axis.plot(rows["ita"], 100 * rows["value"], color=colour, linestyle=line, label=model)
                band = (100 * rows["low"], 100 * rows["high"])
                axis.fill_between(rows["ita"], *band, color=colour, alpha=0.1, linewidth=0)
            tone_axis(axis, float(table["ita"].min()), float(table["ita"].max()))
            axis.set_ylabel(f"missed, % (95 % band),\n{point}")
            axis.grid(True, axis="y")
        for axis in axes[:-1]:
            axis.set_xlabel("")
        axes[0].set_ylim(bottom=0)
        figure_title(figure, f"Who is missed along measured skin tone on {dataset_name(dataset)}")
        legend_below(figure, *axes[0].get_legend_handles_labels())
    return figure


def found_and_missed(table: pd.DataFrame, means: Sequence[np.ndarray], dataset: str, grouping: str) -> Figure:
    """A row a detector and group: the mean of the faces that it finds, and of those that it misses.

    Args:
        table, means: of `facebias.analyses.whole_pictures.means.mean_pictures`.
        dataset: name of the data set.
        grouping: of the groups, in words.
    """
    rows = [f"{row.model}, {row.group}" for row in table.itertuples()]
    titles = [
        f"{what}, n = {n:,}" for row in table.itertuples() for what, n in (("found", row.found), ("missed", row.missed))
    ]
    title = f"Found and missed on {dataset_name(dataset)} by {grouping}, as shipped: means of 30 faces or more"
    return picture_grid(list(means), title, labels=rows, titles=titles, cell=1.0)


def _marks(axis: Axes, rows: pd.DataFrame, number: int, of: int, value: str) -> None:
    """A mark a row, with its interval, beside those of the other `of` sets of rows."""
    shift = 0.7 * ((number + 0.5) / of - 0.5)
    style = look(number)
    for place, (_, row) in enumerate(rows.iterrows()):
        alpha = 0.35 if row.get("small", False) else 1.0
        axis.plot([100 * row["low"], 100 * row["high"]], [place + shift] * 2, color=style["color"], lw=1.2, alpha=alpha)
        axis.plot(100 * row[value], place + shift, **style, markersize=4.5, alpha=alpha)


def _chance(axis: Axes, gaps: pd.DataFrame, models: Sequence[str], points: Sequence[str]) -> None:
    null = gaps[gaps["metric"] == "null_gap"]
    for number, point in enumerate(points):
        rows = null[null["point"] == point].set_index("model").loc[models]
        shift = 0.7 * ((number + 0.5) / len(points) - 0.5)
        heights = np.arange(len(models)) + shift
        axis.barh(heights, 100 * rows["value"], height=0.6 / len(points), color=GRID, zorder=0)
    axis.set_xlim(left=0)


def _key(names: Sequence[str]) -> list[Line2D]:
    return [
        Line2D([], [], linestyle="none", markersize=4.5, label=f"{name}, 95 % interval" if not at else name, **look(at))
        for at, name in enumerate(names)
    ]
