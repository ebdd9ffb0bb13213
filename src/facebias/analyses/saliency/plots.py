"""Saliency of groups: mean maps on one scale, and differences with permutation p-values.

A panel a group: the first factor (race, skin tone) across, the second (gender) down, margins and all faces at the
ends, arms below each other. Thin lines are contours of the mean face of all, never of one person.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from facebias.analyses.saliency.maps import GroupMaps
from facebias.audit.groups import ALL, SMALL
from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.words import dataset_name
from facebias.plots.crowd import drawn_groups, notes, short
from facebias.plots.images import MEAN_OF
from facebias.plots.panels import heading, key, outline, p_value, panel
from facebias.plots.style import FAINT, INK, WIDEST, layout_of, new_figure, styled

_LEVELS = mpl.ticker.MaxNLocator(21, symmetric=True, steps=(1, 2, 2.5, 5, 10))
_PANEL, _MARGIN, _BAR = 1.08, 0.95, 0.75  # inches: a panel's side at most, the strips of row labels and of colours
_ACROSS, _DOWN = 7, 4  # levels of the first and of the second factor, next to "all"
_UNITS = {
    "rescaled": "saliency (layers rescaled to 0..1 and summed)",
    "raw": "saliency, sum of |contributions|, logits per 4 x 4 pixels",
}


def mean_face(images: np.ndarray) -> np.ndarray:
    """Luminance of the mean image, float (side, side) in 0..255, for the contours under maps.

    Args:
        images: uint8 (n, side, side, 3).

    Raises:
        FacebiasError: too few images to hide the people in them.
    """
    if len(images) < MEAN_OF:
        raise FacebiasError(
            "FIGURE",
            "mean face",
            f"a mean of {len(images)} faces, {MEAN_OF} or more are needed",
            "Take the mean over all faces",
        )
    return images.mean(axis=0) @ np.array([0.299, 0.587, 0.114])


def saliency_means(means: GroupMaps, face: np.ndarray | None = None) -> Figure:
    """Mean map of each group, all arms and groups on one scale, in means of 2 x 2 pixels; small groups have no map.

    Args:
        means: from `facebias.analyses.saliency.maps.group_means`.
        face: from `mean_face`, drawn as contours.

    Raises:
        FacebiasError: no group is large enough.
    """
    if np.isnan(means.maps).all():
        raise FacebiasError("FIGURE", "saliency_means", f"no group has {SMALL} faces", "Merge groups")
    kind, dataset = means.table["kind"].iloc[0], means.table["dataset"].iloc[0]
    levels = mpl.ticker.MaxNLocator(24).tick_values(*np.nanquantile(means.maps, (0.001, 0.999)))
    scale = mpl.colors.BoundaryNorm(levels, 256, extend="both")
    grid = _Grid.of(means.table)
    with styled():
        figure, axes = grid.figure()
        for number, row in grid.shown.iterrows():
            axis = axes[grid.place(row)]
            note = "" if row["small"] else f"\n{_interval(row)}"
            panel(axis, _coarser(means.maps[number]), "cividis", scale, face, "white")
            axis.set_title(
                f"n = {row['n']:,}{note}",
                fontsize=7,
                fontweight="normal",
                loc="center",
                pad=2,
                color=FAINT if row["small"] else INK,
                linespacing=1.1,
            )
        _scale_bar(figure, axes, scale, "cividis", _UNITS[kind])
        half = np.nanmedian(means.width[~means.table["small"].to_numpy()]) / 2
        what = "sum of |contributions| in logits" if kind == "raw" else "mean of the map"
        heading(
            figure,
            f"Mean FullGrad of each group, {dataset_name(dataset)}, {kind}",
            f"Under n: {what}, 95 % interval over seeds and faces. One 4 x 4 pixel cell: \N{PLUS-MINUS SIGN}"
            f"{half:.2g} (median).",
            key(means.table, face, "#999999", "no map"),
            grid.note,
        )
    return figure


def saliency_differences(differences: GroupMaps, face: np.ndarray | None = None) -> Figure:
    """Each group less all other faces, in standard deviations between faces, p-values adjusted in the panels' titles.

    Groups outlined differ at the 5 % level with all cells taken together.

    Args:
        differences: from `facebias.analyses.saliency.maps.group_differences`.
        face: from `mean_face`, drawn as contours.

    Raises:
        FacebiasError: no group was tested.
    """
    if np.isnan(differences.maps).all():
        raise FacebiasError("FIGURE", "saliency_differences", f"no two groups have {SMALL} faces", "Merge groups")
    kind, dataset = differences.table["kind"].iloc[0], differences.table["dataset"].iloc[0]
    reach = float(np.nanmax(np.abs(differences.maps)))
    scale = mpl.colors.BoundaryNorm(_LEVELS.tick_values(-reach, reach), 256)
    grid = _Grid.of(differences.table)
    with styled():
        figure, axes = grid.figure()
        for number, row in grid.shown.iterrows():
            axis, tested = axes[grid.place(row)], not np.isnan(row["p"])
            panel(axis, differences.maps[number], "RdBu_r", scale, face, "#444444")
            outline(axis, differences.outlined[number])
            clear = tested and row["p_holm"] < 0.05
            axis.set_title(
                f"n = {row['n']:,}" + (f"\n{p_value(row['p_holm'])}" if tested else "\nnot tested"),
                fontsize=7,
                fontweight="bold" if clear else "normal",
                loc="center",
                pad=2,
                color=INK if tested else FAINT,
                linespacing=1.1,
            )
        _scale_bar(figure, axes, scale, "RdBu_r", "group less all others, SD between faces")
        outlined = mpl.patches.Patch(facecolor="none", edgecolor="black", label="cells that differ, 5 % over all cells")
        heading(
            figure,
            f"FullGrad of each group against all others, {dataset_name(dataset)}, {kind}",
            "p: permutation of the faces' groups, largest difference over cells, adjusted (Holm) over the groups "
            "of a grouping and arm; bold under .05.",
            [outlined, *key(differences.table, face, "#777777", "not tested")],
            grid.note,
        )
    return figure


@dataclass(frozen=True)
class _Grid:
    """Which panel a row of the table goes to.

    Attributes:
        first, second: columns of the groups, across and down.
        across, down: levels of the first; arm and level of the second.
        shown: rows that have a panel.
        note: how many levels have none; "" where all have one.
    """

    first: str
    second: str
    across: list[str]
    down: list[tuple[str, str]]
    shown: pd.DataFrame
    note: str

    @classmethod
    def of(cls, table: pd.DataFrame) -> _Grid:
        """The grid that a table of maps fills."""
        names = [name for name in ("race", "skin_tone", "gender") if (table[name] != ALL).any()]
        first, second = (*names, "gender")[:2]
        arms = list(table["model"].unique())
        levels, few = _levels(table, second, _DOWN) if second != first else ([], "")
        rows = [*levels, *([ALL] if ((table[second] == ALL) | (second == first)).any() else [])]
        across, also_few = _levels(table, first, _ACROSS)
        across += [ALL] if (table[first] == ALL).any() else []
        shown = table[table[first].isin(across) & (table[second].isin(rows) | (second == first))]
        down = [(arm, level) for arm in arms for level in rows]
        return cls(first, second, across, down, shown, notes([few, also_few]))

    def place(self, row: pd.Series) -> tuple[int, int]:
        """Row and column of a map's panel."""
        level = row[self.second] if self.second != self.first else ALL
        return self.down.index((row["model"], level)), self.across.index(row[self.first])

    def figure(self) -> tuple[Figure, np.ndarray]:
        """An empty figure with a panel for each place."""
        side = min(_PANEL, (WIDEST - _MARGIN - _BAR) / len(self.across))
        width, height = _MARGIN + side * len(self.across) + _BAR, 1.25 + (side + 0.42) * len(self.down)
        figure = new_figure(max(width, 6.5), height)
        layout_of(figure).set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
        axes = figure.subplots(len(self.down), len(self.across), squeeze=False)
        for axis in axes.flat:
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set_visible(False)
            axis.set_box_aspect(1)
        arm = ""
        for y, (model, level) in enumerate(self.down):
            name = f"{arm_name(model).replace(' alpha', chr(10) + 'alpha')}\n" if model != arm else ""
            axes[y, 0].set_ylabel(
                name + ("all" if level == ALL else short(level)),
                rotation=0,
                ha="right",
                va="center",
                fontsize=8,
                labelpad=6,
                linespacing=1.5,
            )
            arm = model
        for x, level in enumerate(self.across):
            name = "all" if level == ALL else "\n".join(textwrap.wrap(short(level), 12))
            axes[-1, x].set_xlabel(name, fontsize=8)
        return figure, axes


def _levels(table: pd.DataFrame, column: str, most: int) -> tuple[list[str], str]:
    """The levels of a factor that have panels, and a sentence on the others."""
    rows = table[(table["model"] == table["model"].iloc[0]) & (table[column] != ALL)]
    levels, note = drawn_groups(rows.groupby(column, sort=False, as_index=False)["n"].max(), column, most)
    return levels, note.replace("groups", f"levels of {column.replace('_', ' ')}")


def _coarser(values: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels: strides of 2 leave a chequered grain in gradients that says nothing of faces."""
    side = values.shape[0] // 2
    return values.reshape(side, 2, side, 2).mean(axis=(1, 3))


def _interval(row: pd.Series) -> str:
    figures = 0 if row["value"] >= 100 else 1
    return f"{row['value']:,.{figures}f}\n[{row['low']:,.{figures}f}, {row['high']:,.{figures}f}]"


def _scale_bar(figure: Figure, axes: np.ndarray, scale: mpl.colors.BoundaryNorm, colours: str, label: str) -> None:
    bar = figure.colorbar(mpl.cm.ScalarMappable(scale, colours), ax=axes, fraction=0.03, pad=0.015, aspect=40)
    bar.set_label(label)
    bar.outline.set_visible(False)
    # every other border between colours, so that a border at 0 is one of them
    bar.set_ticks(scale.boundaries[len(scale.boundaries) % 4 // 2 :: 2].tolist())
    bar.minorticks_off()
