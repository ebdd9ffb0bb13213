"""Lines: recall against the false positive rate, training, and who resampling draws."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.words import dataset_name
from facebias.plots.crowd import LINES as MOST
from facebias.plots.crowd import drawn_groups, short
from facebias.plots.panels import first_column, panel_grid
from facebias.plots.style import FAINT, LINES, figure_title, legend_below, log_ticks, look, percent_axis, styled


def recall_against_threshold(table: pd.DataFrame) -> Figure:
    """Recall of each group against the false positive rate allowed: a panel a model.

    Args:
        table: from `facebias.audit.recall_by_fpr`; small groups are thin and grey, empty ones are not drawn. Of more
            than 12 groups the largest are shown, and the lowest and the highest.

    Raises:
        FacebiasError: no group has images.
    """
    rows = table.dropna(subset="value")
    if rows.empty:
        raise FacebiasError("FIGURE", "recall_against_threshold", "no group has images", "Choose another grouping")
    near = rows.loc[(rows["fpr"] - 0.01).abs() == (rows["fpr"] - 0.01).abs().min()]
    (groups, note), models = drawn_groups(near, most=MOST), list(rows["model"].unique())
    with styled():
        figure, axes = panel_grid(len(models), 3.0)
        for axis, model in zip(axes, models, strict=True):
            for number, group in enumerate(groups):
                mine = rows[(rows["model"] == model) & (rows["group"] == group)]
                few = bool(mine["small"].any())
                seen = look(number + 1)
                seen["color"] = FAINT if few else seen["color"]
                axis.plot(
                    100 * mine["fpr"],
                    100 * mine["value"],
                    **seen,
                    linewidth=0.9 if few else None,
                    markersize=4.5,
                    label=f"{short(group)} (n = {mine['n'].iloc[0]})" if few else short(group),
                    linestyle=LINES[number % len(LINES)],
                    markevery=(number % 6, 6),
                )
            axis.axvline(1, color=FAINT, linewidth=0.9, zorder=1)
            axis.set_xscale("log")
            log_ticks(axis.xaxis, 99 * rows["fpr"].min(), 101 * rows["fpr"].max())
            percent_axis(axis, float(rows["value"].min()), which="y")
            axis.set_title(arm_name(model))
            axis.set_xlabel("false positive rate, %")
        first_column(axes, "recall, %")
        by, dataset = rows["grouping"].iloc[0], dataset_name(rows["dataset"].iloc[0])
        figure_title(figure, f"Recall by {by} on {dataset} as more false positives are allowed", note)
        legend_below(figure, *axes[0].get_legend_handles_labels())
    return figure
