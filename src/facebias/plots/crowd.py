"""More groups than a page holds: which are drawn, and what the figure says of the others.

Every figure with a row, a line or a panel a group asks here, so that none grows beyond what can be read or laid out.
The table behind a figure always has every group.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from facebias.audit.groups import SMALL
from facebias.core.words import UNKNOWN

ROWS = 40  # in a figure of a row a group: as tall as a page
LINES = 12  # in one panel: with more, neither colours nor dashes tell them apart
LEVELS = 24  # of one column, in a figure with a field for each pair of levels
LETTERS = 36  # of a name in a figure


def drawn_groups(table: pd.DataFrame, by: str = "group", most: int = ROWS) -> tuple[list[str], str]:
    """The groups that a figure shows, and a sentence on how many it does not.

    The largest are shown, and with them always the lowest and the highest of the first model among those that may be
    called so: a figure that hides the group which the verdict names would be no picture of it.

    Args:
        table: rows with `by` and `n`, and where they have a recall or another rate `value`; optionally `model`.
        by: column of the groups.
        most: how many are shown at most.

    Returns:
        The groups in the table's order, and "" where all of them are shown.
    """
    names = list(dict.fromkeys(table[by]))
    if len(names) <= most:
        return names, ""
    order = table.groupby(by, sort=False)["n"].max().sort_values(ascending=False, kind="stable").index
    kept = set([*dict.fromkeys([*_ends(table, by), *order])][:most])
    ends = ", and the lowest and highest" if _ends(table, by) else ""
    return [name for name in names if name in kept], f"{most} of {len(names):,} groups: the largest{ends}"


def _ends(table: pd.DataFrame, by: str) -> list[str]:
    """Lowest and highest group of the first model, small and unknown ones left out."""
    if "value" not in table:
        return []
    rows = table[table["model"] == table["model"].iloc[0]] if "model" in table else table
    large = rows[(rows["n"] >= SMALL) & rows["value"].notna() & ~rows[by].str.contains(UNKNOWN)]
    if large.empty:
        return []
    return [str(large.loc[end, by]) for end in (large["value"].idxmin(), large["value"].idxmax())]


def of_drawn(table: pd.DataFrame, by: str = "group", most: int = ROWS) -> tuple[pd.DataFrame, str]:
    """The rows of the groups that a figure shows, and the sentence on the others; see `drawn_groups`."""
    names, note = drawn_groups(table, by, most)
    return table[table[by].isin(names)], note


def short(name: str) -> str:
    """A name as a figure has room for: underscores are spaces, and what is beyond 36 letters is an ellipsis."""
    name = name.replace("_", " ")
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def notes(parts: Iterable[str]) -> str:
    """Notes below a title, one after another, without those that are empty."""
    return "; ".join(part for part in parts if part)
