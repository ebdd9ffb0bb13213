"""What mistakes look like: false alarms over epochs, weights in order, gaps by chance."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from facebias.analyses.mistakes.judging import chance_gap
from facebias.analyses.mistakes.training import Trained
from facebias.plots.style import LINES, figure_title, legend_below, log_ticks, look, new_figure, styled


def false_alarms(trainings: dict[str, Trained]) -> Figure:
    """Recall and false positive rate at probability one half over epochs, a line a training.

    Args:
        trainings: by what the legend calls them.
    """
    with styled():
        figure = new_figure(7.0, 2.9)
        axes = figure.subplots(1, 2, sharey=True)
        panels = (("recall_half", "faces called faces (recall)"), ("fpr_half", "non-faces called faces"))
        for axis, (column, title) in zip(axes, panels, strict=True):
            for number, (name, one) in enumerate(trainings.items()):
                epochs, shares = one.history["epoch"], 100 * one.history[column]
                axis.plot(epochs, shares, **look(number), linestyle=LINES[number], markersize=4, label=name)
            axis.set_title(title)
            axis.set_xlabel("epoch")
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
            axis.set_ylim(-4, 104)
            axis.grid(True, axis="y")
        axes[0].set_ylabel("%, at probability 0.5")
        figure_title(figure, "Recall alone cannot tell a detector from one that calls everything a face")
        legend_below(figure, *axes[0].get_legend_handles_labels())
    return figure


def sorted_weights(rules: dict[str, np.ndarray]) -> Figure:
    """How often each face is drawn over uniform draws, the rarest first, a line a rule.

    Args:
        rules: probabilities (N,) by what the legend calls them.
    """
    with styled():
        figure = new_figure(6.0, 3.0)
        axis = figure.add_subplot()
        for number, (name, probability) in enumerate(rules.items()):
            times = np.sort(probability)[::-1] * len(probability)
            rank = 100 * (np.arange(len(times)) + 0.5) / len(times)
            axis.plot(rank, times, color=look(number)["color"], linestyle=LINES[number], label=name)
        axis.axhline(1, color="#777777", linewidth=0.9, zorder=1)
        axis.set_yscale("log")
        low, high = axis.get_ylim()
        log_ticks(axis.yaxis, low, high)
        axis.set_xlabel("faces, % of all, those drawn most often first")
        axis.set_ylabel("draws over\nuniform draws")
        axis.grid(True, axis="y")
        figure_title(figure, "How far a rule is from drawing all faces alike")
        legend_below(figure, *axis.get_legend_handles_labels())
    return figure


def chance_gaps(shares: tuple[float, ...] = (0.97, 0.9), groups: int = 4) -> Figure:
    """Expected gap of groups that do not differ against the images of each, a line a true recall.

    Args:
        shares: true recall of every group.
        groups: how many groups.
    """
    sizes = np.unique(np.geomspace(5, 5000, 25).round().astype(int))
    with styled():
        figure = new_figure(6.0, 3.0)
        axis = figure.add_subplot()
        for number, share in enumerate(shares):
            gaps = [chance_gap(int(n), share, groups) for n in sizes]
            name = f"all groups at {100 * share:g} %"
            axis.plot(sizes, gaps, color=look(number)["color"], linestyle=LINES[number], label=name)
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(FixedLocator([5, 20, 100, 500, 2000]))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_ylim(0, None)
        axis.set_xlabel("images of each group")
        axis.set_ylabel("expected gap, points")
        axis.grid(True, axis="y")
        figure_title(figure, f"The gap between best and worst of {groups} groups that do not differ")
        legend_below(figure, *axis.get_legend_handles_labels())
    return figure
