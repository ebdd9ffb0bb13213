"""Measured skin tone: recall against it, and who has which."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.tone_scale import CLASS_BOUNDS, classify_ita
from facebias.core.words import dataset_name
from facebias.plots.crowd import drawn_groups, short
from facebias.plots.style import FAINT, LINES, figure_title, legend_below, look, new_figure, percent_axis, styled


def recall_against_ita(table: pd.DataFrame) -> Figure:
    """Recall against measured skin tone, all models on one axis, with the classes of tone marked.

    Args:
        table: from `facebias.audit.recall_by_ita`.
    """
    with styled():
        figure = new_figure(7.5, 3.7)
        axis = figure.add_subplot()
        for number, model in enumerate(table["model"].unique()):
            mine = table[table["model"] == model]
            shift = 1.2 * (number - (table["model"].nunique() - 1) / 2)
            value = 100 * mine["value"]
            reach = [value - 100 * mine["low"], 100 * mine["high"] - value]
            axis.errorbar(
                mine["ita"] + shift,
                value,
                yerr=reach,
                **look(number),
                linestyle=LINES[number % len(LINES)],
                markersize=4.8,
                elinewidth=1,
                linewidth=1.1,
                label=arm_name(model),
            )
        percent_axis(axis, float(table["low"].min()), which="y")
        tone_axis(axis, float(table["ita"].min()) - 8, float(table["ita"].max()) + 8)
        axis.set_ylabel("recall, % (95 % interval)")
        dataset, rule = dataset_name(table["dataset"].iloc[0]), rule_text(table["rule"].iloc[0])
        figure_title(figure, f"Recall against skin tone on {dataset}, {rule}")
        legend_below(figure, *axis.get_legend_handles_labels())
    return figure


def tone_axis(axis: Axes, low: float, high: float) -> None:
    """Make x an axis of ITA in degrees, dark to light, with the bounds of the classes and their names above it."""
    axis.set_xlim(low, high)
    edges = [low, *[bound for bound in reversed(CLASS_BOUNDS) if low < bound < high], high]
    for bound in edges[1:-1]:
        axis.axvline(bound, color=FAINT, linewidth=0.8, linestyle=":", zorder=1)
    for left, right in pairwise(edges):
        middle = (left + right) / 2
        if right - left > 0.05 * (high - low):
            axis.text(
                middle,
                1.015,
                str(classify_ita(np.array(middle))).replace(" ", "\n"),
                ha="center",
                va="bottom",
                transform=axis.get_xaxis_transform(),
                fontsize=7.5,
                color="#555555",
            )
    axis.set_xlabel("individual typology angle of the skin, degrees (dark to light)")


def ita_histogram(table: pd.DataFrame, by: str = "race") -> Figure:
    """Distribution of the measured skin tone, as a box a group: overlap is what race labels hide.

    Args:
        table: demographic table (or predictions of one run) with `ita` and `by`; rows without are left out.
        by: "race" or "gender".

    Raises:
        FacebiasError: no row has both.
    """
    rows = table[table["ita"].notna() & (table[by] != "")]
    if rows.empty:
        raise FacebiasError("FIGURE", by, f"no face has both ITA and {by}", "Group by another column")
    sizes = rows.groupby(by, as_index=False).agg(n=("ita", "size"))
    names, note = drawn_groups(sizes, by)
    order = rows[rows[by].isin(names)].groupby(by)["ita"].median().sort_values().index
    with styled():
        figure = new_figure(7.5, 1.2 + 0.36 * len(order))
        axis = figure.add_subplot()
        groups = [rows.loc[rows[by] == name, "ita"].to_numpy() for name in order]
        blue = {"color": "#0072B2"}
        axis.boxplot(
            groups,
            orientation="horizontal",
            widths=0.5,
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            boxprops={"facecolor": "#d6e6f2", "edgecolor": "#0072B2"},
            medianprops={**blue, "linewidth": 2},
            whiskerprops=blue,
            capprops=blue,
        )
        axis.set_yticks(
            range(1, len(order) + 1),
            [f"{short(name)}\nn = {len(group):,}" for name, group in zip(order, groups, strict=True)],
        )
        axis.tick_params(axis="y", length=0)
        ends = np.concatenate([np.quantile(group, (0.05, 0.95)) for group in groups])
        tone_axis(axis, ends.min() - 5, ends.max() + 5)
        figure_title(figure, f"Measured skin tone by {by}: median, half and 90 % of the faces", note)
    return figure
