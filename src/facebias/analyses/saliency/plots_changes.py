"""Two arms' mean saliency side by side: a column a group, the arms and their difference below each other."""

from __future__ import annotations

import textwrap

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
from facebias.plots.crowd import drawn_groups, short
from facebias.plots.panels import heading, key, outline, p_value, panel
from facebias.plots.style import FAINT, INK, layout_of, new_figure, styled

_SIDE, _ALONE = 0.76, 1.35  # inches of a panel; of one that has no other beside it
_ACROSS, _MOST = 8, 24  # panels beside each other; groups
_NOTE = (
    "Cells of 4 x 4 pixels; 1 is the mean of a face's map. Under each change: share of saliency that lies "
    "elsewhere, in brackets the same between two seeds of one arm. "
)


def saliency_beside(changes: GroupMaps, face: np.ndarray | None = None, only: str = "") -> Figure:
    """First arm, last arm, and last less first, for each group and all faces; the arms on one scale.

    Args:
        changes: from `facebias.analyses.saliency.changes.group_changes`.
        face: from `mean_face`, drawn as contours.
        only: the group that is drawn, on the scale of all; every group unless told.

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
    groups, few = ([only], "") if only else drawn_groups(table[table["model"] == models[0]], most=_MOST)
    with styled():
        figure, grid, axes = _axes(table[table["group"].isin(groups)].drop_duplicates("group"), models)
        for number, row in table[table["group"].isin(groups)].iterrows():
            is_change = row["model"] == CHANGE
            axis = axes[groups.index(row["group"])][models.index(row["model"])]
            colours, line = ("RdBu_r", "#444444") if is_change else ("cividis", "white")
            panel(axis, changes.maps[number], colours, scales[is_change], face, line)
            if is_change:
                outline(axis, changes.outlined[number])
                _below(axis, row)
        for top in range(0, len(grid), len(models)):
            last = top + len(models) - 1
            _bar(figure, list(grid[top:last].flat), scales[0], "cividis", "saliency")
            _bar(figure, list(grid[last]), scales[1], "RdBu_r", "change")
        heading(
            figure,
            f"Where the detectors look, FullGrad, {dataset_name(table['dataset'].iloc[0])}, {table['kind'].iloc[0]}"
            + f": {only}" * bool(only),
            _NOTE + _test(table, outlined=bool(changes.outlined.any())),
            key(table, face, "#999999", "no map"),
            few,
        )
    return figure


def _across(count: int) -> int:
    """Groups beside each other: as even as can be, 7 and 6 and not 8 and 5."""
    return -(-count // -(-count // _ACROSS))


def _axes(groups: pd.DataFrame, models: list[str]) -> tuple[Figure, np.ndarray, list[list[Axes]]]:
    """A figure, its panels, and those of each group, one a model; groups that have no room beside others go below."""
    across = _across(len(groups))
    blocks = -(-len(groups) // across)
    side = _SIDE if across > 1 else _ALONE
    height = 1.5 + blocks * (0.45 + (side + 0.12) * len(models))
    figure = new_figure(max(6.5, 1.9 + (side + 0.04) * across), height)
    layout_of(figure).set(w_pad=0.015, h_pad=0.02, wspace=0, hspace=0)
    grid = figure.subplots(blocks * len(models), across, squeeze=False)
    for axis in grid.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
        axis.set_box_aspect(1)
    found = []
    for number, row in enumerate(groups.to_dict("records")):
        block, column = divmod(number, across)
        found.append(list(grid[block * len(models) : (block + 1) * len(models), column]))
        name = "\n".join(line for part in row["group"].split(" · ") for line in textwrap.wrap(_brief(part), 15))
        found[-1][0].set_title(
            f"{name}\nn = {row['n']:,}",
            fontsize=7,
            fontweight="normal",
            loc="center",
            pad=2,
            color=FAINT if row["small"] else INK,
            linespacing=1.15,
        )
    for first in found[::across]:
        for axis, model in zip(first, models, strict=True):
            name = "difference" if model == CHANGE else arm_name(model).replace(" alpha", "\nalpha")
            axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8, labelpad=5)
    return figure, grid, found


def _brief(name: str) -> str:
    return short(name).replace("Southeast ", "SE ").replace("Hispanic", "Hisp.")


def _below(axis: Axes, row: pd.Series) -> None:
    if row["small"]:
        return
    seeds = "" if np.isnan(row["moved_by_seed"]) else f" ({100 * row['moved_by_seed']:.1f} %)"
    axis.set_xlabel(f"{100 * row['moved']:.1f} %{seeds}", fontsize=7, labelpad=2)


def _test(table: pd.DataFrame, *, outlined: bool) -> str:
    p, seeds = table["p"].max(), int(table["seeds"].iloc[0])
    if seeds < 6:
        return f"With {seeds} seed{'s' * (seeds > 1)} no test of a change can reach 5 %; 6 are needed."
    found = "outlined cells are" if outlined else "no cell is"
    return (
        f"Largest change over all cells and groups, signs of {seeds} seeds flipped: {p_value(p)}; "
        f"{found} beyond the 5 % level of that test."
    )


def _bar(figure: Figure, axes: list[Axes], scale: mpl.colors.BoundaryNorm, colours: str, label: str) -> None:
    """The key to the colours of these panels, to their right."""
    rows = len({place.rowspan.start for axis in axes if (place := axis.get_subplotspec())})
    shade = mpl.cm.ScalarMappable(scale, colours)
    bar = figure.colorbar(shade, ax=axes, fraction=0.015, pad=0.008, aspect=9 * rows)
    bar.set_label(label, fontsize=7.5)
    bar.outline.set_visible(False)
    bar.set_ticks(scale.boundaries[len(scale.boundaries) % 8 // 2 :: 4].tolist())
    bar.ax.tick_params(labelsize=7, length=2)
    bar.minorticks_off()
