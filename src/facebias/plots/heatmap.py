"""Recall of race x gender or skin tone x gender, with its number of images in every cell."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from facebias.audit.groups import SMALL
from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.words import dataset_name
from facebias.plots.crowd import LEVELS, drawn_groups, notes, short
from facebias.plots.recall import pick
from facebias.plots.style import WIDEST, figure_title, new_figure, styled

_CELL, _GAP, _NAMES = 0.72, 0.4, 1.75  # inches: width of a cell, between panels, row names and colour bar


def group_heatmap(
    summary: pd.DataFrame, dataset: str, grouping: str = "race x gender", models: Sequence[str] | None = None
) -> Figure:
    """Recall of every cell as colour and number, a panel a model on one scale; small cells are hatched.

    Of more than 24 levels of a column the largest are shown, and how many there are is told.

    Args:
        summary: from `facebias.audit.summarise`.
        dataset: name of the data set.
        grouping: of two columns, "race x gender" or "skin tone x gender".
        models: arms to show, in order; all by default.

    Raises:
        FacebiasError: the summary has no such rows.
    """
    rows = pick(summary, dataset, grouping, models)
    shown = list(rows["model"].unique())
    first, second = (name.replace(" ", "_") for name in grouping.split(" x "))
    (levels, few), (columns, also_few) = _levels(rows, first, LEVELS), _levels(rows, second, LEVELS // 4)
    rows = rows[rows[first].isin(levels) & rows[second].isin(columns)]
    floor = max(0.0, 10 * np.floor(10 * np.nanmin([rows["value"].min(), 0.99])))
    scale = mpl.colors.Normalize(floor, 100)
    with styled():
        panel = _GAP + _CELL * len(columns)
        across = max(1, min(len(shown), int((WIDEST - _NAMES) / panel)))
        down = -(-len(shown) // across)
        figure = new_figure(max(5.5, _NAMES + panel * across), 0.9 + (0.6 + 0.5 * len(levels)) * down)
        axes = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
        for axis in axes[len(shown) :]:
            axis.set_axis_off()
        for axis, model in zip(axes, shown, strict=False):
            table = rows[rows["model"] == model].set_index([first, second])
            _panel(axis, table, levels, columns, scale)
            axis.set_title(arm_name(model), loc="center")
        axes[0].set_yticks(range(len(levels)), [short(level) for level in levels])
        bar = figure.colorbar(mpl.cm.ScalarMappable(scale, "viridis"), ax=list(axes), fraction=0.05, pad=0.02)
        bar.set_label("recall, %")
        bar.outline.set_visible(False)
        hatched = f"hatched: under {SMALL} images" if rows["small"].any() else ""
        title = f"Recall by {grouping} on {dataset_name(dataset)}, {rule_text(rows['rule'].iloc[0])}"
        figure_title(figure, title, notes([hatched, few, also_few]))
    return figure


def _levels(rows: pd.DataFrame, column: str, most: int) -> tuple[list[str], str]:
    """The levels of a column that are shown, by their number of images, and a sentence on the others."""
    sizes = rows[rows["model"] == rows["model"].iloc[0]].groupby(column, sort=False, as_index=False)["n"].sum()
    levels, note = drawn_groups(sizes, column, most)
    return levels, note.replace("groups", f"levels of {column.replace('_', ' ')}")


def _panel(axis: Axes, table: pd.DataFrame, levels: list[str], columns: list[str], scale: mpl.colors.Normalize) -> None:
    colours = mpl.colormaps["viridis"]
    for y, level in enumerate(levels):
        for x, column in enumerate(columns):
            row = table.loc[(level, column)]
            empty = row["n"] == 0
            face = "white" if empty else colours(scale(100 * row["value"]))
            axis.add_patch(
                Rectangle(
                    (x - 0.5, y - 0.5),
                    1,
                    1,
                    facecolor="#eeeeee" if row["small"] else face,
                    edgecolor="white",
                    linewidth=1.5,
                    hatch="////" if row["small"] else None,
                )
            )
            dark = not row["small"] and np.dot(face[:3], (0.299, 0.587, 0.114)) < 0.48
            text = "no images" if empty else f"{100 * row['value']:.1f}\nn = {row['n']:,}"
            box = {"facecolor": "#eeeeee", "edgecolor": "none", "pad": 1.5} if row["small"] else None
            axis.text(
                x,
                y,
                text,
                ha="center",
                va="center",
                fontsize=8,
                linespacing=1.3,
                color="white" if dark else "black",
                bbox=box,
            )
    axis.set_xlim(-0.5, len(columns) - 0.5)
    axis.set_ylim(len(levels) - 0.5, -0.5)
    axis.set_xticks(range(len(columns)), [short(column) for column in columns])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
