"""Figures of training: losses and recall over epochs, and how often each group is drawn."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from facebias.core.arms import arm_name
from facebias.plots.crowd import LINES as MOST
from facebias.plots.crowd import drawn_groups, notes, short
from facebias.plots.panels import PANELS, panel_grid
from facebias.plots.style import LINES, figure_title, legend_below, look, new_figure, styled

_MEASURED = {
    "classification": "classification loss, nats",
    "reconstruction": "decoded, |difference| of 0..1",
    "kl": "Kullback-Leibler, nats a face",
    "validation_recall": "validation recall, share",
    "ess_share": "effective sample, share",
}


def training_curves(history: pd.DataFrame) -> Figure:
    """Every column of a training history against the epoch, a panel each; a line a model where there are several.

    Args:
        history: `Run.history`, one row an epoch; optionally `model` and `seed` columns for several runs.
    """
    shown = [
        name
        for name in history.select_dtypes("number")
        if name not in ("epoch", "seed") and history[name].notna().any()
    ]
    models = list(history["model"].unique()) if "model" in history else [""]
    with styled():
        figure, axes = panel_grid(len(shown), 1.9)
        for axis, name in zip(axes, shown, strict=True):
            for number, model in enumerate(models):
                mine = history[history["model"] == model] if model else history
                mean = mine.groupby("epoch")[name].mean()
                axis.plot(
                    mean.index,
                    mean,
                    **look(number),
                    linestyle=LINES[number % len(LINES)],
                    markersize=3,
                    label=arm_name(str(model)),
                )
            axis.set_title(_MEASURED.get(name, name.replace("_", " ")), fontsize=9)
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
            axis.grid(True, axis="y")
            axis.set_xlabel("epoch")
        several = f", mean of {history['seed'].nunique()} seeds" if "seed" in history else ""
        figure_title(figure, f"Training, epoch by epoch{several}")
        if models != [""]:
            legend_below(figure, *axes[0].get_legend_handles_labels())
    return figure


def sampling_by_group(table: pd.DataFrame) -> Figure:
    """How much more often than it occurs each group is drawn, over epochs, and the effective sample size.

    Args:
        table: of one grouping, from `facebias.training.share_ratios`, whose interval over seeds is the band. Of more
            than 12 groups the largest are shown.
    """
    (groups, note), models = drawn_groups(table, most=MOST), list(table["model"].unique())
    ratios = table[table["group"].isin(groups)]
    lines = -(-len(models) // PANELS)
    columns = -(-len(models) // lines)  # as even as can be: 4 arms are 2 and 2
    with styled():
        figure = new_figure(0.9 + 2.9 * max(2, columns), 1.0 + 3.5 * lines + 0.09 * len(groups))
        axes = figure.subplots(2 * lines, columns, squeeze=False, sharex=True, height_ratios=(2.4, 1) * lines)
        for number, model in enumerate(models):
            line, column = divmod(number, columns)
            above, below = axes[2 * line : 2 * line + 2, column]
            _ratios(above, ratios[ratios["model"] == model], groups, ratios)
            _sample(below, table[table["model"] == model])
            above.set_title(arm_name(str(model)))
        for number in range(len(models), lines * columns):
            line, column = divmod(number, columns)
            for axis in axes[2 * line : 2 * line + 2, column]:
                axis.remove()
        for above, below in axes[:, 0].reshape(-1, 2):
            above.set_ylabel("share of draws /\nshare of faces")
            below.set_ylabel("effective\nsample, %")
        by = str(table["grouping"].iloc[0]).replace("_", " ")
        band = "band: 95 % interval over seeds" if table["low"].notna().any() else ""
        title = f"Whom resampling draws, by {by}: above 1, more often than they occur"
        figure_title(figure, title, notes([band, note]))
        legend_below(figure, *axes[0, 0].get_legend_handles_labels(), most=3)
    return figure


def _ratios(axis: Axes, rows: pd.DataFrame, groups: list[str], every: pd.DataFrame) -> None:
    """A line a group on a scale that all models share, with two ticks or more however near to 1 all ratios are."""
    for number, group in enumerate(groups):
        mine, seen = rows[rows["group"] == group], look(number + 1)
        share = f" ({100 * mine['natural_share'].iloc[0]:.1f} % of faces)" if len(mine) else ""
        axis.fill_between(mine["epoch"], mine["low"], mine["high"], color=seen["color"], alpha=0.15, linewidth=0)
        dashes = LINES[number % len(LINES)]
        axis.plot(mine["epoch"], mine["ratio"], **seen, linestyle=dashes, markersize=3.5, label=short(group) + share)
    axis.axhline(1, color="#777777", linewidth=0.9, zorder=1)
    axis.grid(True, axis="y")
    axis.set_yscale("log", base=2)
    low, high = ratio_limits(every)
    axis.set_ylim(low, high)
    axis.yaxis.set_major_locator(FixedLocator(ratio_ticks(low, high)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_locator(NullLocator())


def _sample(axis: Axes, rows: pd.DataFrame) -> None:
    """The effective sample of each epoch."""
    size = rows.groupby("epoch")["ess_share"].first()
    axis.plot(size.index, 100 * size, color=look(0)["color"], marker="o", markersize=3)
    axis.set_ylim(0, 105)
    axis.grid(True, axis="y")
    axis.set_xlabel("epoch")
    axis.tick_params(labelbottom=True)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))


def ratio_limits(table: pd.DataFrame) -> tuple[float, float]:
    """Ends of a scale of ratios that holds every interval, and 0.8 to 1.25 where all are nearer to 1 than that."""
    values = table[["ratio", "low", "high"]].to_numpy(dtype=float)
    values = values[np.isfinite(values) & (values > 0)]
    ends = (min(0.8, values.min()), max(1.25, values.max())) if len(values) else (0.8, 1.25)
    return float(ends[0] / 1.03), float(ends[1] * 1.03)


def ratio_ticks(low: float, high: float) -> list[float]:
    """Round ratios from `low` to `high`, between two and nine, 1 among them: tenths, coarser, or powers of two."""
    tenths, coarse = (0.8, 0.9, 1.0, 1.1, 1.25), (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 2.5)
    for steps in (tenths, coarse):
        if steps[0] / 1.5 <= low and high <= steps[-1] * 1.5:
            inside = [tick for tick in steps if low <= tick <= high]
            if 2 < len(inside) < 10:
                return inside
    octaves = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
    every = -(-len(octaves) // 8)
    return [2.0**octave for octave in octaves if octave % every == 0]
