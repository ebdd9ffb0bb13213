"""Any models side by side: recall of each group beside the published bars, and the changes from a baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.audit.paper import paper_bars
from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.words import dataset_name, interval_over
from facebias.plots.crowd import drawn_groups, notes, of_drawn, short
from facebias.plots.recall import pick
from facebias.plots.rows import sizes
from facebias.plots.style import INK, MARKERS, figure_title, look, new_figure, percent_axis, styled

_WHOLE = "all faces"
_LEGEND = 0.19  # inches a line
_MODELS = 12  # on one axis


def recall_beside_published(summary: pd.DataFrame, dataset: str, grouping: str) -> Figure:
    """Recall of every group as dots with intervals, and below, in a panel of its own, the paper's bars, hollow.

    Both panels have one scale. Small groups are hollow and their names grey.

    Args:
        summary: from `facebias.audit.summarise`; models are drawn in its order.
        dataset: name of the audit set.
        grouping: "race x gender", "skin tone x gender", ...

    Raises:
        FacebiasError: the summary has no such rows.
    """
    crossed, few = of_drawn(pick(summary, dataset, grouping))
    rows, others = _first(pd.concat([crossed, pick(summary, dataset, _WHOLE)]))
    models, groups, bars = list(rows["model"].unique()), list(rows["group"].unique()), paper_bars()
    heights = [_pitch(len(models)) * len(groups), _pitch(5) * 4]
    with styled():
        # titles, axis labels and legends need inches, whatever the number of rows
        figure = new_figure(8, sum(heights) + 2.5 + _LEGEND * -(-len(models) // 2))
        ours, theirs = figure.subplots(2, height_ratios=heights)
        for number, model in enumerate(models):
            mine = rows[rows["model"] == model].set_index("group").reindex(groups)
            _dots(ours, mine, number, len(models), number, arm_name(model), ~mine["small"].to_numpy(bool))
        lowest = min(float(rows["low"].min()), float(bars["value"].min()))
        _name_rows(ours, groups, rows.groupby("group")["n"].first().reindex(groups), summaries=1)
        title = f"Recall by {grouping} on {dataset_name(dataset)}, {rule_text(rows['rule'].iloc[0])}"
        figure_title(figure, title, notes([few, others]))
        ours.set_xlabel(f"recall, % of the group's faces ({interval_over(int(rows['seeds'].max()))})")
        ours.legend(loc="upper center", bbox_to_anchor=(0.5, -0.48 / heights[0]), ncols=2)
        _published(theirs, bars, heights[1])
        for axis in (ours, theirs):
            percent_axis(axis, lowest)
    return figure


def _published(axis: Axes, bars: pd.DataFrame, height: float) -> None:
    """The paper's bars: hollow, grey and told apart by marker alone, so that nobody takes them for a model of ours."""
    groups = bars.drop_duplicates(["skin", "gender"])
    names = [f"{skin} \N{MIDDLE DOT} {gender}" for skin, gender in groups[["skin", "gender"]].itertuples(index=False)]
    settings = list(bars["setting"].unique())
    for number, setting in enumerate(settings):
        value = 100 * bars.loc[bars["setting"] == setting, "value"].to_numpy()
        axis.plot(
            value,
            _places(len(names), number, len(settings)),
            linestyle="none",
            color="#555555",
            marker=MARKERS[number],
            markersize=5,
            markerfacecolor="none",
            label=setting,
        )
    _name_rows(axis, names, pd.Series(groups["n"].to_numpy(), index=names))
    axis.set_title("Published (Amini et al. 2019): PPB, sliding windows, FPR not stated")
    axis.set_xlabel("recall, %, bars of Fig. 5B as digitised: other images, another protocol, not comparable")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.48 / height), ncols=5, columnspacing=1.2)


def group_changes(changes: pd.DataFrame, dataset: str, grouping: str) -> Figure:
    """Change of every group from the baseline with its interval: filled where it is flagged, hollow where not.

    Args:
        changes: from `facebias.report.comparison.changes.changes_table`.
        dataset: name of the audit set.
        grouping: "race x gender", "skin tone x gender", ...

    Raises:
        FacebiasError: no change of that data set and grouping.
    """
    rows = changes[(changes["dataset"] == dataset) & changes["grouping"].isin([grouping, _WHOLE])]
    crossed = rows["grouping"] == grouping
    if not crossed.any():
        raise FacebiasError("FIGURE", f"{dataset}, {grouping}", "the changes have no such rows", "Name others")
    rows, others = _first(rows)
    crossed = rows["grouping"] == grouping
    extremes = {"worst": "worst group", "gap": "gap (below 0: narrower)"}
    rows = rows.assign(row=rows["group"].where(rows["metric"] == "TPR", rows["metric"].map(extremes)))
    groups, few = drawn_groups(rows[crossed & (rows["metric"] == "TPR")], "row")
    below = [_WHOLE, *(name for name in extremes.values() if (rows["row"] == name).any())]
    models = list(rows["model"].unique())
    height = _pitch(len(models)) * (len(groups) + len(below))
    with styled():
        figure = new_figure(8, height + 1.5 + _LEGEND * -(-len(models) // 2))
        axis = figure.add_subplot()
        axis.axvline(0, color=INK, linewidth=0.9, zorder=1)
        for number, model in enumerate(models):
            mine = rows[rows["model"] == model].set_index("row").reindex([*groups, *below])
            # looks are counted from 1: black is the baseline's
            _dots(
                axis,
                mine.assign(value=mine["change"]),
                number,
                len(models),
                number + 1,
                arm_name(model),
                mine["flagged"].eq(True).to_numpy(),
            )
        reach = 105 * float(np.nanmax(np.abs(rows[["low", "high"]].to_numpy(float))))
        axis.set_xlim(-reach, reach)
        axis.grid(True, axis="x")
        sizes = rows[rows["metric"] == "TPR"].groupby("row")["n"].first().reindex([*groups, *below])
        _name_rows(axis, [*groups, *below], sizes, summaries=len(below))
        rule, baseline = rule_text(rows["rule"].iloc[0]), arm_name(str(rows["baseline"].iloc[0]))
        title = f"Change in recall by {grouping} on {dataset_name(dataset)}, {rule}, from {baseline}"
        figure_title(figure, title, notes([few, others]))
        axis.set_xlabel("points (95 % interval); filled: flagged, as the interval excludes 0; hollow: not flagged")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.48 / height), ncols=2)
    return figure


def _first(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of as many detectors as one axis can tell apart, and a sentence on the others."""
    models = list(rows["model"].unique())
    note = f"{_MODELS} of {len(models)} detectors, the first" if len(models) > _MODELS else ""
    return rows[rows["model"].isin(models[:_MODELS])], note


def _pitch(models: int) -> float:
    return max(0.26, 0.105 * models + 0.1)  # inches a row


def _places(rows: int, number: int, count: int) -> np.ndarray:
    """Heights of the dots of model `number` of `count`, one a row."""
    return np.arange(rows) + (number - (count - 1) / 2) * min(0.2, 0.76 / count)


def _dots(axis: Axes, rows: pd.DataFrame, number: int, count: int, order: int, label: str, filled: np.ndarray) -> None:
    y, value = _places(len(rows), number, count), 100 * rows["value"].to_numpy(float)
    low, high = 100 * rows[["low", "high"]].to_numpy(float).T
    seen = look(order)
    axis.hlines(y, low, high, color=seen["color"], linewidth=1.1)
    for mask, face in ((filled, seen["color"]), (~filled, "white")):
        axis.plot(value[mask], y[mask], linestyle="none", **seen, markersize=4.8, markerfacecolor=face)
    axis.plot([], [], linestyle="none", **seen, markersize=5, label=label)


def _name_rows(axis: Axes, names: list[str], faces: pd.Series, summaries: int = 0) -> None:
    """Names to the left, n to the right, a line above the last `summaries` rows."""
    axis.set_yticks(range(len(names)), [short(name) for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    if summaries:
        axis.axhline(len(names) - summaries - 0.5, color="#777777", linewidth=0.8)
    sizes(axis, [float(number) for number in range(len(names))], list(faces))
