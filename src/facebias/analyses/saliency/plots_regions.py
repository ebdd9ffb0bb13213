"""Share of saliency in each region of the face: a panel a region, a row a group, an arm a marker."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.analyses.saliency.regions import REGIONS, region_map
from facebias.audit.groups import SMALL
from facebias.core.words import dataset_name
from facebias.plots.crowd import ROWS, drawn_groups, short
from facebias.plots.rows import dots
from facebias.plots.style import FAINT, WIDEST, figure_title, new_figure, styled


def region_shares(table: pd.DataFrame) -> Figure:
    """Mean share of each region with its interval, per group, all arms; a key shows where the regions lie.

    Every panel has an axis of its own in the same units a centimetre, so that widths compare between panels. Small
    groups are grey and hollow.

    Args:
        table: from `facebias.analyses.saliency.shares.share_table`, of one data set and kind.
    """
    regions = [name for name in REGIONS if (table["region"] == name).any()]
    groups = table[["grouping", "group"]].drop_duplicates().apply(tuple, axis=1).tolist()
    names, few = drawn_groups(table[table["region"] == regions[0]], most=ROWS)
    groups = [pair for pair in groups if pair[1] in names]
    table = table[table["group"].isin(names)]
    place = _places(groups)
    spans = [_span(table[table["region"] == name]) for name in regions]
    widest = max(high - low for low, high in spans)
    with styled():
        room = 0.2 * max(place.values()) + 0.5
        figure = new_figure(WIDEST, 2.65 + room)
        keys, axes = figure.subplots(2, len(regions), sharey="row", height_ratios=(0.8, room))
        for number, (key, axis, name) in enumerate(zip(keys, axes, regions, strict=True)):
            rows = table[table["region"] == name]
            _panel(axis, rows, place)
            middle = sum(spans[number]) / 2
            axis.set_xlim(middle - widest / 2, middle + widest / 2)
            _key(key, name)
            key.set_title(
                f"{name}\n{100 * rows['area'].iloc[0]:.0f} % of area", loc="center", fontsize=8, fontweight="normal"
            )
        _names(axes, table, place)
        kind, dataset = table["kind"].iloc[0], table["dataset"].iloc[0]
        figure_title(figure, f"Share of FullGrad in each region of the face, {dataset_name(dataset)}, {kind}", few)
        figure.legend(
            *axes[0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=4,
            title_fontsize=8.5,
            title="share of a face's saliency, % (95 % interval over seeds and faces)",
        )
    return figure


def _places(groups: list[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """A height for each group, with a gap before each margin."""
    place, at, before = {}, 0.0, groups[0][0]
    for grouping, group in groups:
        at += 0.5 * (grouping != before)
        place[grouping, group] = at
        at, before = at + 1, grouping
    return place


def _span(rows: pd.DataFrame) -> tuple[float, float]:
    rows = rows[~rows["small"]] if (~rows["small"]).any() else rows
    low, high = 100 * rows["low"].min(), 100 * rows["high"].max()
    return low - 0.08 * (high - low) - 0.1, high + 0.08 * (high - low) + 0.1


def _panel(axis: Axes, rows: pd.DataFrame, place: dict[tuple[str, str], float]) -> None:
    models = list(rows["model"].unique())
    for number, model in enumerate(models):
        mine = rows[rows["model"] == model]
        offset = (number - (len(models) - 1) / 2) * 0.36
        y = np.array([place[pair] for pair in zip(mine["grouping"], mine["group"], strict=True)]) + offset
        dots(axis, mine, y, number, model)
    for number, height in enumerate(place.values()):
        if number % 2 == 0:
            axis.axhspan(height - 0.5, height + 0.5, color="#f6f6f6", zorder=0, linewidth=0)
    axis.grid(True, axis="x")
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(3, integer=True))


def _names(axes: np.ndarray, table: pd.DataFrame, place: dict[tuple[str, str], float]) -> None:
    axes[0].set_yticks(list(place.values()), [short(group) for _, group in place])
    axes[0].set_ylim(max(place.values()) + 0.6, -0.6)
    size = table.groupby(["grouping", "group"])["n"].first()
    for number, (pair, y) in enumerate(place.items()):
        few = size[pair] < SMALL
        axes[-1].text(
            1.03,
            y,
            f"n = {size[pair]:,}" + (" (small)" if few else ""),
            va="center",
            fontsize=8,
            transform=axes[-1].get_yaxis_transform(),
            color=FAINT if few else "#555555",
        )
        if few:
            axes[0].get_yticklabels()[number].set_color(FAINT)


def _key(axis: Axes, name: str) -> None:
    """Where a region lies in the image."""
    regions = region_map()
    shade = np.where(regions == REGIONS.index(name), 0.35, 0.9)
    axis.imshow(shade, cmap="gray", vmin=0, vmax=1, extent=(0, 1, 1, 0))
    axis.contour(
        *[(np.arange(len(regions)) + 0.5) / len(regions)] * 2,
        regions,
        levels=np.arange(len(REGIONS)) + 0.5,
        colors="white",
        linewidths=0.5,
    )
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
