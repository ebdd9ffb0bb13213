"""The look of all figures: colours that colour-blind readers tell apart, a marker with each, and the footer.

Figures are `matplotlib.figure.Figure` objects: no pyplot, no global state, no display. Colours stand for arms or
for groups by their order alone; none looks like skin.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from facebias.audit.groups import SMALL

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType  # since matplotlib 3.11

INK, FAINT, GRID = "#222222", "#757575", "#e3e3e3"  # FAINT is the lightest grey that text can be read in
# The baseline is black; then blue, vermilion, green, purple and sky of Okabe and Ito (2008)
COLOURS = (INK, "#0072B2", "#D55E00", "#009E73", "#AA4499", "#56B4E9", "#785EF0", "#666666")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)), (0, (3, 1, 1, 1)))
SYNTHETIC = "SYNTHETIC: rendered faces"
# A page shows an inch as 96 px. The README shows its figure at 800 px, and columns of text are about as wide: a wider
# figure would be shrunk, and its text with it. So none is wider, and no text is smaller than 7 points, on paper too.
SCREEN = 96
WIDEST, SMALLEST = 8.3, 7.0  # inches, points
_MARK = "facebias-mark"
_STYLE: dict[RcKeyType, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": "#777777",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "text.parse_math": False,  # a group called "$x^" is text, not a formula
}


@contextmanager
def styled() -> Iterator[None]:
    """The house style while a figure is made or drawn; matplotlib's own settings come back afterwards."""
    with mpl.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float, layout: Literal["constrained", "compressed"] = "constrained") -> Figure:
    """An empty figure that lays itself out ("compressed" suits pictures side by side).

    Args:
        width, height: inches; a figure is never wider than WIDEST, so that a page shows its text at full size.
        layout: of matplotlib.
    """
    figure = Figure(figsize=(min(width, WIDEST), height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def layout_of(figure: Figure) -> ConstrainedLayoutEngine:
    """What lays out a figure of `new_figure`; its `set` changes margins and the rectangle that is filled."""
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)  # to matplotlib a figure may have any engine, or none
    return engine


class Look(TypedDict):
    """Colour and marker, as matplotlib calls them."""

    color: str
    marker: str


def look(number: int) -> Look:
    """Colour and marker of the arm or group with this number; the pair is its own for the first 64."""
    again = number // len(COLOURS)  # the second time round, a colour comes with another marker
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[(number + 3 * again) % len(MARKERS)]}


_BADGE: dict[str, Any] = {
    "fontsize": 8,
    "fontweight": "bold",
    "color": "white",
    "bbox": {"facecolor": "#B3003C", "edgecolor": "none", "pad": 2.5},
}
_FOOTER: dict[str, Any] = {"fontsize": 7, "color": "#555555", "linespacing": 1.25}


def figure_title(figure: Figure, text: str, note: str = "") -> None:
    """The figure's title, at its left edge and broken where it would leave the figure; a note in a line of its own.

    The figure's label says the same unbroken, for those who do not see it.
    """
    note = note[:1].upper() + note[1:]
    figure.set_label(". ".join(part for part in (text, note) if part))
    room = max(20, int(11.8 * figure.get_size_inches()[0]))
    lines = [line for part in (*text.split("\n"), note) if part for line in textwrap.wrap(part, room)]
    figure.suptitle("\n".join(lines), fontsize=10, fontweight="bold", x=0.02, ha="left", linespacing=1.15)


def panel_title(axis: Axes, text: str, inches: float) -> None:
    """A panel's title, in lines that are no wider than the panel."""
    axis.set_title("\n".join(textwrap.wrap(text, max(8, int(12.5 * inches)))), fontsize=9)


def nothing(axis: Axes) -> None:
    """Say in an empty panel why it is empty."""
    text, ground = f"no two groups of\n{SMALL} images or more", {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    place = axis.transAxes
    axis.text(0.5, 0.5, text, transform=place, ha="center", va="center", fontsize=8, color=FAINT, bbox=ground)


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Round ticks of a logarithmic axis from `low` to `high`, two at least however near its ends are."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5)):
        ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
        if len(ticks) > 1:
            break
    else:  # so near each other that the scale is as good as linear
        ticks = [float(tick) for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
    axis.set_major_locator(FixedLocator(ticks[:: -(-len(ticks) // 7)]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))  # text, since formulas are switched off
    axis.set_minor_locator(NullLocator())


def legend_below(figure: Figure, handles: Sequence[Artist], labels: Sequence[str], *, most: int = 4) -> None:
    """A legend under the axes, in as many columns, `most` at most, as the figure has room for."""
    longest = max((len(label) for label in labels), default=0)
    fitting = int((figure.get_size_inches()[0] - 0.2) / (0.55 + longest / 13))
    columns = max(1, min(most, len(labels), fitting))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def percent_axis(axis: Axes, low: float, which: Literal["x", "y"] = "x") -> None:
    """A recall axis in percent from a round number under `low` (a share) to 100, with a little air."""
    floor = max(0.0, 10 * ((100 * low - 2) // 10)) if low == low else 0.0
    air = 0.02 * (100 - floor)
    set_limits = axis.set_xlim if which == "x" else axis.set_ylim
    set_limits(floor - (air if floor == 0 else 0), 100 + air)
    axis.grid(True, axis=which)


def mark(figure: Figure, *, synthetic: bool, provenance: str = "") -> Figure:
    """Write the footer under a figure: where the numbers come from, and loudly whether faces are rendered.

    The figure grows by the strip that the footer needs. Marking twice replaces the footer. Returns the figure.
    """
    width, height = figure.get_size_inches()
    height -= _unmark(figure)
    room = width - (2.1 if synthetic else 0.2)
    lines = textwrap.wrap(provenance, max(20, int(room * 16.5)))
    strip = 0.13 * max(len(lines), 1 if synthetic else 0) + (0.14 if lines or synthetic else 0)
    keys = [legend.get_window_extent().height / figure.dpi + 0.05 for legend in figure.legends]
    total = height + strip + max(0.0, sum(keys) - height / 2)  # a key of many lines leaves the axes their half
    figure.set_size_inches(width, total)
    for legend in figure.legends:
        # the layout's rectangle moves axes but not a legend outside of them, so both are placed here
        legend.set_in_layout(False)
        legend.set_loc("lower center")
        legend.set_bbox_to_anchor((0, strip / total, 1, 1), transform=figure.transFigure)
    bottom = (strip + sum(keys)) / total
    layout_of(figure).set(rect=(0, bottom, 1, 1 - bottom))
    place = {"y": 0.05 / total, "va": "bottom", "gid": f"{_MARK}:{total - height:.6f}"}
    with styled():
        if synthetic:
            figure.text(x=1 - 0.08 / width, s=SYNTHETIC, ha="right", **_BADGE, **place)
        figure.text(x=0.08 / width, s="\n".join(lines), ha="left", **_FOOTER, **place)
    return figure


def _unmark(figure: Figure) -> float:
    """Take the footer off; the height in inches that the figure grew by for it, 0 without one."""
    old = [artist for artist in figure.texts if str(artist.get_gid()).startswith(_MARK)]
    for artist in old:
        artist.remove()
    return float(str(old[0].get_gid()).split(":")[1]) if old else 0.0
