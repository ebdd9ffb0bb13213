"""What figures with a row a group have in common: a model's dots with intervals, and the faces beside each name."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from facebias.audit.groups import SMALL
from facebias.core.arms import arm_name
from facebias.plots.style import FAINT, look


def dots(axis: Axes, rows: pd.DataFrame, y: np.ndarray, number: int, model: str) -> None:
    """One model's rates as dots with intervals, groups of few faces in grey, and its entry in the legend.

    Args:
        axis: in percent.
        rows: `value`, `low`, `high` (shares) and `small`, a row a group.
        y: (rows,) the height of each.
        number: of the model, for its look.
        model: its arm.
    """
    seen, value = look(number), 100 * rows["value"].to_numpy()
    small = rows["small"].to_numpy()
    reach = np.abs(100 * rows[["low", "high"]].to_numpy().T - value)
    for mask, colour in ((~small, seen["color"]), (small, FAINT)):
        axis.errorbar(value[mask], y[mask], xerr=reach[:, mask], fmt="none", ecolor=colour, elinewidth=1.1)
        axis.plot(
            value[mask],
            y[mask],
            linestyle="none",
            marker=seen["marker"],
            color=colour,
            markersize=4.8,
            markerfacecolor="white" if colour == FAINT else colour,
        )
    axis.plot([], [], linestyle="none", marker=seen["marker"], color=seen["color"], markersize=5, label=arm_name(model))


def sizes(axis: Axes, heights: list[float], faces: list[float]) -> None:
    """Every second row shaded, and the number of faces to the right; NaN for a row that has none of its own.

    Few faces are written in grey, and so is the name at the left, whose ticks must be set already.
    """
    for number, (y, n) in enumerate(zip(heights, faces, strict=True)):
        if number % 2 == 0:
            axis.axhspan(y - 0.5, y + 0.5, color="#f6f6f6", zorder=0, linewidth=0)
        if np.isnan(n):
            continue
        few = n < SMALL
        axis.text(
            1.01,
            y,
            "no images" if n == 0 else f"n = {int(n):,}" + (" (small)" if few else ""),
            transform=axis.get_yaxis_transform(),
            va="center",
            fontsize=8,
            color=FAINT if few else "#555555",
        )
        if few:
            axis.get_yticklabels()[number].set_color(FAINT)
