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
from facebias.plots.recall import pick
from facebias.plots.style import figure_title, new_figure, styled

_ACROSS = 4  # panels beside each other


def group_heatmap(
    summary: pd.DataFrame, dataset: str, grouping: str = "race x gender", models: Sequence[str] | None = None
) -> Figure:
    """Recall of every cell as colour and number, a panel a model on one scale; small cells are hatched.

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
    levels, columns = list(rows[first].unique()), list(rows[second].unique())
    floor = max(0.0, 10 * np.floor(10 * np.nanmin([rows["value"].min(), 0.99])))
    scale = mpl.colors.Normalize(floor, 100)
    with styled():
        across = min(_ACROSS, len(shown))
        down = -(-len(shown) // across)
        width = max(5.5, 1.9 + (0.55 + 0.85 * len(columns)) * across)
        figure = new_figure(width, 0.7 + (0.6 + 0.5 * len(levels)) * down)
        axes = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
        for axis in axes[len(shown) :]:
            axis.set_axis_off()
        for axis, model in zip(axes, shown, strict=False):
            table = rows[rows["model"] == model].set_index([first, second])
            _panel(axis, table, levels, columns, scale)
            axis.set_title(arm_name(model), loc="center")
        axes[0].set_yticks(range(len(levels)), [level.replace("_", " ") for level in levels])
        bar = figure.colorbar(mpl.cm.ScalarMappable(scale, "viridis"), ax=list(axes), fraction=0.05, pad=0.02)
        bar.set_label("recall, %")
        bar.outline.set_visible(False)
        note = f"; hatched: under {SMALL} images" if rows["small"].any() else ""
        figure_title(figure, f"{dataset_name(dataset)}, {rule_text(rows['rule'].iloc[0])}{note}")
    return figure


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
    axis.set_xticks(range(len(columns)), columns)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
