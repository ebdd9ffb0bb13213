"""Who is in a packed set: the counts that a reader wants before any result."""

from __future__ import annotations

import pandas as pd

from facebias.core.words import NOT_MEASURABLE, UNKNOWN, missing_level
from facebias.data.dataset import FaceDataset
from facebias.data.sources.base import FACTOR_PREFIX

_LAST = (UNKNOWN, NOT_MEASURABLE, "all")


def composition_tables(dataset: FaceDataset) -> dict[str, pd.DataFrame]:
    """Counts of the faces: race x gender, skin tone x gender, race x skin tone, age x gender, with margins "all".

    A table whose rows or columns the source does not know is left out. Skin tones stand from lightest to darkest;
    "unknown", or "not measurable" of skin tone, is a value that is missing for some.
    """
    from facebias.core.tone_scale import CLASSES

    faces = dataset.table.iloc[dataset.faces]
    orders = {"skin_tone": list(CLASSES), "age": sorted(faces["age"].unique(), key=_age_order)}
    tables = {}
    for rows, columns in (("race", "gender"), ("skin_tone", "gender"), ("race", "skin_tone"), ("age", "gender")):
        if (faces[rows] == "").all() or (faces[columns] == "").all():
            continue
        told = [faces[column].replace("", missing_level(column)) for column in (rows, columns)]
        table = pd.crosstab(*told, margins=True, margins_name="all")
        tables[f"{rows} x {columns}"] = table.reindex(
            index=_ordered(table.index, orders.get(rows)), columns=_ordered(table.columns, orders.get(columns))
        )
    return tables


def kinds_of_negatives(dataset: FaceDataset) -> pd.Series | None:
    """The kind of each non-face in words, indexed by its image_id; None where no kind is told."""
    if f"{FACTOR_PREFIX}kind" not in dataset.table:
        return None
    mine = dataset.table.iloc[dataset.negatives].set_index("image_id")[f"{FACTOR_PREFIX}kind"]
    return mine.replace("", "random square").str.replace("_", " ")


def negative_kinds(dataset: FaceDataset) -> pd.DataFrame | None:
    """How many non-faces are of each kind: n and share, indexed by kind; None where no kind is told.

    A threshold is fixed on these, so 1 % of them is what a false positive rate of 1 % is about.
    """
    if (kinds := kinds_of_negatives(dataset)) is None:
        return None
    counts = kinds.value_counts(sort=True).rename_axis("kind").to_frame("n")
    return counts.assign(share=(counts["n"] / len(kinds)).round(3))


def _ordered(found: pd.Index, order: list[str] | None) -> list[str]:
    names = [name for name in found if name not in _LAST]
    names.sort(key=order.index if order else str)
    return names + [name for name in _LAST if name in found]


def _age_order(text: str) -> tuple[int, str]:
    digits = "".join(c if c.isdigit() else " " for c in text).split()
    return (int(digits[0]) if digits else -1, text)


def report(dataset: FaceDataset) -> str:
    """The tables as text, under what the file is: counts, identities, source, framing."""
    table, attrs = dataset.table, dataset.attrs
    faces = table.iloc[dataset.faces]
    people = faces["identity"].nunique()
    title = f"{dataset.path.name}{' (synthetic)' if attrs.get('synthetic') else ''}"
    lines = [
        title,
        "=" * len(title),
        f"{len(faces):,} faces of {people:,} identities, {len(dataset.negatives):,} negatives",
        f"source {attrs.get('source')}, framing {attrs.get('framing')} ({attrs.get('framing_rules')})",
    ]
    if (measured := faces["ita"].dropna()).size:
        low, middle, high = measured.quantile([0.05, 0.5, 0.95])
        lines.append(
            f"ITA of the skin: median {middle:.0f} degrees, 90 % between {low:.0f} and {high:.0f}, "
            f"not measurable on {faces['ita'].isna().sum():,} faces"
        )
    if (kinds := negative_kinds(dataset)) is not None:
        lines += ["", "negatives by kind", kinds.to_string()]
    for name, counts in composition_tables(dataset).items():
        lines += ["", name, counts.to_string()]
    return "\n".join(lines) + "\n"
