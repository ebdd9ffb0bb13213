"""Measured skin tone against the truth, and beside the labels of race."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from facebias.analyses.tone.tables import AXES
from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.numbers import minus
from facebias.core.words import dataset_name
from facebias.plots.crowd import drawn_groups, short
from facebias.plots.style import INK, figure_title, legend_below, log_ticks, look, new_figure, percent_axis, styled


def tone_accuracy(points: pd.DataFrame, table: pd.DataFrame, dataset: str) -> Figure:
    """Measured against true ITA of rendered faces, and the error by exposure.

    Args:
        points: true `ita` and measured `measured`, degrees, one row a face; NaN is left out.
        table: from `facebias.analyses.tone.tables.tone_accuracy`.
        dataset: name of the data set.
    """
    mine = table[table["quantity"] == "ita"]
    whole, bins = mine[mine["by"] == "all"].iloc[0], mine[mine["by"] == "exposure"]
    known = points.dropna()
    with styled():
        figure = new_figure(8.2, 3.9)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
        shade = left.hexbin(
            known["ita"], known["measured"], gridsize=34, mincnt=1, cmap="Blues", bins="log", linewidths=0.1
        )
        ends = [min(known.min()), max(known.max())]
        left.plot(ends, ends, color=INK, linewidth=0.9)
        left.set_xlabel("true ITA, degrees")
        left.set_ylabel("measured ITA, degrees")
        left.set_title(f"r = {whole['pearson']:.2f}, median error {whole['median_error']:.0f} degrees")
        bar = figure.colorbar(shade, ax=left, fraction=0.05, pad=0.02, format="{x:g}")
        bar.ax.set_title("faces", fontsize=8, fontweight="normal", loc="left")
        log_ticks(bar.ax.yaxis, *shade.get_clim())
        bar.outline.set_visible(False)
        _errors(right, bins)
        scaled = table[(table["quantity"] == "ita_normalised") & (table["by"] == "exposure")]
        if len(scaled):
            seen = look(1)
            right.plot(
                range(len(scaled)), scaled["median_error"], **seen, markersize=4.8, label="with exposure normalised"
            )
        figure_title(
            figure,
            f"Skin tone measured on {dataset_name(dataset)}: {int(whole['measured']):,} of {int(whole['n']):,} faces",
        )
        legend_below(figure, *right.get_legend_handles_labels())
    return figure


def _errors(axis: mpl.axes.Axes, bins: pd.DataFrame) -> None:
    x = np.arange(len(bins))
    error, bias = look(0), look(2)
    reach = [bins["median_error"] - bins["low"], bins["high"] - bins["median_error"]]
    axis.errorbar(
        x,
        bins["median_error"],
        yerr=reach,
        **error,
        markersize=4.8,
        elinewidth=1.1,
        linewidth=1.1,
        label="median absolute error (95 % interval)",
    )
    axis.plot(
        x, bins["bias"], **bias, linestyle="--", markersize=4.8, linewidth=1.1, label="median of measured less true"
    )
    axis.axhline(0, color="#777777", linewidth=0.9, zorder=1)
    stops = [minus(level).replace(" ", "\n", 1) for level in bins["level"]]
    told = zip(stops, bins["pearson"], bins["n"], strict=True)
    axis.set_xticks(x, [f"{level}\nr = {r:.2f}\nn = {n:,}" for level, r, n in told], fontsize=7.2)
    axis.set_xlabel("exposure, stops")
    axis.set_ylabel("degrees of ITA")
    axis.set_title("Error by exposure")
    axis.grid(True, axis="y")


def recall_along(table: pd.DataFrame, column: str, dataset: str) -> Figure:
    """Recall along lightness or hue of the skin, an arm a line, with the published bound between two kinds of skin.

    Args:
        table: from `facebias.analyses.tone.tables.recall_by_colour`.
        column: "l_star" or "hue".
        dataset: name of the data set.
    """
    name, below, above = _SKIN[column]
    with styled():
        figure = new_figure(7.5, 3.5)
        axis = figure.add_subplot()
        for number, (model, mine) in enumerate(table.groupby("model", sort=False)):
            value = 100 * mine["value"]
            reach = [value - 100 * mine["low"], 100 * mine["high"] - value]
            label = arm_name(str(model))
            axis.errorbar(mine[column], value, yerr=reach, **look(number), markersize=4.8, elinewidth=1, label=label)
        axis.axvline(AXES[column], color="#777777", linewidth=0.9, linestyle=":", zorder=1)
        percent_axis(axis, float(table["low"].min()), which="y")
        axis.set_xlabel(f"{name}: {below} up to {AXES[column]:g}, {above} beyond")
        axis.set_ylabel("recall, % (95 % interval)")
        rule = rule_text(table["rule"].iloc[0])
        figure_title(figure, f"Recall along the skin's {name.split(',')[0]} on {dataset_name(dataset)}, {rule}")
        legend_below(figure, *axis.get_legend_handles_labels())
    return figure


_SKIN = {"l_star": ("lightness L*", "dark", "light"), "hue": ("hue, degrees", "reddish", "yellowish")}


def tone_by_race(table: pd.DataFrame, dataset: str, explained: float) -> Figure:
    """Race as labelled against tone as measured: share of the race's faces as colour, with counts.

    Args:
        table: from `facebias.analyses.tone.tables.tone_by_race`.
        dataset: name of the data set.
        explained: share of the variance of ITA that the label accounts for.
    """
    totals = table.groupby("race", sort=False, as_index=False)["n"].sum()
    (races, note), tones = drawn_groups(totals, "race"), list(table["skin_tone"].unique())
    shares = table.pivot(index="race", columns="skin_tone", values="share").loc[races, tones].to_numpy()
    counts = table.pivot(index="race", columns="skin_tone", values="n").loc[races, tones].to_numpy()
    colours, scale = mpl.colormaps["viridis"], mpl.colors.Normalize(0, max(0.05, shares.max()))
    with styled():
        figure = new_figure(7.5, 1.3 + 0.42 * len(races))
        axis = figure.add_subplot()
        for (y, x), share in np.ndenumerate(shares):
            _cell(axis, x, y, colours(scale(share)), f"{100 * share:.0f} % ({counts[y, x]:,})")
        axis.set_xlim(-0.5, len(tones) - 0.5)
        axis.set_ylim(len(races) - 0.5, -0.5)
        axis.set_xticks(range(len(tones)), tones)
        axis.set_yticks(
            range(len(races)),
            [f"{short(name)}, n = {int(total):,}" for name, total in zip(races, counts.sum(axis=1), strict=True)],
        )
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        figure_title(figure, f"{dataset_name(dataset)}: tone as measured, by race as labelled", note)
        axis.set_title(
            f"The label accounts for {100 * explained:.0f} % of the variance of ITA", fontweight="normal", fontsize=9
        )
    return figure


def _cell(axis: Axes, x: int, y: int, face: tuple[float, ...], text: str) -> None:
    axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=face, edgecolor="white", linewidth=1.5))
    dark = np.dot(face[:3], (0.299, 0.587, 0.114)) < 0.48
    axis.text(x, y, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
