from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from facebias.data.dataset import FaceDataset
from facebias.data.describe import composition_tables, report
from facebias.data.sources.base import TABLE_COLUMNS


def dataset(**columns) -> FaceDataset:
    n = len(next(iter(columns.values())))
    blank = dict.fromkeys(TABLE_COLUMNS, "") | {"ita": np.nan, "l_star": np.nan, "hue": np.nan, "label": 1}
    table = pd.DataFrame({**blank, **columns}, index=range(n))[list(TABLE_COLUMNS)]
    return FaceDataset(
        np.zeros((n, 64, 64, 3), np.uint8),
        table["label"].to_numpy(np.uint8),
        table,
        {"source": "s", "framing": "tight", "synthetic": True},
        Path("x.h5"),
    )


def test_counts_cells_and_margins_of_faces_alone():
    data = dataset(race=["A", "A", "B", "B", ""], gender=["Female", "Male", "Male", "", ""], label=[1, 1, 1, 1, 0])
    ((name, table),) = composition_tables(data).items()
    assert name == "race x gender" and table.loc["A", "Female"] == 1 and table.loc["B", "unknown"] == 1
    assert table.loc["all", "all"] == 4 and list(table.columns) == ["Female", "Male", "unknown", "all"]


def test_tones_stand_from_light_to_dark_and_ages_by_number():
    data = dataset(
        gender=["Male"] * 4, skin_tone=["dark", "very light", "tan", ""], age=["more than 70", "3-9", "10-19", "0-2"]
    )
    tables = composition_tables(data)
    assert list(tables["skin_tone x gender"].index) == ["very light", "tan", "dark", "not measurable", "all"]
    assert list(tables["age x gender"].index) == ["0-2", "3-9", "10-19", "more than 70", "all"]


def test_report_says_what_it_is():
    text = report(dataset(gender=["Male", "Male"], identity=["a", "a"], ita=[10.0, np.nan]))
    assert "x.h5 (synthetic)" in text and "2 faces of 1 identities, 0 negatives" in text
    assert "framing tight" in text and "median 10 degrees" in text and "not measurable on 1 faces" in text


def test_a_set_without_faces_or_labels_is_no_error():
    assert composition_tables(dataset(label=[0, 0])) == {} and "0 faces" in report(dataset(label=[0, 0]))
