"""Groups: which cell of which grouping a face belongs to, empty cells included."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.audit.predictions import GROUP_COLUMNS, PREDICTION_COLUMNS, as_text, coded, is_number
from facebias.core.errors import FacebiasError
from facebias.core.tone_scale import CLASSES
from facebias.core.words import AGE_BINS, GENDERS, UNKNOWN, missing_level

GROUPINGS = (("race", "gender"), ("skin_tone", "gender"), ("race",), ("skin_tone",), ("gender",), ("age",), ())
MOST = 24  # levels of a column that somebody's own data set brings; with more it names pictures, not groups
SMALL = 30  # images under which a cell is greyed and left out of "worst" and of gaps
ALL = "all"  # the level of a column that a marginal is summed over
_LEVELS = {"skin_tone": CLASSES, "gender": GENDERS, "age": AGE_BINS}


@dataclass(frozen=True)
class Groups:
    """The cells of one grouping of one set of faces.

    Attributes:
        by: grouping columns; () for all faces together.
        table: one row a cell, columns GROUP_COLUMNS and those of `by` ("all" where not grouped by), `n`, `label`,
            `small`, `known` (no grouping column is unknown).
        codes: (faces,) row of `table` of each face.
    """

    by: tuple[str, ...]
    table: pd.DataFrame
    codes: np.ndarray

    @property
    def comparable(self) -> np.ndarray:
        """Rows that may be called worst or enter a gap: known, and not small."""
        rows: np.ndarray = (self.table["known"] & ~self.table["small"]).to_numpy()
        return rows

    @property
    def columns(self) -> list[str]:
        """The columns of `table` that name groups: GROUP_COLUMNS, and any others that are grouped by."""
        return _columns(self.by)

    def rates(self, hits: np.ndarray) -> np.ndarray:
        """Mean of `hits` (..., faces) in each cell: (..., cells); NaN for an empty cell."""
        n = self.table["n"].to_numpy()
        rows = hits.reshape(-1, hits.shape[-1])
        total = np.stack([np.bincount(self.codes, weights=row, minlength=len(n)) for row in rows])
        found: np.ndarray = np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0)
        return found.reshape(*hits.shape[:-1], len(n))


def matching(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """The rows of a table that have these values in these columns."""
    keep = pd.Series(True, index=table.index)
    for column, value in values.items():
        keep &= table[column] == value
    return table[keep]


def name_of(by: tuple[str, ...]) -> str:
    """A grouping in words: "race x gender", "skin tone", "all faces"."""
    return " x ".join(column.replace("_", " ") for column in by) or "all faces"


def groups_of(faces: pd.DataFrame, by: tuple[str, ...]) -> Groups | None:
    """Assign faces to cells, in a fixed order of levels; None where a column is unknown for every face.

    Every combination of levels has a cell, so an empty group is shown with n = 0 and never dropped. Levels of
    skin tone and gender are fixed where the data use them; others are what the data set's own table holds. Faces whose
    skin cannot be measured (grey pictures, covers, coloured light) are a group like others: a detector may miss them.

    Raises:
        FacebiasError: a grouping column that the faces do not have, or of numbers.
    """
    for column in by:
        if column not in faces:
            raise FacebiasError("GROUPING", column, "no such column", f"Use one of {', '.join(map(str, faces))}")
        if is_number(faces[column]):
            raise FacebiasError("GROUPING", column, "holds numbers, not groups", "Bin it first, as with pandas.cut")
    levels = [level for column in by if (level := _levels(faces[column], column)) is not None]
    if len(levels) < len(by):
        return None
    cells = math.prod(map(len, levels))
    codes = np.zeros(len(faces), dtype=np.min_scalar_type(cells))  # of one byte, mostly: each grouping keeps its own
    for column, level in zip(by, levels, strict=True):
        text = coded(faces[column]).cat
        place = pd.Index(level).get_indexer([name or missing_level(column) for name in text.categories])
        codes = codes * len(level) + place.astype(codes.dtype)[text.codes]
    index = pd.MultiIndex.from_product(levels, names=by).to_frame(index=False) if by else pd.DataFrame(index=[0])
    table = index.reindex(columns=_columns(by), fill_value=ALL)
    n = np.bincount(codes, minlength=len(table))
    known = (index != UNKNOWN).all(axis=1) if by else True
    return Groups(by, table.assign(n=n, label=_label(index, by), small=n < SMALL, known=known), codes)


def all_alike(cells: Groups) -> Groups:
    """The same faces in one cell."""
    found = groups_of(pd.DataFrame(index=range(len(cells.codes))), ())
    assert found is not None  # nothing is grouped by, so nothing can be unknown
    return found


def own_groupings(predictions: pd.DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Group columns that a data set of somebody's own brings, with their number of levels: to group by, and too many.

    A column of one level tells no groups apart and is in neither.
    """
    own = [str(name) for name in predictions if name not in PREDICTION_COLUMNS]
    levels = {name: len(set(as_text(predictions[name])) - {""}) for name in own}
    grouped = {name: count for name, count in levels.items() if 2 <= count <= MOST}
    return grouped, {name: count for name, count in levels.items() if count > MOST}


def further_columns(table: pd.DataFrame, groupings: tuple[tuple[str, ...], ...]) -> list[str]:
    """Columns beyond GROUP_COLUMNS that the rows of several groupings, one below the other, are grouped by."""
    named = dict.fromkeys(name for by in groupings for name in by)
    return [name for name in named if name in table and name not in GROUP_COLUMNS]


def _columns(by: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys((*GROUP_COLUMNS, *by)))


def _label(cells: pd.DataFrame, by: tuple[str, ...]) -> pd.Series | str:
    """Each cell's levels in words; one text for all where nothing is grouped by."""
    if not by:
        return "all faces"
    joined = cells.agg(" · ".join, axis=1) if len(by) > 1 else cells[by[0]]
    return joined.str.replace("_", " ")


def _levels(values: pd.Series, column: str) -> list[str] | None:
    """Levels in order; a fixed level stays though no face has it; None where nothing is known."""
    present = set(as_text(values).unique())
    if not present - {""}:
        return None
    if column == "age" and len(present) > MOST:
        return None  # years, not bins
    fixed = list(_LEVELS.get(column, ()))
    if not present & set(fixed):
        fixed = []  # a scale of the data set's own, such as PPB's
    rest = sorted(present - {"", *fixed})
    missing = missing_level(column)
    return [*fixed, *rest, *([missing] if "" in present and missing not in rest else [])]
