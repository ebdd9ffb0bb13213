"""Scores of each group: how they are spread, and whether a probability means the same for all."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.words import dataset_name
from facebias.plots.crowd import LINES as MOST
from facebias.plots.crowd import drawn_groups, short
from facebias.plots.panels import first_column, panel_grid
from facebias.plots.style import FAINT, INK, LINES, figure_title, legend_below, look, new_figure, styled

_NON_FACES = "non-faces"


def group_scores(table: pd.DataFrame) -> Figure:
    """Spread of the scores of each group, and of the non-faces: median, middle half, and 5 to 95 %. One row a group.

    Args:
        table: rows of `facebias.audit.calibration.score_spread` of one model, data set and grouping, and those of the
            model's non-faces. Small groups are grey.

    Raises:
        FacebiasError: no group has images.
    """
    faces, others = table[table["group"] != _NON_FACES], table[table["group"] == _NON_FACES]
    if faces.empty:
        raise FacebiasError("FIGURE", "group_scores", "no group has images", "Choose another grouping")
    groups, note = drawn_groups(faces)
    rows = pd.concat([faces[faces["group"].isin(groups)], others], ignore_index=True)
    with styled():
        figure = new_figure(7.5, 1.2 + 0.26 * len(rows))
        axis = figure.add_subplot()
        for place, row in enumerate(rows.itertuples()):
            _spread(axis, place, row)
        axis.set_yticks(range(len(rows)), [f"{short(row.group)} (n = {row.n:,})" for row in rows.itertuples()])
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_xlabel("score (logit): median, middle half, and 5 to 95 %; mean over seeds")
        first = faces.iloc[0]
        where = f"{dataset_name(first['dataset'])} by {first['grouping']}"
        figure_title(figure, f"Scores of the {arm_name(first['model'])} on {where}", note)
    return figure


def _spread(axis: Axes, place: int, row: object) -> None:
    colour = FAINT if row.small else look(1)["color"] if row.group != _NON_FACES else INK  # type: ignore[attr-defined]
    q5, q25, q50, q75, q95 = (getattr(row, name) for name in ("q5", "q25", "q50", "q75", "q95"))
    axis.plot([q5, q95], [place, place], color=colour, linewidth=1.1)
    axis.plot([q25, q75], [place, place], color=colour, linewidth=4.5, solid_capstyle="butt")
    axis.plot(q50, place, marker="o", color="white", markeredgecolor=colour, markersize=5)


def group_calibration(table: pd.DataFrame) -> Figure:
    """Share of faces among what gets a probability, a line a group and a panel a model; the diagonal is right.

    Args:
        table: rows of `facebias.audit.calibration.calibration` of one data set and grouping. Small groups are grey.

    Raises:
        FacebiasError: no row.
    """
    if table.empty:
        raise FacebiasError("FIGURE", "group_calibration", "no group has images", "Score test non-faces too")
    (groups, note), models = drawn_groups(table, most=MOST), list(table["model"].unique())
    with styled():
        figure, axes = panel_grid(len(models), 3.0)
        for axis, model in zip(axes, models, strict=True):
            axis.plot([0, 100], [0, 100], color=FAINT, linewidth=0.9)
            for number, group in enumerate(groups):
                mine = table[(table["model"] == model) & (table["group"] == group)]
                seen = look(number + 1)
                seen["color"] = FAINT if mine["small"].any() else seen["color"]
                line = LINES[number % len(LINES)]
                across, up = 100 * mine["probability"], 100 * mine["faces"]
                axis.plot(across, up, **seen, markersize=4, linewidth=1, linestyle=line, label=short(group))
            axis.set_title(arm_name(model))
            axis.set_xlabel("probability, %")
            axis.grid(True)
        first_column(axes, "faces among these, %")
        where = f"{dataset_name(table['dataset'].iloc[0])} by {table['grouping'].iloc[0]}"
        figure_title(figure, f"Does a probability mean the same for all? {where}, at even odds", note)
        legend_below(figure, *axes[0].get_legend_handles_labels())
    return figure
