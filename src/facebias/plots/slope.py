"""Each group's recall from one arm to another."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from facebias.audit.groups import SMALL
from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.words import UNKNOWN, dataset_name
from facebias.plots.recall import pick
from facebias.plots.style import FAINT, GRID, INK, look, new_figure, percent_axis, styled


def paired_slope(
    summary: pd.DataFrame, dataset: str, before: str, after: str, grouping: str = "race x gender"
) -> Figure:
    """Each group's recall from one arm to another, a line a group; the worst of the first arm is drawn strong.

    Small cells are dotted and grey, and never the worst; empty ones are not drawn.

    Raises:
        FacebiasError: the summary has no such rows, or an arm has no group with images.
    """
    rows = pick(summary, dataset, grouping, (before, after))
    table = rows.pivot(index="group", columns="model", values="value").reindex(rows["group"].unique()).dropna()
    if table.empty or {before, after} - set(table):
        raise FacebiasError(
            "FIGURE",
            f"{dataset}, {grouping}",
            "no group has images in both arms",
            "Choose another grouping or other arms",
        )
    size = rows.groupby("group")["n"].first().reindex(table.index).to_numpy()
    left, right = 100 * table[before].to_numpy(), 100 * table[after].to_numpy()
    # as in the verdict: neither a small cell nor one whose group is not known may be called worst
    large = (size >= SMALL) & ~table.index.str.contains(UNKNOWN)
    worst = int(np.argmin(np.where(large, left, np.inf))) if large.any() else -1
    names = [name if big else f"{name} (n = {n})" for name, n, big in zip(table.index, size, large, strict=True)]
    with styled():
        figure = new_figure(7.0, 1.3 + 0.27 * max(len(table), 8))
        axis = figure.add_subplot()
        for number, ends in enumerate(zip(left, right, strict=True)):
            _line(axis, ends, is_worst=number == worst, large=bool(large[number]))
        percent_axis(axis, float(table.min().min()), which="y")
        colours = [look(1)["color"] if number == worst else INK if big else FAINT for number, big in enumerate(large)]
        _ends(axis, left, [f"{value:.1f}" for value in left], 0, colours)
        _ends(axis, right, [f"{value:.1f}  {name}" for value, name in zip(right, names, strict=True)], 1, colours)
        axis.set_xticks([0, 1], [arm_name(before), arm_name(after)])
        axis.set_xlim(-0.25, 1.75)
        axis.spines[["left", "bottom"]].set_visible(False)
        axis.tick_params(axis="both", length=0)
        axis.set_ylabel("recall, %")
        axis.set_title(f"Recall by {grouping} on {dataset_name(dataset)}, {rule_text(rows['rule'].iloc[0])}")
    return figure


def _line(axis: Axes, ends: tuple[float, float], *, is_worst: bool, large: bool) -> None:
    axis.plot(
        [0, 1],
        ends,
        marker="o",
        markersize=4,
        linestyle="-" if large else ":",
        color=look(1)["color"] if is_worst else "#777777" if large else FAINT,
        zorder=3 if is_worst else 2,
        linewidth=2.4 if is_worst else 1,
    )


def _ends(axis: Axes, values: np.ndarray, texts: list[str], side: int, colours: list[str]) -> None:
    """Labels beside the ends, moved apart where they would touch, each tied to its end by a hair line."""
    low, high = axis.get_ylim()
    places = apart(values, (high - low) * 0.034 * 14 / max(14, len(values)), low, high)
    sign = 1 if side else -1
    for number, (value, place, text) in enumerate(zip(values, places, texts, strict=True)):
        axis.plot([side + 0.02 * sign, side + 0.07 * sign], [value, place], color=GRID, linewidth=0.8, zorder=1)
        axis.text(
            side + 0.08 * sign,
            place,
            text,
            va="center",
            ha="left" if side else "right",
            fontsize=8,
            color=colours[number],
            fontweight="bold" if colours[number] == look(1)["color"] else "normal",
        )


def apart(values: np.ndarray, least: float, low: float, high: float) -> np.ndarray:
    """Positions near `values`, in their order, at least `least` from each other, between `low` and `high`."""
    order = np.argsort(values, kind="stable")
    # Least squares with y[i + 1] - y[i] >= least is isotonic regression of values - i * least
    steps = least * np.arange(len(values))
    fitted = isotonic_regression(values[order] - steps).x + steps
    fitted += min(0.0, high - fitted[-1])
    fitted += max(0.0, low - fitted[0])
    out = np.empty(len(values))
    out[order] = fitted
    return out
