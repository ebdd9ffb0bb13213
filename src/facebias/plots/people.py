"""Who is in a packed set: counts by gender, race, age and skin tone."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facebias.core.errors import FacebiasError
from facebias.core.tone_scale import CLASSES
from facebias.core.words import NOT_MEASURABLE, UNKNOWN, missing_level
from facebias.plots.crowd import LEVELS, short
from facebias.plots.style import FAINT, figure_title, new_figure, styled

_TITLES = {"gender": "gender, as perceived", "race": "race, as labelled", "age": "age", "skin_tone": "skin tone (ITA)"}


def composition_counts(table: pd.DataFrame) -> pd.DataFrame:
    """Counts behind `composition`: column, level, n, share; columns that are unknown for every face are left out.

    Args:
        table: demographic table; rows with label 0 are not counted.
    """
    faces = table[table["label"] == 1] if "label" in table else table
    parts = []
    for column in _TITLES:
        values = faces[column].replace("", missing_level(column))
        if (values == missing_level(column)).all():
            continue
        count = values.value_counts()
        levels = sorted(count.index, key=lambda level: _order(column, level))
        parts.append(pd.DataFrame({"column": column, "level": levels, "n": count[levels].to_numpy()}))
    if not parts:
        raise FacebiasError("FIGURE", "composition", "nothing is known of any face", "Give a set with demographics")
    out = pd.concat(parts, ignore_index=True)
    return out.assign(share=out["n"] / len(faces))


def _order(column: str, level: str) -> tuple[int, float, str]:
    if level in (UNKNOWN, NOT_MEASURABLE):
        return (2, 0, "")
    if column == "skin_tone":
        return (0, CLASSES.index(level) if level in CLASSES else 99, level)
    digits = "".join(c if c.isdigit() else " " for c in level).split() if column == "age" else []
    return (0, float(digits[0]) + 0.5 * level.startswith("more") if digits else 0, level)


def composition(table: pd.DataFrame) -> Figure:
    """Who is in a packed set: faces by gender, race, age and skin tone, bars from zero with counts.

    Of more than 24 levels the smallest are one bar, which says how many they are.

    Args:
        table: demographic table of a packed set (`FaceDataset.table`).

    Raises:
        FacebiasError: nothing is known of any face.
    """
    counts = composition_counts(table)
    columns = list(counts["column"].unique())
    total = int(counts[counts["column"] == columns[0]]["n"].sum())
    with styled():
        counts = pd.concat([_pooled(mine) for _, mine in counts.groupby("column", sort=False)])
        tallest = counts.groupby("column").size()
        lines = -(-len(columns) // 2)
        heights = [max(tallest[name] for name in columns[2 * row : 2 * row + 2]) for row in range(lines)]
        figure = new_figure(8.0, 0.5 + sum(0.55 + 0.23 * height for height in heights))
        axes = figure.subplots(lines, min(2, len(columns)), squeeze=False, height_ratios=[h + 1.5 for h in heights])
        axes = axes.ravel()
        for axis, name in zip(axes, columns, strict=False):
            _bars(axis, counts[counts["column"] == name], heights[columns.index(name) // 2])
            axis.set_title(_TITLES[name])
        for axis in axes[len(columns) :]:
            axis.remove()
        figure_title(figure, f"Who is in it: {total:,} faces")
    return figure


def _pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one column, the smallest levels of more than LEVELS as one row, so that shares still add up."""
    if len(rows) <= LEVELS:
        return rows
    kept = rows["level"].isin(rows.nlargest(LEVELS - 1, "n")["level"])
    rest = rows[~kept]
    pooled = {"column": rows["column"].iloc[0], "level": f"{len(rest):,} others", **rest[["n", "share"]].sum()}
    return pd.concat([rows[kept], pd.DataFrame([pooled]).astype({"n": int})], ignore_index=True)


def _bars(axis: Axes, rows: pd.DataFrame, slots: int) -> None:
    unknown = rows["level"].isin((UNKNOWN, NOT_MEASURABLE))
    colours = [FAINT if one else "#0072B2" for one in unknown]
    axis.barh(range(len(rows)), rows["n"], height=0.72, color=colours)
    axis.set_yticks(range(len(rows)), [short(level) for level in rows["level"]])
    for y, row in enumerate(rows.itertuples()):
        axis.text(row.n, y, f" {row.n:,} ({100 * row.share:.1f} %)", va="center", fontsize=8)
    axis.set_ylim(max(slots, len(rows)) - 0.5, -0.5)
    axis.set_xlim(0, 1.38 * rows["n"].max())
    axis.set_xticks([])
    axis.spines[["bottom", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
