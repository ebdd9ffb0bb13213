"""A figure in words, for those who do not see it: its title, how it is laid out, and the ends of what it shows."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from facebias.audit.groups import SMALL
from facebias.core.arms import arm_name
from facebias.core.numbers import percent
from facebias.core.words import UNKNOWN

_PANELS, _KEYS, _MODELS = 6, 8, 3  # that are named: more are not listened to
_WHOLE = "all faces"


def described(figure: Figure, table: pd.DataFrame | None = None) -> str:
    """A figure in two or three sentences.

    Args:
        figure: from any function of this package or of an analysis.
        table: the numbers behind it; where they are recalls of groups, the lowest and the highest are told.

    Returns:
        Text without line breaks.
    """
    parts = [str(figure.get_label()), _panels(figure), _key(figure), "" if table is None else _ends(table)]
    return " ".join(part if part.endswith(".") else f"{part}." for part in parts if part)


def _panels(figure: Figure) -> str:
    """What runs along the axes, and panels with titles of their own; of pictures, what is said at the left of a row."""
    axes = [axis for axis in figure.axes if not axis.images]
    lines = dict.fromkeys(" ".join(axis.get_ylabel().split()) for axis in figure.axes if axis.images)
    rows = [line for line in lines if line]
    titles = dict.fromkeys(" ".join(axis.get_title(loc="left").split()) for axis in axes)
    named = [title for title in titles if title and title not in str(figure.get_label())]
    below = {" ".join(axis.get_xlabel().split()) for axis in axes if axis.get_xlabel()}
    told = [f"Along the horizontal axis: {below.pop()}"] if len(below) == 1 else []
    if len(named) > 1:
        rest = f" and {len(named) - _PANELS} more" if len(named) > _PANELS else ""
        told.append(f"Panels: {'; '.join(named[:_PANELS])}{rest}")
    if rows:
        told.append(f"Rows: {'; '.join(rows[:_KEYS])}")
    return ". ".join(told)


def _key(figure: Figure) -> str:
    """The entries of the key."""
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    rest = f" and {len(labels) - _KEYS} more" if len(labels) > _KEYS else ""
    return f"Shown: {'; '.join(labels[:_KEYS])}{rest}" if labels else ""


def _ends(table: pd.DataFrame) -> str:
    """The lowest and the highest recall of each model's groups, small and unknown ones left out."""
    if not {"metric", "value", "group", "model", "n"} <= set(table):
        return ""
    rows = table[(table["metric"] == "TPR") & table["value"].notna() & (table["n"] >= SMALL)]
    rows = rows[~rows["group"].str.contains(UNKNOWN) & (rows["group"] != _WHOLE)]
    told = []
    for model, mine in list(rows.groupby("model", sort=False))[:_MODELS]:
        if len(mine) > 1:
            low, high = mine.loc[mine["value"].idxmin()], mine.loc[mine["value"].idxmax()]
            told.append(
                f"{arm_name(str(model))}: from {percent(low['value'])} % ({low['group']}) "
                f"to {percent(high['value'])} % ({high['group']})"
            )
    return "; ".join(told)
