"""Benchmarks of saliency: a panel a method, each against the same controls on one scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from facebias.core.errors import FacebiasError
from facebias.core.numbers import minus
from facebias.plots.style import FAINT, LINES, figure_title, legend_below, log_ticks, look, new_figure, styled

_COLUMNS = 4
_CONTROL = "blurred random, as "
_PANELS = {
    "least": "least salient pixels first: lower is better",
    "most": "most salient pixels first: higher is better",
}


def of_benchmark(kind: str, table: pd.DataFrame) -> Iterator[tuple[str, Figure, pd.DataFrame]]:
    """The figures of one benchmark and one model: name, figure, and the rows behind it, of all seeds and images."""
    table = table[(table["seed"] == "all") & (table["group"] == "all")]
    if kind == "pixel_perturbation":
        for direction in table["direction"].unique():
            rows = table[table["direction"] == direction]
            yield f"pixels-{direction}", perturbation_curves(rows, str(direction)), rows
    elif kind == "remove_and_retrain":
        yield "retrain", retrain_curves(table), table
    elif kind == "sanity":
        rows = table[table["direction"].isin(["cascading", "all layers"])]
        yield "sanity", sanity_curves(rows), rows


def perturbation_curves(table: pd.DataFrame, direction: str) -> Figure:
    """Relative change of the score against the share of pixels removed, a panel a method, random pixels in each.

    Args:
        table: rows of pixel perturbation of one model (`facebias.saliency.benchmarks.rows.COLUMNS`).
        direction: "least" or "most".

    Raises:
        FacebiasError: no rows.
    """
    wanted = (table["direction"] == direction) & (table["metric"] == "relative change")
    rows = _all(table[wanted], "perturbation_curves")
    methods = [name for name in rows["method"].unique() if name != "random"] or ["random"]
    with styled():
        figure, axes = _grid(len(methods), f"Pixel perturbation, {_PANELS[direction]}")
        for axis, method in zip(axes, methods, strict=True):
            _line(axis, rows[rows["method"] == "random"], "random", 7, FAINT)
            if method != "random":
                _line(axis, rows[rows["method"] == method], "the method", 1)
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.set_title(method.replace("_", " "), fontsize=8.5)
        log_ticks(axes[0].xaxis, *axes[0].get_xlim())
        log_ticks(axes[0].yaxis, *axes[0].get_ylim())
        _finish(figure, axes, "pixels blackened, %", "|change| / |logit|")
    return figure


def retrain_curves(table: pd.DataFrame) -> Figure:
    """Recall after remove and retrain against the share removed: the method, its blurred control, random, and base.

    Raises:
        FacebiasError: no rows.
    """
    rows = _all(table[table["metric"] == "recall"], "retrain_curves")
    rows = rows.assign(**{name: 100 * rows[name] for name in ("mean", "low", "high")})
    names = [str(name) for name in rows["method"].unique()]
    methods = [name for name in names if name not in ("base", "random") and not name.startswith(_CONTROL)] or ["random"]
    with styled():
        figure, axes = _grid(len(methods), "Remove and retrain: lower than the blurred control is better")
        for axis, method in zip(axes, methods, strict=True):
            axis.axhline(
                rows.loc[rows["method"] == "base", "mean"].iloc[0], color=FAINT, linewidth=0.9, label="nothing removed"
            )
            _line(axis, rows[rows["method"] == "random"], "random pixels", 7, FAINT)
            _line(axis, rows[rows["method"] == f"{_CONTROL}{method}"], "random, as smooth", 2)
            if method != "random":
                _line(axis, rows[rows["method"] == method], "the method", 1)
            axis.set_title(method.replace("_", " "), fontsize=8.5)
        _finish(figure, axes, "pixels replaced, %", "recall, %")
    return figure


def sanity_curves(table: pd.DataFrame) -> Figure:
    """Similarity with the trained network's maps against the number of layers redrawn from the output downwards.

    In the corner: rank correlation where all layers are random, mean over several draws of them.

    Raises:
        FacebiasError: no rows.
    """
    rows = _all(table[table["direction"] == "cascading"], "sanity_curves")
    whole = table[(table["direction"] == "all layers") & (table["seed"] == "all") & (table["group"] == "all")]
    methods = list(rows["method"].unique())
    titles = {"spearman": "rank correlation", "spearman_signed": "rank correlation, signed", "ssim": "SSIM"}
    with styled():
        figure, axes = _grid(len(methods), "Weights drawn anew, from the output downwards: 0 is better")
        for axis, method in zip(axes, methods, strict=True):
            axis.axhline(0, color=FAINT, linewidth=0.9)
            for number, (metric, title) in enumerate(titles.items()):
                mine = rows[(rows["method"] == method) & (rows["metric"] == metric)]
                # an empty line keeps the legend the same for all panels
                _line(axis, mine, title, number + 1)
            _whole(axis, whole[(whole["method"] == method) & (whole["metric"] == "spearman")])
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axis.set_ylim(top=1.75)  # room for what stands in the corner
            axis.set_title(str(method).replace("_", " "), fontsize=8.5)
        _finish(figure, axes, "layers redrawn", "similarity")
    return figure


def _whole(axis: Axes, rows: pd.DataFrame) -> None:
    for row in rows.to_dict("records"):
        axis.text(
            0.97,
            0.97,
            minus(f"all random: {row['mean']:.2f}\n[{row['low']:.2f}, {row['high']:.2f}]"),
            fontsize=7,
            ha="right",
            va="top",
            transform=axis.transAxes,
            linespacing=1.2,
        )


def _all(table: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = table[(table["seed"] == "all") & (table["group"] == "all")]
    if rows.empty:
        raise FacebiasError("FIGURE", name, "no rows for all seeds and all images", "Run that part of the benchmark")
    return rows


def _line(axis: Axes, rows: pd.DataFrame, label: str, number: int, colour: str = "") -> None:
    rows = rows.sort_values("k")
    seen = look(number)
    seen["color"] = colour or seen["color"]
    axis.fill_between(rows["k"], rows["low"], rows["high"], color=seen["color"], alpha=0.18, linewidth=0)
    axis.plot(rows["k"], rows["mean"], **seen, markersize=3, linestyle=LINES[number % len(LINES)], label=label)


def _grid(count: int, title: str) -> tuple[Figure, list[Axes]]:
    lines = -(-count // _COLUMNS)
    columns = -(-count // lines)  # as even as can be: 4 and 4, not 5 and 3
    figure = new_figure(max(6.5, 0.6 + 1.9 * columns), 1.2 + 1.75 * lines)
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axis in axes[count:]:
        axis.remove()
    for axis in axes[max(0, count - columns) : count]:
        axis.tick_params(labelbottom=True)
    figure_title(figure, title)
    return figure, list(axes[:count])


def _finish(figure: Figure, axes: Sequence[Axes], below: str, beside: str) -> None:
    last = {}
    for axis in axes:
        place = axis.get_subplotspec()
        assert place is not None  # to matplotlib axes may lie anywhere; those of `_grid` lie in one
        last[place.colspan.start] = axis
        axis.grid(True, axis="y")
        if place.is_first_col():
            axis.set_ylabel(beside)
    for axis in last.values():
        axis.set_xlabel(below, fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    band = Patch(facecolor="#555555", alpha=0.18, label="95 % interval")
    legend_below(figure, [*handles, band], [*labels, "95 % interval"])
