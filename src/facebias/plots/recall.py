"""Recall per group and per data set: dots with intervals, all models on one axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.audit.thresholds import rule_text
from facebias.core.errors import FacebiasError
from facebias.core.words import dataset_name, interval_over
from facebias.plots.crowd import drawn_groups, short
from facebias.plots.rows import dots, sizes
from facebias.plots.style import figure_title, legend_below, new_figure, percent_axis, styled


def pick(summary: pd.DataFrame, dataset: str, grouping: str, models: Sequence[str] | None = None) -> pd.DataFrame:
    """Recall rows of one data set and grouping, arms in the order given.

    Raises:
        FacebiasError: nothing is left.
    """
    keep = (summary["dataset"] == dataset) & (summary["grouping"] == grouping) & (summary["metric"] == "TPR")
    models = list(models) if models else list(summary["model"].unique())
    table = summary[keep & summary["model"].isin(models)]
    if table.empty:
        has = f"{', '.join(summary['dataset'].unique())}; {', '.join(summary['grouping'].unique())}"
        raise FacebiasError("FIGURE", f"{dataset}, {grouping}", "the summary has no such rows", f"It has {has}")
    order = {model: number for number, model in enumerate(models)}
    return table.sort_values("model", key=lambda column: column.map(order), kind="stable")


def group_recall(
    summary: pd.DataFrame, dataset: str, grouping: str = "race x gender", models: Sequence[str] | None = None
) -> Figure:
    """Recall of every group as a dot with its interval, all models on one axis.

    Small cells are grey; an empty one says so. Where the summary has the data set's "all faces", they are the last
    row. Of more than 40 groups the largest are shown, and the lowest and the highest.

    Args:
        summary: from `facebias.audit.summarise`.
        dataset: name of the data set.
        grouping: "race x gender", "skin tone", ...
        models: arms to show, in order; all by default.

    Raises:
        FacebiasError: the summary has no such rows.
    """
    rows = pick(summary, dataset, grouping, models)
    whole = summary[
        (summary["dataset"] == dataset)
        & (summary["grouping"] == "all faces")
        & (summary["metric"] == "TPR")
        & summary["model"].isin(rows["model"])
    ]
    groups, note = drawn_groups(rows)
    rows = rows[rows["group"].isin(groups)]
    if grouping != "all faces" and len(whole):
        rows, groups = pd.concat([rows, whole]), [*groups, "all faces"]
    title = f"Recall by {grouping} on {dataset_name(dataset)}, {rule_text(rows['rule'].iloc[0])}"
    return _dots(rows, "group", groups, title, note, separate=groups[-1] == "all faces" and len(groups) > 1)


def source_recall(summary: pd.DataFrame, source: str = "", models: Sequence[str] | None = None) -> Figure:
    """Recall on held-out faces of the training source and on each audit set: domain shift, before any group.

    Args:
        summary: from `facebias.audit.summarise`, with the grouping "all faces".
        source: name of the training source.
        models: arms to show, in order; all by default.

    Raises:
        FacebiasError: the summary has no rows of all faces.
    """
    models = list(models) if models else list(summary["model"].unique())
    whole = summary[(summary["grouping"] == "all faces") & (summary["metric"] == "TPR")]
    parts = [pick(whole, name, "all faces", models) for name in whole["dataset"].unique()]
    if not parts:
        raise FacebiasError("FIGURE", "source_recall", "no rows of all faces", "Summarise with the grouping () too")
    rows = pd.concat(parts)
    rows = rows.assign(place=[dataset_name(name, source) for name in rows["dataset"]])
    title = f"Recall on the training source and on each audit set, {rule_text(rows['rule'].iloc[0])}"
    return _dots(rows, "place", list(rows["place"].unique()), title, separate=False)


def _dots(rows: pd.DataFrame, by: str, names: list[str], title: str, note: str = "", *, separate: bool) -> Figure:
    models = list(rows["model"].unique())
    pitch = max(0.26, 0.105 * len(models) + 0.1)
    with styled():
        figure = new_figure(7.5, 1.25 + pitch * len(names) + 0.16 * -(-len(models) // 4))
        axis = figure.add_subplot()
        place = {
            name: number + (0.35 if separate and number == len(names) - 1 else 0) for number, name in enumerate(names)
        }
        for number, model in enumerate(models):
            mine = rows[rows["model"] == model]
            offset = (number - (len(models) - 1) / 2) * min(0.2, 0.72 / len(models))
            dots(axis, mine, np.array([place[name] for name in mine[by]]) + offset, number, model)
        _rows_named(axis, rows, by, place)
        if separate:
            axis.axhline(place[names[-1]] - 0.68, color="#777777", linewidth=0.8)
        percent_axis(axis, float(rows["low"].min()))
        axis.set_xlabel(f"recall, % of the group's faces ({interval_over(int(rows['seeds'].max()))})")
        figure_title(figure, title, note)
        legend_below(figure, *axis.get_legend_handles_labels())
    return figure


def _rows_named(axis: Axes, rows: pd.DataFrame, by: str, place: dict[str, float]) -> None:
    size = rows.groupby(by)["n"].first()
    axis.set_yticks(list(place.values()), [short(name) for name in place])
    axis.set_ylim(max(place.values()) + 0.6, -0.6)
    axis.tick_params(axis="y", length=0)
    sizes(axis, list(place.values()), [float(size[name]) for name in place])
