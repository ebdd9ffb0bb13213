"""Letter case, blanks and kinds of unknown make no groups of their own."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facebias.core.group_names import one_spelling


def test_the_commonest_spelling_stands_for_all_and_unknown_is_one():
    values = ["Black"] * 3 + ["black", "Black ", "White", "", "nan", "Unknown", "NA", "none"]
    with pytest.warns(UserWarning) as told:
        found = one_spelling(values, "race")
    assert {found[value] for value in ("Black", "black", "Black ")} == {"Black"}
    assert {found[value] for value in ("", "nan", "Unknown")} == {""}
    assert (found["White"], found["NA"], found["none"]) == ("White", "NA", "none")
    (line,) = [str(warning.message) for warning in told]
    assert line == (
        "race: 'black' (1) is taken for 'Black'; 'Black ' (1) is taken for 'Black'; 'nan' (1), 'Unknown' (1) count as "
        "unknown"
    )


def test_names_that_differ_stay_as_they_are_and_nothing_is_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = ["Latino_Hispanic", "White", "000001", "", "3-9"]
        assert one_spelling(values, "race") == {value: value for value in values}


@pytest.mark.filterwarnings("ignore")
@given(st.lists(st.text(max_size=6)))
def test_any_text_has_one_spelling_that_is_its_own(values):
    found = one_spelling(values, "x")
    assert set(found) == set(values) and all(found.get(name, name) == name for name in found.values())
