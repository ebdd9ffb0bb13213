"""How far the window protocol alone moves an audit: protocols side by side, at both threshold rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.audit.groups import SMALL
from facebias.audit.thresholds import parse_rule
from facebias.core.arms import arm_name
from facebias.core.words import dataset_name
from facebias.plots.crowd import drawn_groups, notes, short
from facebias.plots.style import FAINT, figure_title, legend_below, look, new_figure, styled

_MATCHED = ("crops", "pictures")
_PANELS = (
    ("recall", "recall, %"),
    ("any window", "any window\nin the picture, %"),
    ("image FPR", "pictures with\na false alarm, %"),
    ("gap", "gap of recall\nbetween {}, points"),
)


def protocol_answer(groups: pd.DataFrame, measures: pd.DataFrame, grouping: str = "race") -> Figure:
    """Recall, what the paper counts, false alarms and the gap between groups against the protocol, all arms.

    Args:
        groups: `ProtocolTables.groups`.
        measures: `ProtocolTables.measures`; the gap is shown corrected for its bias, a grey line is the gap that groups
            would show that do not differ.
        grouping: of the gap.
    """
    whole = groups[groups["grouping"] == "all faces"]
    gaps = measures[measures["grouping"] == grouping]
    protocols, models = list(groups["protocol"].unique()), list(groups["model"].unique())
    with styled():
        figure = new_figure(7.5, 1.9 * len(_PANELS) + 0.6)
        axes = figure.subplots(len(_PANELS), 2, sharex=True, sharey="row")
        for column, matched in enumerate(_MATCHED):
            for row, (metric, label) in enumerate(_PANELS):
                axis, table = axes[row, column], gaps if metric == "gap" else whole
                table = table[(table["metric"] == metric) & (table["matched"] == matched)]
                for number, model in enumerate(models):
                    mine = table[table["model"] == model].set_index("protocol").reindex(protocols)
                    value = mine["corrected" if metric == "gap" else "value"]
                    _series(axis, np.arange(len(protocols)), value, mine, number, len(models), arm_name(model))
                if metric == "gap":
                    null = gaps[(gaps["metric"] == "null_gap") & (gaps["matched"] == matched)]
                    _null(axis, null[null["model"] == models[0]].set_index("protocol")["value"].reindex(protocols))
                axis.grid(True, axis="y")
                if column:
                    axis.set_ylim(None if metric == "recall" else 0)
                else:
                    axis.set_ylabel(label.format("races" if grouping == "race" else f"groups by {grouping}"))
            axes[0, column].set_title(_rule(whole[whole["matched"] == matched]))
            axes[-1, column].set_xticks(range(len(protocols)), protocols)
            axes[-1, column].set_xlim(-0.5, len(protocols) - 0.5)
        title = f"The window protocol and the answer, {dataset_name(groups['dataset'].iloc[0])}, with 95 % intervals"
        figure_title(figure, title)
        legend_below(figure, *axes[-1, 0].get_legend_handles_labels())
    return figure


def _null(axis: Axes, gaps: pd.Series) -> None:
    """The gap that groups would show that do not differ, a share a grid, as a grey line."""
    name = "gap of groups that do not differ"
    axis.plot(np.arange(len(gaps)), 100 * gaps, color=FAINT, linestyle=":", marker="_", label=name)


def protocol_groups(groups: pd.DataFrame, metric: str, grouping: str, models: tuple[str, ...]) -> Figure:
    """One metric of every group, a marker a protocol; a row of panels an arm, a column a threshold rule.

    Args:
        groups: `ProtocolTables.groups`.
        metric: "recall", "any window", "image FPR" or "window FPR".
        grouping: "race", "gender", "skin tone", "race x gender" or "skin tone x gender".
        models: arms to show.
    """
    keep = groups["grouping"].isin([grouping, "all faces"]) & (groups["metric"] == metric)
    table = groups[keep & groups["model"].isin(models)]
    crossed = table[table["grouping"] == grouping]
    found, few = drawn_groups(crossed[crossed["matched"] == crossed["matched"].iloc[0]])
    names = [*found, "all faces"]
    protocols = list(groups["protocol"].unique())
    with styled():
        figure = new_figure(7.5, 0.9 + len(models) * (0.55 + 0.3 * len(names)))
        axes = figure.subplots(len(models), len(_MATCHED), squeeze=False, sharey=True, sharex=metric != "window FPR")
        for row, model in enumerate(models):
            for column, matched in enumerate(_MATCHED):
                axis, mine = axes[row, column], table[(table["model"] == model) & (table["matched"] == matched)]
                _groups(axis, mine, names, protocols)
                axis.set_title(f"{arm_name(model)}\n{_rule(mine)}")
        size = table.groupby("group")["n"].max()
        labels = [f"{short(name)} ({size[name]:,})" for name in names]
        axes[0, 0].set_yticks(range(len(names)), labels)
        axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
        for axis in axes[-1]:
            axis.set_xlabel(f"{metric}, % (95 % interval)")
        handles = {
            label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        hatched = f"hatched: under {SMALL} pictures" if (size < SMALL).any() else ""
        title = f"{metric[0].upper()}{metric[1:]} by {grouping}, {dataset_name(table['dataset'].iloc[0])}"
        figure_title(figure, title, notes([hatched, few]))
        legend_below(figure, list(handles.values()), list(handles))
    return figure


def _rule(rows: pd.DataFrame) -> str:
    kind = "of held-out crops" if rows["matched"].iloc[0] == "crops" else "of pictures"
    return f"False alarms: {100 * parse_rule(rows['rule'].iloc[0])[1]:g} % {kind}"


def _groups(axis: Axes, table: pd.DataFrame, names: list[str], protocols: list[str]) -> None:
    for number, protocol in enumerate(protocols):
        mine = table[table["protocol"] == protocol].set_index("group").reindex(names)
        if mine["value"].notna().any():
            offset = (number - (len(protocols) - 1) / 2) * 0.18
            reach = 100 * np.abs(mine[["low", "high"]].to_numpy().T - mine["value"].to_numpy())
            seen = look(number)
            axis.errorbar(
                100 * mine["value"],
                np.arange(len(names)) + offset,
                xerr=reach,
                fmt="none",
                ecolor=seen["color"],
                elinewidth=1,
            )
            axis.plot(
                100 * mine["value"],
                np.arange(len(names)) + offset,
                linestyle="none",
                markersize=4.5,
                label=protocol,
                **seen,
            )
    axis.grid(True, axis="x")
    small = table.groupby("group")["n"].max().reindex(names) < SMALL
    for y, few in enumerate(small):
        axis.axhspan(y - 0.5, y + 0.5, color="#f6f6f6" if y % 2 == 0 else "white", zorder=0, linewidth=0)
        if few:
            axis.axhspan(y - 0.5, y + 0.5, facecolor="none", edgecolor="#dddddd", hatch="///", zorder=0, linewidth=0)


def _series(
    axis: Axes, x: np.ndarray, value: pd.Series, rows: pd.DataFrame, number: int, count: int, label: str
) -> None:
    reach = np.abs(rows[["low", "high"]].to_numpy(dtype=float).T - value.to_numpy(dtype=float))
    x, seen = x + (number - (count - 1) / 2) * min(0.16, 0.7 / count), look(number)
    axis.errorbar(x, 100 * value, yerr=100 * reach, fmt="none", ecolor=seen["color"], elinewidth=1.1)
    axis.plot(x, 100 * value, linestyle="none", markersize=5, label=label, **seen)
