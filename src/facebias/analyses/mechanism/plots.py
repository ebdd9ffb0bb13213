"""What resampling prefers, and what each step from uniform draws to the DB-VAE's changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.analyses.mechanism.tables import FORMS, OTHER_SEED
from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.words import dataset_name
from facebias.plots.panels import PANELS
from facebias.plots.style import figure_title, legend_below, look, new_figure, panel_title, styled

NAMES = {
    "ita": "skin tone, ITA (light)",
    "brightness": "brightness, mean L*",
    "contrast": "contrast of L*",
    "sharpness": "sharpness (Laplacian)",
    "asymmetry": "left-right asymmetry",
    "distance": "distance from the mean face",
    "exposure": "true exposure",
    "azimuth": "true light from the right",
    "yaw": "true yaw",
    "pitch": "true pitch",
    "roll": "true roll",
    "size": "true size",
    "blur": "true blur",
    "covered": "glasses, covering, hand",
    OTHER_SEED: OTHER_SEED,
}
_TITLES = {"value": "correlation with the value", "rarity": "with how rare the value is"}
_METRICS = {"overall": "all faces", "worst": "worst group", "gap": "gap"}


def preferred_faces(table: pd.DataFrame) -> Figure:
    """Rank correlation of a face's log probability with each covariate: dots with intervals, arms side by side.

    Args:
        table: from `facebias.analyses.mechanism.tables.preferred_faces`; its rows of `measure` "spearman" are drawn.

    Raises:
        FacebiasError: no arm draws faces unequally.
    """
    rows = table[table["measure"] == "spearman"]
    if rows.empty:
        raise FacebiasError("FIGURE", "preferred_faces", "no arm draws faces unequally", "Add a dbvae-ALPHA arm")
    models, names = list(rows["model"].unique()), list(rows["covariate"].unique())
    place = {name: number + (0.5 if name == OTHER_SEED else 0.0) for number, name in enumerate(names)}
    with styled():
        figure = new_figure(8.2, 1.1 + max(0.27, 0.085 * len(models) + 0.1) * len(names))
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for axis, form in zip(axes, FORMS, strict=True):
            for number, model in enumerate(models):
                mine = rows[(rows["model"] == model) & (rows["form"] == form)]
                _dots(axis, mine, [place[name] for name in mine["covariate"]], number, len(models), arm_name(model))
            _rows(axis, place)
            axis.set_title(_TITLES[form])
            axis.set_xlabel("rank correlation (95 % interval)")
        axes[0].set_yticks(list(place.values()), [NAMES.get(name, name) for name in place])
        figure_title(figure, "Which training faces are drawn more often")
        legend_below(figure, *axes[0].get_legend_handles_labels(), most=3)
    return figure


def step_changes(table: pd.DataFrame, source: str = "") -> Figure:
    """Change in recall, worst group and gap at each step of the ladder, a panel a data set.

    Args:
        table: from `facebias.analyses.mechanism.tables.step_changes`, of one ladder or several.
        source: name of the training source.

    Raises:
        FacebiasError: the table is empty.
    """
    if table.empty:
        raise FacebiasError("FIGURE", "step_changes", "no steps", "Add shuffled-ALPHA to the arms")
    rows = _shown(table)
    datasets = list(rows["dataset"].unique())
    steps = list(dict.fromkeys(zip(rows["baseline"], rows["model"], strict=True)))
    names = sorted(dict.fromkeys(rows["line"]), key=lambda name: name != "all faces")
    place = {name: float(number) for number, name in enumerate(names)}
    columns = min(PANELS, len(datasets))
    lines = -(-len(datasets) // columns)
    with styled():
        height = 0.75 + (0.16 * len(steps) + 0.12) * len(names)
        figure = new_figure(2.2 + 2.3 * columns, 0.8 + 0.19 * len(steps) + height * lines)
        axes = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
        for axis in axes[len(datasets) :]:
            axis.remove()
        for axis, dataset in zip(axes, datasets, strict=False):
            for number, (before, after) in enumerate(steps):
                mine = rows[(rows["dataset"] == dataset) & (rows["baseline"] == before) & (rows["model"] == after)]
                scaled = mine.assign(value=100 * mine["change"], low=100 * mine["low"], high=100 * mine["high"])
                heights, label = [place[name] for name in mine["line"]], f"{arm_name(before)} to {arm_name(after)}"
                _dots(axis, scaled, heights, number, len(steps), label)
            _rows(axis, place)
            reach = max(1.0, *(abs(end) for end in axis.get_xlim()))  # no drama where all changes are hundredths
            axis.set_xlim(-reach, reach)
            panel_title(axis, dataset_name(dataset, source), (figure.get_size_inches()[0] - 2.2) / columns)
            axis.set_xlabel("change, points")
        axes[0].set_yticks(list(place.values()), list(place))
        figure_title(figure, "Does it matter which faces are drawn? Paired changes with 95 % intervals")
        legend_below(figure, *axes[0].get_legend_handles_labels(), most=1)
    return figure


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """The changes that are drawn, with the name of the `line` of each."""
    groupings = ["all faces", "race x gender", "skin tone x gender"]
    rows = table[table["metric"].isin(_METRICS) & table["grouping"].isin(groupings)]
    rows = rows[(rows["grouping"] == "all faces") | (rows["metric"] != "overall")]
    return rows.assign(
        line=[
            _METRICS[metric] + ("" if grouping == "all faces" else f", {grouping}")
            for metric, grouping in zip(rows["metric"], rows["grouping"], strict=True)
        ]
    )


def _dots(axis: Axes, rows: pd.DataFrame, places: list[float], number: int, count: int, label: str) -> None:
    seen, value = look(number + 1), rows["value"].to_numpy()
    y = np.array(places) + (number - (count - 1) / 2) * min(0.2, 0.72 / count)
    reach = np.nan_to_num(np.abs(rows[["low", "high"]].to_numpy().T - value))
    axis.errorbar(value, y, xerr=reach, fmt="none", ecolor=seen["color"], elinewidth=1.1)
    axis.plot(value, y, linestyle="none", **seen, markersize=4.6, label=label)


def _rows(axis: Axes, place: dict[str, float]) -> None:
    for number, y in enumerate(place.values()):
        if number % 2 == 0:
            axis.axhspan(y - 0.5, y + 0.5, color="#f6f6f6", zorder=0, linewidth=0)
    axis.axvline(0, color="#777777", linewidth=0.9, zorder=1)
    axis.set_ylim(max(place.values()) + 0.55, -0.55)
    axis.tick_params(axis="y", length=0)
    axis.grid(True, axis="x")
