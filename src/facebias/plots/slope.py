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
from facebias.plots.crowd import drawn_groups, notes, short
from facebias.plots.recall import pick
from facebias.plots.style import FAINT, INK, figure_title, look, new_figure, styled

_LABEL = 0.165  # inches from one label to the next


def paired_slope(
    summary: pd.DataFrame, dataset: str, before: str, after: str, grouping: str = "race x gender"
) -> Figure:
    """Each group's recall from one arm to another, a line a group; the worst of the first arm is drawn strong.

    Small cells are dotted and grey, and never the worst; empty ones are not drawn. Of more than 40 groups the largest
    are shown, and the lowest and the highest.

    Raises:
        FacebiasError: the summary has no such rows, or an arm has no group with images.
    """
    rows = pick(summary, dataset, grouping, (before, after))
    table = rows.pivot(index="group", columns="model", values="value").reindex(rows["group"].unique()).dropna()
    if table.empty or {before, after} - set(table):
        what, mend = "no group has images in both arms", "Choose another grouping or other arms"
        raise FacebiasError("FIGURE", f"{dataset}, {grouping}", what, mend)
    names, note = drawn_groups(rows[(rows["model"] == before) & rows["group"].isin(table.index)])
    table = table.loc[names]
    size = rows.groupby("group")["n"].first().reindex(table.index).to_numpy()
    left, right = 100 * table[before].to_numpy(), 100 * table[after].to_numpy()
    # as in the verdict: neither a small cell nor one whose group is not known may be called worst
    large = (size >= SMALL) & ~table.index.str.contains(UNKNOWN)
    worst = int(np.argmin(np.where(large, left, np.inf))) if large.any() else -1
    labels = [short(name) + ("" if big else f" (n = {n})") for name, n, big in zip(names, size, large, strict=True)]
    with styled():
        inches = max(2.2, _LABEL * (len(names) + 1))
        figure = new_figure(7.0, 1.3 + inches)
        axis = figure.add_subplot()
        for number, ends in enumerate(zip(left, right, strict=True)):
            _line(axis, ends, is_worst=number == worst, large=bool(large[number]))
        # labels say the values, so the axis has neither ticks nor a grid that would run through them
        least = _limits(axis, left, right, inches)
        colours = [look(1)["color"] if number == worst else INK if big else FAINT for number, big in enumerate(large)]
        _ends(axis, left, [f"{value:.1f}" for value in left], 0, colours, least)
        told = [f"{value:.1f}  {label}" for value, label in zip(right, labels, strict=True)]
        _ends(axis, right, told, 1, colours, least)
        axis.set_xticks([0, 1], [f"{arm_name(arm)}\nrecall, %" for arm in (before, after)])
        axis.set_xlim(-0.25, 1.75)
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
        axis.tick_params(axis="x", length=0, pad=8)
        title = f"Recall by {grouping} on {dataset_name(dataset)}, {rule_text(rows['rule'].iloc[0])}"
        bold = f"bold: the worst of {arm_name(before)}" if worst >= 0 else ""
        figure_title(figure, title, notes([bold, note]))
    return figure


def _limits(axis: Axes, left: np.ndarray, right: np.ndarray, inches: float) -> float:
    """Fit the axis to the values, at least 5 points, and return how far apart labels must be, in points."""
    low, high = min(left.min(), right.min()), max(left.max(), right.max())
    air = 0.5 * max(0.0, 5 - (high - low)) + 0.02 * (high - low) + 0.05
    axis.set_ylim(low - air, high + air)
    return float(_LABEL * (high - low + 2 * air) / inches)


def _line(axis: Axes, ends: tuple[float, float], *, is_worst: bool, large: bool) -> None:
    axis.plot(
        [0, 1],
        ends,
        marker="o",
        markersize=4,
        linestyle="-" if large else ":",
        color=look(1)["color"] if is_worst else "#444444" if large else FAINT,
        zorder=3 if is_worst else 2,
        linewidth=2.4 if is_worst else 1,
    )


def _ends(axis: Axes, values: np.ndarray, texts: list[str], side: int, colours: list[str], least: float) -> None:
    """Labels beside the ends, moved `least` apart where they would touch, each tied to its end by a hair line."""
    places = apart(values, least, *axis.get_ylim())
    sign = 1 if side else -1
    for number, (value, place, text) in enumerate(zip(values, places, texts, strict=True)):
        axis.plot([side + 0.02 * sign, side + 0.07 * sign], [value, place], color=FAINT, linewidth=0.6, zorder=1)
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
    fitted = isotonic_regression(values[order] - steps).x
    # clipped, a least-squares fit is the one within bounds; too many labels for them rise above `high`
    out = np.empty(len(values))
    out[order] = np.clip(fitted, low, max(low, high - steps[-1])) + steps
    return out
