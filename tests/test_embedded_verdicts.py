"""What counts as a contradiction of the long study, and when two ways to make a study agree."""

from __future__ import annotations

import pandas as pd
import pytest
from embedded_verdicts import WHAT, agreement, contradicting, held, shares

QUESTION = dict(zip(WHAT, ("primary", "dbvae-0.01", "vae", "brown and dark skin tone", "recall"), strict=True))


def row(change: float, low: float, high: float, says: str = "claim", **other: object) -> dict[str, object]:
    ends = {"change": change, "low": low, "high": high, "says": says}
    return {"study": "embedded", "processor": "second", "data_seed": 0, "threads": 1} | QUESTION | ends | other


def long(change: float, low: float, high: float) -> dict[str, object]:
    return row(change, low, high, "", study="long")


@pytest.mark.parametrize(
    ("claim", "contradicts"),
    [
        (row(-0.03, -0.05, -0.01), False),
        (row(0.02, 0.01, 0.03), True),  # the other sign
        (row(-0.09, -0.12, -0.06), True),  # the same sign, and no point in common
    ],
)
def test_a_claim_contradicts_by_its_sign_or_by_intervals_without_a_common_point(claim, contradicts):
    found = contradicting(pd.DataFrame([claim, long(-0.02, -0.04, -0.005)]))
    assert found["contradicts"].tolist() == [contradicts]


def test_what_a_study_does_not_say_contradicts_nothing():
    assert contradicting(pd.DataFrame([row(0.02, -0.01, 0.03, ""), long(-0.02, -0.04, -0.005)])).empty


def test_a_study_of_a_former_size_is_left_out():
    former = row(0.02, 0.01, 0.03, study="four epochs")
    assert contradicting(pd.DataFrame([former, long(-0.02, -0.04, -0.005)])).empty


def test_an_interval_is_held_against_the_mean_of_the_other_studies():
    changes = [row(0.0, -0.01, 0.01, data_seed=0), row(0.0, -0.01, 0.01, data_seed=1), row(0.3, 0.2, 0.4, data_seed=2)]
    found = held(pd.DataFrame([*changes, long(0.1, 0.0, 0.2)])).iloc[0]
    assert (found["studies"], found["held"]) == (3, 0)  # the others' means are 0.15, 0.15 and 0
    assert found["mean"] == pytest.approx(0.1) and found["long"] == 0.1


def test_two_ways_to_make_a_study_agree_where_they_say_the_same_with_the_same_sign():
    pairs = [
        (row(-0.03, -0.05, -0.01), row(-0.04, -0.06, -0.02)),
        (row(-0.03, -0.05, -0.01), row(0.03, 0.01, 0.05)),
        (row(-0.01, -0.05, 0.03, ""), row(0.01, -0.03, 0.05, "")),
        (row(-0.01, -0.05, 0.03, ""), row(-0.04, -0.05, -0.03)),
    ]
    both = [
        one | {"data_seed": seed, "threads": k + 1} for seed, pair in enumerate(pairs) for k, one in enumerate(pair)
    ]
    found = agreement(pd.DataFrame(both)).iloc[0]
    assert found["between"] == "threads"
    assert (found["studies"], found["same"], found["inside"]) == (4, 2, 2)
    assert found["apart"] == pytest.approx(0.025)


def test_a_study_that_contradicts_twice_is_counted_once_and_hints_apart_from_claims():
    other = dict(zip(WHAT, ("exploratory", "dbvae-0.01", "cnn", "gender", "worst"), strict=True))
    said = [
        row(0.02, 0.01, 0.03),
        row(0.02, 0.01, 0.03) | other,
        row(-0.02, -0.03, -0.01, data_seed=1),
        row(0.02, 0.01, 0.03, "hint", data_seed=1) | other,
    ]
    table = pd.DataFrame([*said, long(-0.02, -0.04, -0.005), long(-0.02, -0.04, -0.005) | other])
    found = shares(table, contradicting(table)).set_index(["question", "says"])
    assert found["contradicting"].to_dict() == {
        ("primary", "claim"): 1,
        ("exploratory", "claim"): 1,
        ("any", "claim"): 1,
        ("any", "hint"): 1,
    }
    assert found["said"].tolist() == [2, 1, 3, 1] and found["comparisons"].tolist() == [2, 2, 4, 4]
    assert found["value"].tolist() == [0.5] * 4
