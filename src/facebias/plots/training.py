"""Figures of training: losses and recall over epochs, and how often each group is drawn."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from facebias.core.arms import arm_name
from facebias.plots.panels import panel_grid
from facebias.plots.style import LINES, look, new_figure, styled


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
            axis.set_title(name.replace("_", " "), fontsize=9)
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axis.grid(True, axis="y")
            axis.set_xlabel("epoch")
        if models != [""]:
            figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def sampling_by_group(table: pd.DataFrame) -> Figure:
    """How much more often than it occurs each group is drawn, over epochs, and the effective sample size.

    Args:
        table: of one grouping, from `facebias.training.share_ratios`, whose interval over seeds is the band.
    """
    models, groups = list(table["model"].unique()), list(table["group"].unique())
    with styled():
        figure = new_figure(0.6 + 3.2 * max(2, len(models)), 4.6)
        axes = figure.subplots(2, len(models), squeeze=False, sharex=True, sharey="row", height_ratios=(2.4, 1))
        for column, model in enumerate(models):
            for number, group in enumerate(groups):
                mine = table[(table["model"] == model) & (table["group"] == group)]
                _ratio(axes[0, column], mine, number, group)
            size = table[table["model"] == model].groupby("epoch")["ess_share"].first()
            axes[1, column].plot(size.index, 100 * size, color=look(0)["color"], marker="o", markersize=3)
            axes[0, column].set_title(arm_name(str(model)))
            axes[1, column].set_xlabel("epoch")
            axes[1, column].set_ylim(0, 105)
            axes[1, column].xaxis.set_major_locator(MaxNLocator(5, integer=True))
            for axis in axes[:, column]:
                axis.grid(True, axis="y")
        band = "\n(band: 95 % interval over seeds)" if table["low"].notna().any() else ""
        axes[0, 0].set_ylabel(f"share of draws / share of faces{band}")
        axes[1, 0].set_ylabel("effective\nsample, %")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=min(3, len(groups)))
    return figure


def _ratio(axis: Axes, rows: pd.DataFrame, number: int, group: str) -> None:
    seen = look(number + 1)
    name = f"{group} ({100 * rows['natural_share'].iloc[0]:.1f} % of faces)" if len(rows) else group
    axis.fill_between(rows["epoch"], rows["low"], rows["high"], color=seen["color"], alpha=0.15, linewidth=0)
    axis.plot(rows["epoch"], rows["ratio"], **seen, linestyle=LINES[number % len(LINES)], markersize=3.5, label=name)
    axis.axhline(1, color="#777777", linewidth=0.9, zorder=1)
    axis.set_yscale("log", base=2)
    axis.yaxis.set_major_locator(LogLocator(base=2, subs=(1, 2**0.5)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
