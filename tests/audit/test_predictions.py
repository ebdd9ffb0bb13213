"""The table of predictions in memory: coded text, names in their order, tables below each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from facebias.audit.predictions import as_text, coded, numbered, runs_of, sets_of, stacked, validate
from facebias.core.errors import FacebiasError


def rows(names: list[str], **values: object) -> pd.DataFrame:
    known = {"run_id": "a", "model": "cnn", "seed": 0, "dataset": "test", "image_id": names, "label": 1, "score": 0.5}
    return pd.DataFrame(known | {"skin_tone": "dark", "ita": 1.0, "race": "", "gender": "", "age": ""} | values)


def test_names_are_numbered_in_their_order_with_the_first_row_of_each():
    names = ["b", "é", "a#10", "b", "a#9", "", "é"]
    number, first = numbered(pd.Series(names))
    expected, uniques = pd.factorize(pd.Series(names), sort=True)
    np.testing.assert_array_equal(number, expected)
    assert [names[row] for row in first] == list(uniques) and list(first) == [names.index(name) for name in uniques]


@pytest.mark.parametrize("kind", [object, "str", "category"])
def test_no_names_have_no_numbers(kind):
    number, first = numbered(as_text(pd.Series([], dtype=kind)))
    assert len(number) == len(first) == 0


@pytest.mark.parametrize("kind", [object, "str", "category"])
def test_coded_text_is_the_text_in_its_order(kind):
    values = pd.Series(["tan", None, "dark", "tan"], dtype=kind)
    found = coded(values)
    assert found.tolist() == ["tan", "", "dark", "tan"] and list(found.cat.categories) == ["", "dark", "tan"]


def test_names_that_no_row_has_are_not_among_the_coded():
    values = pd.Series(["b", "a", "c"], dtype=pd.CategoricalDtype(["c", "b", "a"]))
    assert list(coded(values.head(2)).cat.categories) == ["a", "b"]


def test_coded_numbers_and_truths_are_their_text():
    assert coded(pd.Series([3, 1])).tolist() == ["3", "1"]
    assert coded(pd.Series([True, False]).astype("category")).tolist() == ["True", "False"]


def test_tables_below_each_other_keep_rows_and_fill_groups_that_one_lacks():
    one, other = rows(["b", "a"], skin_tone=["tan", "dark"]), rows(["c"], hair="grey", dataset="ppb")
    found = stacked([validate(one), other])
    expected = pd.concat([one, other], ignore_index=True).fillna({"hair": ""})
    assert all(found[name].tolist() == expected[name].tolist() for name in expected)
    assert list(found) == list(expected) and isinstance(found["hair"].dtype, pd.CategoricalDtype)


def test_an_image_is_allowed_once_a_run_and_data_set():
    twice = pd.concat([rows(["a", "b"]), rows(["a"], dataset="ppb"), rows(["a"], run_id="c", model="vae")])
    assert len(validate(twice)) == 4
    with pytest.raises(FacebiasError, match=r"predictions:4: image_id 'b' in 1 row"):
        validate(pd.concat([twice, rows(["b"])]))


def test_checked_predictions_take_a_byte_for_each_text_of_a_row():
    names = [f"{number:07d}.jpg" for number in range(5000)]
    found = validate(rows(names)).memory_usage(deep=True, index=False)
    assert found.drop("image_id").sum() < 45 * len(names)
    assert found["image_id"] < 30 * len(names)


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_names_runs_and_sets_are_the_same_however_many_rows_are_looked_at_once(monkeypatch, at_once):
    monkeypatch.setattr("facebias.audit.predictions.STRINGS", at_once)
    number, first = numbered(pd.Series(["b", "a", "b", "c", "a"], dtype="str"))
    assert (number.tolist(), first.tolist()) == ([1, 0, 1, 2, 0], [1, 0, 3])
    table = pd.DataFrame(
        {"run_id": coded(pd.Series(["r", "q", "r", "q"])), "model": "cnn", "seed": [1, 0, 1, 0], "label": [0, 1, 1, 1]}
    )
    assert runs_of(table).values.tolist() == [["r", "cnn", 1], ["q", "cnn", 0]]
    sets = [(values, rows.tolist()) for values, rows in sets_of(table, ["run_id", "label"])]
    assert sets == [(("r", 0), [0]), (("q", 1), [1, 3]), (("r", 1), [2])]


def test_a_table_alone_is_stacked_without_a_copy_of_its_numbers():
    table = pd.DataFrame({"race": ["White", None], "score": [1.0, 2.0]}, index=[3, 5])
    found = stacked([table])
    assert found["race"].tolist() == ["White", ""] and found.index.tolist() == [0, 1]
    assert np.shares_memory(found["score"], table["score"])


def test_no_rows_have_no_sets():
    assert not list(sets_of(validate(rows(["a"])).iloc[:0], ["run_id", "label"]))
