"""Parts that figures of maps share: a panel with the mean face's contours, outlines of cells, heading and key."""

from __future__ import annotations

import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from facebias.audit.groups import SMALL
from facebias.plots.style import figure_title, new_figure

_EMPTY = "#eeeeee"
_CONTOURS = (0.2, 0.5)  # quantiles of the mean face's luminance: each line costs kilobytes in every panel


def panel(
    axis: Axes, values: np.ndarray, colours: str, scale: mpl.colors.BoundaryNorm, face: np.ndarray | None, line: str
) -> None:
    """One map on a scale under contours of the mean face; a grey field where the map is NaN."""
    if np.isnan(values).all():
        axis.set_facecolor(_EMPTY)
        return
    axis.imshow(values, cmap=colours, norm=scale, extent=(0, 1, 1, 0), interpolation="nearest")
    if face is not None:
        side = len(face)
        centre = (np.arange(side) + 0.5) / side
        smooth = gaussian_filter(face, 1.5 * side / 64)
        axis.contour(
            centre, centre, smooth, levels=np.quantile(smooth, _CONTOURS), colors=line, linewidths=0.45, alpha=0.55
        )
    axis.set_xlim(0, 1)
    axis.set_ylim(1, 0)


def outline(axis: Axes, cells: np.ndarray) -> None:
    """Borders between cells that are marked and cells that are not."""
    side = len(cells)
    padded = np.pad(cells, 1)
    segments = []
    for y, x in np.argwhere(padded[:, 1:] != padded[:, :-1]):
        segments.append([(x / side, (y - 1) / side), (x / side, y / side)])
    for y, x in np.argwhere(padded[1:] != padded[:-1]):
        segments.append([((x - 1) / side, y / side), (x / side, y / side)])
    axis.add_collection(mpl.collections.LineCollection(segments, colors="black", linewidths=0.7))


def p_value(p: float) -> str:
    """A p-value as figures spell it: "p = .032"."""
    return "p < .001" if p < 0.001 else "p = 1" if p >= 0.995 else f"p = {p:.3f}".replace("0.", ".")


def heading(figure: Figure, title: str, note: str, handles: list[mpl.artist.Artist], few: str = "") -> None:
    """Title above, with what is not shown; note, wrapped to the figure, and key below."""
    figure_title(figure, title, few)
    wrapped = "\n".join(textwrap.wrap(note, int(14.5 * figure.get_size_inches()[0])))
    figure.legend(handles=handles, title=wrapped, loc="outside lower center", ncols=3, title_fontsize=7.5, fontsize=7.5)


def key(table: pd.DataFrame, face: np.ndarray | None, line: str, few: str) -> list[mpl.artist.Artist]:
    """What the contours are, and what a grey field is, where there are any."""
    handles: list[mpl.artist.Artist] = []
    if face is not None:
        handles.append(mpl.lines.Line2D([], [], color=line, linewidth=0.8, label="contours of the mean face of all"))
    if table["small"].any():
        handles.append(mpl.patches.Patch(facecolor=_EMPTY, label=f"under {SMALL} faces: {few}"))
    return handles


PANELS = 3  # panels a row


def first_column(axes: list[Axes], label: str) -> None:
    """Label the first panel of each row."""
    for axis in axes[::PANELS]:
        axis.set_ylabel(label)


def panel_grid(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels of this height in inches, PANELS a row at most, and their axes."""
    columns = min(PANELS, max(count, 1))
    lines = -(-max(count, 1) // columns)
    figure = new_figure(max(5.5, 0.4 + 2.9 * columns), 1.1 + height * lines)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis in axes[count:]:
        axis.remove()
    return figure, list(axes[:count])
