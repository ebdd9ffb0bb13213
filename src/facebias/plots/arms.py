"""All arms in one figure: overall recall, worst group and gap, each with its interval."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.words import dataset_name, interval_over
from facebias.plots.style import (
    COLOURS,
    FAINT,
    GRID,
    INK,
    WIDEST,
    figure_title,
    legend_below,
    new_figure,
    nothing,
    styled,
)

_PANELS = {"overall": "recall of all faces, %", "worst": "recall of the worst group, %", "gap": "gap, points"}


def arms_overview(measures: pd.DataFrame, changes: pd.DataFrame, dataset: str, grouping: str) -> Figure:
    """One row an arm: overall recall, worst group and gap (best less worst), corrected for what chance adds.

    The baseline's values run through each panel as a line. A filled dot is an arm whose paired change from the
    baseline has an interval that excludes 0; all others are not distinguishable from it. In the panel of gaps a grey
    bar ends at the gap that groups would show that do not differ.

    Args:
        measures: from `facebias.audit.worst_and_gap`.
        changes: from `facebias.audit.changes`.
        dataset: name of the data set.
        grouping: "race x gender", ...

    Raises:
        FacebiasError: no such rows.
    """
    here = measures[(measures["dataset"] == dataset) & (measures["grouping"] == grouping)]
    if here.empty:
        raise FacebiasError("FIGURE", f"{dataset}, {grouping}", "the measures have no such rows", "Name others")
    changed = changes[(changes["dataset"] == dataset) & (changes["grouping"] == grouping) & changes["distinguishable"]]
    clear, arms = set(zip(changed["model"], changed["metric"], strict=True)), list(here["model"].unique())
    with styled():
        figure = new_figure(WIDEST, 1.3 + 0.27 * len(arms))
        axes = figure.subplots(1, len(_PANELS), sharey=True)
        for axis, (metric, label) in zip(axes, _PANELS.items(), strict=True):
            rows = here[here["metric"] == metric].set_index("model").loc[arms]
            _panel(axis, rows, {arm for arm in arms if (arm, metric) in clear})
            if rows["corrected"].isna().all():
                nothing(axis)
            axis.set_xlabel(label)
        null = here[here["metric"] == "null_gap"].set_index("model").loc[arms, "value"]
        axes[-1].barh(range(len(arms)), 100 * null, height=0.8, color=GRID, zorder=0)
        axes[-1].set_xlim(left=0)
        axes[0].set_yticks(range(len(arms)), [arm_name(arm) for arm in arms])
        axes[0].set_ylim(len(arms) - 0.5, -0.5)
        figure_title(
            figure, f"Every detector on {dataset_name(dataset)} by {grouping}, {rule_text(here['rule'].iloc[0])}"
        )
        legend_below(figure, _key(), [str(handle.get_label()) for handle in _key()], most=2)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, clear: set[str]) -> None:
    axis.axvline(100 * rows["corrected"].iloc[0], color=FAINT, linewidth=0.9, zorder=1)
    for number, (arm, row) in enumerate(rows.iterrows()):
        colour = INK if number == 0 else COLOURS[1]
        axis.plot([100 * row["low"], 100 * row["high"]], [number, number], color=colour, linewidth=1.3, zorder=2)
        axis.plot(
            100 * row["corrected"],
            number,
            marker="o",
            markersize=5.5,
            color=colour,
            zorder=3,
            markerfacecolor=colour if arm in clear or number == 0 else "white",
        )
        axis.plot(100 * row["value"], number, marker="|", markersize=8, color=colour, zorder=3)
    axis.tick_params(axis="y", length=0)
    axis.grid(True, axis="x")


def _key() -> list[Line2D]:
    return [
        Line2D([], [], color=COLOURS[1], linewidth=1.3, label=interval_over(2)),
        _dot("white", "change not distinguishable from 0"),
        _dot(COLOURS[1], "interval of the change excludes 0"),
        Line2D(
            [], [], linestyle="none", marker="|", color=COLOURS[1], markersize=8, label="before correction for chance"
        ),
        Line2D([], [], color=GRID, linewidth=6, label="gap of groups that do not differ"),
    ]


def _dot(face: str, label: str) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker="o", color=COLOURS[1], markersize=5.5, markerfacecolor=face, label=label
    )
