"""Recall, and the gap between groups, as one property of the picture is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from facebias.analyses.shift.tables import FACTORS, VIEWS, group_rows, most_affected
from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.words import dataset_name
from facebias.plots.style import (
    FAINT,
    WIDEST,
    figure_title,
    legend_below,
    look,
    new_figure,
    nothing,
    percent_axis,
    styled,
)

AXES = {
    "scale": "side of the view / side as packed (left: nearer, right: farther)",
    "offset": "face moved down, share of the side (left: up)",
    "brightness": "exposure, stops",
    "blur": "blur, sigma in pixels of 64",
    "size": "pixels a side that are left of 64",
}
_SHORT = ("view, side /\nas packed", "moved down,\nshare", "exposure,\nstops", "blur,\npixels", "pixels left\nof 64")
_TRAINED = "#eef3f7"
_CHANGE = {
    "overall": "change in recall, points",
    "worst": "change of worst {}, points",
    "gap": "change of gap by {}, points",
}
_CHANGED = {"overall": "Recall", "worst": "Recall of the worst group", "gap": "Gap between groups"}


def shift_curves(
    curves: pd.DataFrame, factor: str, source: str = "", trained: tuple[float, float] | None = None
) -> Figure:
    """Recall along one factor: a row a data set; on the left all faces, an arm a line; on the right the groups.

    Args:
        curves: `facebias.analyses.shift.tables.ShiftTables.curves`; the first arm is the baseline.
        factor: which factor.
        source: name of the training source.
        trained: the range of the factor that augmentation covered in training, shaded.

    Raises:
        FacebiasError: no rows of that factor.
    """
    rows = curves[(curves["factor"] == factor) & (curves["metric"] == "TPR")]
    if rows.empty:
        raise FacebiasError("FIGURE", factor, "no such factor in the table", f"Use one of {', '.join(AXES)}")
    datasets, models = list(rows["dataset"].unique()), list(rows["model"].unique())
    with styled():
        figure = new_figure(8.2, 1.25 + 2.05 * len(datasets))
        axes = figure.subplots(len(datasets), 2, squeeze=False, sharex=True, sharey="row")
        for line, dataset in enumerate(datasets):
            mine = rows[(rows["dataset"] == dataset) & (rows["grouping"] == "all faces")]
            _arms(axes[line, 0], mine, models)
            lowest = _groups(axes[line, 1], curves, factor, dataset, models)
            for axis in axes[line]:
                _ground(axis, factor, trained)
                percent_axis(axis, float(np.nanmin([mine["low"].min(), lowest])), which="y")
            axes[line, 0].set_title(f"{dataset_name(dataset, source)}: all faces")
            axes[line, 1].set_title(f"by {group_rows(curves, factor, dataset)['grouping'].iloc[0]}")
            axes[line, 0].set_ylabel("recall, %")
        for axis in axes[-1]:
            axis.set_xlabel(AXES[factor], fontsize=8)
        figure_title(figure, f"Recall as one property of the picture changes, {rule_text(rows['rule'].iloc[0])}")
        _legend(figure, _key(models, trained))
    return figure


def _legend(figure: Figure, handles: Sequence[Artist]) -> None:
    legend_below(figure, handles, [str(handle.get_label()) for handle in handles])


def _arms(axis: Axes, rows: pd.DataFrame, models: list[str]) -> None:
    for number, model in enumerate(models):
        mine = rows[rows["model"] == model]
        fixed, alike = (mine[mine["negatives"] == view] for view in VIEWS)
        seen = look(number)
        axis.fill_between(
            fixed["value"], 100 * fixed["low"], 100 * fixed["high"], color=seen["color"], alpha=0.15, linewidth=0
        )
        axis.plot(fixed["value"], 100 * fixed["rate"], **seen, markersize=4)
        axis.plot(alike["value"], 100 * alike["rate"], color=seen["color"], linestyle=":", linewidth=1.1)


def _groups(axis: Axes, curves: pd.DataFrame, factor: str, dataset: str, models: list[str]) -> float:
    """All groups of the baseline thin and grey, those that lose most in colour with every arm; the lowest recall."""
    rows = group_rows(curves, factor, dataset)
    shown = rows[~rows["small"] & (rows["group"] != "unknown")]
    for _, one in shown[shown["model"] == models[0]].groupby("group", sort=False):
        axis.plot(one["value"], 100 * one["rate"], color=FAINT, linewidth=0.8, zorder=1)
    handles = []
    for number, group in enumerate(most_affected(curves, factor, dataset, models[0])):
        colour = look(number + 2)["color"]
        for order, model in enumerate(models):
            one = shown[(shown["model"] == model) & (shown["group"] == group)]
            axis.plot(
                one["value"],
                100 * one["rate"],
                color=colour,
                marker=look(order)["marker"],
                markersize=3.8,
                linestyle="--" if order else "-",
            )
        handles.append(Line2D([], [], color=colour, label=f"{group}, n = {int(one['n'].iloc[0]):,}"))
    if shown.empty:
        nothing(axis)
        return np.nan
    key = axis.legend(handles=handles, loc="best", fontsize=7.5, handlelength=1.4, frameon=True, framealpha=0.85)
    key.get_frame().set_edgecolor("none")
    return float(shown["rate"].min())


def _ground(axis: Axes, factor: str, trained: tuple[float, float] | None) -> None:
    if trained:
        axis.axvspan(*trained, color=_TRAINED, zorder=0, linewidth=0)
    neutral = next(one.neutral for one in FACTORS if one.name == factor)
    axis.axvline(neutral, color="#777777", linewidth=0.8, zorder=1)


def _key(models: list[str], trained: tuple[float, float] | None) -> list[Artist]:
    handles: list[Artist] = [
        *_arms_key(models),
        _band_key(),
        Line2D([], [], color="#555555", linestyle=":", linewidth=1.1, label="negatives changed alike"),
    ]
    if len(models) > 1:
        handles.append(
            Line2D(
                [],
                [],
                color="#555555",
                linestyle="--",
                label="right: " + " and ".join(arm_name(model) for model in models[1:]),
            )
        )
    handles.append(Line2D([], [], color=FAINT, linewidth=0.8, label="right: other groups, " + arm_name(models[0])))
    if trained:
        handles.append(_trained_key())
    return handles


def shift_gaps(gaps: pd.DataFrame, trained: Mapping[str, tuple[float, float]], source: str = "") -> Figure:
    """Best less worst group along every factor: a row a data set, a column a factor, an arm a line.

    The dotted line is the gap that groups would show that do not differ: a gap grows with misses even where group
    makes no difference.

    Args:
        gaps: `facebias.analyses.shift.tables.ShiftTables.gaps`.
        trained: range of a factor that augmentation covered in training.
        source: name of the training source.
    """
    chosen = _one_grouping(gaps)
    datasets, models = list(chosen["dataset"].unique()), list(chosen["model"].unique())
    with styled():
        figure, axes = _panels(datasets, trained, source)
        for line, dataset in enumerate(datasets):
            row = chosen[chosen["dataset"] == dataset]
            for axis, factor in zip(axes[line], FACTORS, strict=True):
                _gap_panel(axis, row[row["factor"] == factor.name], models)
            axes[line, 0].set_ylim(0, max(2.0, 102 * float(row["high"].max())))
            axes[line, 0].set_ylabel(f"gap by {row['grouping'].iloc[0]}, points", fontsize=8)
        nothing = Line2D([], [], color="#555555", linestyle=":", label="if groups did not differ")
        _legend(figure, [*_arms_key(models), _band_key(), nothing, _trained_key()])
        _heading(
            figure, f"Gap between groups as the picture changes, {rule_text(gaps['rule'].iloc[0])}, corrected for noise"
        )
    return figure


def shift_changes(
    changes: pd.DataFrame, trained: Mapping[str, tuple[float, float]], source: str = "", metric: str = "overall"
) -> Figure:
    """Change in recall from the baseline to each other arm along every factor, with its 95 % interval.

    Args:
        changes: `facebias.analyses.shift.tables.ShiftTables.changes`, of one arm or more; those at the first rule and
            from the first baseline are drawn.
        trained: range of a factor that augmentation covered in training.
        source: name of the training source.
        metric: "overall", of all faces; "worst" or "gap", of groups by race where the set says it, else by skin tone.
    """
    rows = changes[(changes["metric"] == metric) & (changes["negatives"] == VIEWS[0])]
    first = changes.iloc[0]
    rows = _one_grouping(rows[(rows["rule"] == first["rule"]) & (rows["baseline"] == first["baseline"])])
    datasets, models = list(rows["dataset"].unique()), list(rows["model"].unique())
    with styled():
        figure, axes = _panels(datasets, trained, source)
        for line, dataset in enumerate(datasets):
            for axis, factor in zip(axes[line], FACTORS, strict=True):
                axis.axhline(0, color="#555555", linewidth=0.8)
                axis.grid(True, axis="y")
                for number, model in enumerate(models, start=1):
                    mine = rows[
                        (rows["dataset"] == dataset) & (rows["factor"] == factor.name) & (rows["model"] == model)
                    ]
                    _with_band(axis, mine, "change", number)
            by = rows.loc[rows["dataset"] == dataset, "grouping"].iloc[0]
            axes[line, 0].set_ylabel(_CHANGE[metric].format(by), fontsize=8)
        _legend(figure, [*_arms_key(models, start=1), _band_key(), _trained_key()])
        _heading(
            figure,
            f"{_CHANGED[metric]} against the {arm_name(rows['baseline'].iloc[0])} as the picture changes, "
            f"{rule_text(rows['rule'].iloc[0])}, same seeds",
        )
    return figure


def _one_grouping(table: pd.DataFrame) -> pd.DataFrame:
    """Of every data set the rows by race where it has them, else those by skin tone, else all."""
    parts = []
    for _, part in table.groupby("dataset", sort=False):
        found = [by for by in ("race", "skin tone") if (part["grouping"] == by).any()]
        parts.append(part[part["grouping"] == found[0]] if found else part)
    return pd.concat(parts)


def _panels(datasets: list[str], trained: Mapping[str, tuple[float, float]], source: str) -> tuple[Figure, np.ndarray]:
    """A row a data set, a column a factor, with the unchanged picture and the range of training marked."""
    figure = new_figure(WIDEST, 1.2 + 1.9 * len(datasets))
    axes = figure.subplots(len(datasets), len(FACTORS), squeeze=False, sharex="col", sharey="row")
    for line, dataset in enumerate(datasets):
        axes[line, 0].set_title(dataset_name(dataset, source))
        for axis, factor in zip(axes[line], FACTORS, strict=True):
            _ground(axis, factor.name, trained.get(factor.name))
    for axis, name in zip(axes[-1], _SHORT, strict=True):
        axis.set_xlabel(name)
    return figure, axes


def _arms_key(models: list[str], start: int = 0) -> list[Line2D]:
    return [
        Line2D([], [], **look(number), markersize=4, label=arm_name(model))
        for number, model in enumerate(models, start)
    ]


def _band_key() -> Patch:
    return Patch(facecolor="#555555", alpha=0.18, label="95 % interval")


def _trained_key() -> Line2D:
    return Line2D([], [], color=_TRAINED, linewidth=7, label="covered in training")


def _heading(figure: Figure, text: str) -> None:
    figure_title(figure, text)


def _with_band(axis: Axes, rows: pd.DataFrame, column: str, number: int) -> None:
    """A line along a factor in points, with its interval as a band, in the look of arm `number`."""
    seen, x = look(number), rows["value"]
    axis.fill_between(x, 100 * rows["low"], 100 * rows["high"], color=seen["color"], alpha=0.13, linewidth=0)
    axis.plot(x, 100 * rows[column], **seen, markersize=3.5)


def _gap_panel(axis: Axes, rows: pd.DataFrame, models: list[str]) -> None:
    if rows["corrected"].isna().all():
        nothing(axis)
    for number, model in enumerate(models):
        mine = rows[rows["model"] == model]
        gap, null = (mine[mine["metric"] == metric] for metric in ("gap", "null_gap"))
        _with_band(axis, gap, "corrected", number)
        axis.plot(null["value"], 100 * null["gap"], color=look(number)["color"], linestyle=":", linewidth=1.1)
    axis.grid(True, axis="y")
