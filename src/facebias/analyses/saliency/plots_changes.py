"""Two arms' mean saliency side by side: a column a group, the arms and their difference below each other."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.analyses.saliency.changes import CHANGE
from facebias.analyses.saliency.maps import GroupMaps
from facebias.audit.groups import SMALL
from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.words import dataset_name
from facebias.plots.panels import heading, key, outline, p_value, panel
from facebias.plots.style import FAINT, INK, layout_of, new_figure, styled

_SIDE = 0.68  # inches of a panel
_NOTE = (
    "Groups of 4 x 4 pixels; 1 is the mean of a face's map. Under each change: share of saliency that lies "
    "elsewhere, in brackets the same between two seeds of one arm. "
)


def saliency_beside(changes: GroupMaps, face: np.ndarray | None = None) -> Figure:
    """First arm, last arm, and last less first, for each group and all faces; the arms on one scale.

    Args:
        changes: from `facebias.analyses.saliency.changes.group_changes`.
        face: from `mean_face`, drawn as contours.

    Raises:
        FacebiasError: no group is large enough.
    """
    table = changes.table
    if np.isnan(changes.maps).all():
        raise FacebiasError("FIGURE", "saliency_beside", f"no group has {SMALL} faces", "Merge groups")
    change = (table["model"] == CHANGE).to_numpy()
    reach = float(np.nanmax(np.abs(changes.maps[change])))
    ticks = mpl.ticker.MaxNLocator(16, symmetric=True).tick_values(-reach, reach)
    means = mpl.ticker.MaxNLocator(16).tick_values(*np.nanquantile(changes.maps[~change], (0.002, 0.998)))
    scales = [mpl.colors.BoundaryNorm(means, 256, extend="both"), mpl.colors.BoundaryNorm(ticks, 256)]
    models = list(table["model"].unique())
    with styled():
        figure, axes = _axes(table, models)
        for number, row in table.iterrows():
            column, is_change = number // len(models), row["model"] == CHANGE
            axis = axes[number % len(models), column]
            colours, line = ("RdBu_r", "#444444") if is_change else ("cividis", "white")
            panel(axis, changes.maps[number], colours, scales[is_change], face, line)
            if is_change:
                outline(axis, changes.outlined[number])
                _below(axis, row)
        for rows, scale, colours, label in (
            (axes[:-1], scales[0], "cividis", "saliency"),
            (axes[-1:], scales[1], "RdBu_r", "change"),
        ):
            _bar(figure, rows, scale, colours, label)
        heading(
            figure,
            f"Where the detectors look, FullGrad, {dataset_name(table['dataset'].iloc[0])}, {table['kind'].iloc[0]}",
            _NOTE + _test(table),
            key(table, face, "#999999", "no map"),
        )
    return figure


def _axes(table: pd.DataFrame, models: list[str]) -> tuple[Figure, np.ndarray]:
    groups = table.drop_duplicates("group")
    figure = new_figure(max(6.5, 1.9 + (_SIDE + 0.04) * len(groups)), 1.5 + (_SIDE + 0.12) * len(models))
    layout_of(figure).set(w_pad=0.015, h_pad=0.02, wspace=0, hspace=0)
    axes = figure.subplots(len(models), len(groups), squeeze=False)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
        axis.set_box_aspect(1)
    for axis, (_, row) in zip(axes[0], groups.iterrows(), strict=True):
        name = row["group"].replace(" · ", "\n").replace("Southeast ", "SE ").replace("Hispanic", "Hisp.")
        axis.set_title(
            f"{name}\nn = {row['n']:,}",
            fontsize=6.5,
            fontweight="normal",
            loc="center",
            pad=2,
            color=FAINT if row["small"] else INK,
            linespacing=1.15,
        )
    for axis, model in zip(axes[:, 0], models, strict=True):
        name = "difference" if model == CHANGE else arm_name(model).replace(" alpha", "\nalpha")
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8, labelpad=5)
    return figure, axes


def _below(axis: Axes, row: pd.Series) -> None:
    if row["small"]:
        return
    seeds = "" if np.isnan(row["moved_by_seed"]) else f" ({100 * row['moved_by_seed']:.1f} %)"
    axis.set_xlabel(f"{100 * row['moved']:.1f} %{seeds}", fontsize=6, labelpad=2)


def _test(table: pd.DataFrame) -> str:
    p, seeds = table["p"].max(), int(table["seeds"].iloc[0])
    if seeds < 6:
        return f"With {seeds} seed{'s' * (seeds > 1)} no test of a change can reach 5 %; 6 are needed."
    return (
        f"Largest change over all cells and groups, signs of {seeds} seeds flipped: {p_value(p)}; "
        "outlined cells are beyond the 5 % level of that test."
    )


def _bar(figure: Figure, axes: np.ndarray, scale: mpl.colors.BoundaryNorm, colours: str, label: str) -> None:
    bar = figure.colorbar(
        mpl.cm.ScalarMappable(scale, colours), ax=list(axes.flat), fraction=0.012, pad=0.006, aspect=11 * len(axes)
    )
    bar.set_label(label, fontsize=7.5)
    bar.outline.set_visible(False)
    bar.set_ticks(scale.boundaries[len(scale.boundaries) % 8 // 2 :: 4].tolist())
    bar.ax.tick_params(labelsize=7, length=2)
    bar.minorticks_off()
