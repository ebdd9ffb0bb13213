from __future__ import annotations

from collections import Counter

import pytest

from facebias.data.splits import place_of, quotas, split_of

PEOPLE = [f"person {i}" for i in range(4000)]


def test_shares_are_met_over_identities():
    found = Counter(split_of(name, 0, 0.15, 0.2) for name in PEOPLE)
    assert found["validation"] / 4000 == pytest.approx(0.15, abs=0.02)
    assert found["test"] / 4000 == pytest.approx(0.2, abs=0.02)
    assert found["train"] == 4000 - found["validation"] - found["test"]


def test_the_seed_changes_the_split_and_nothing_else_does():
    a, b = ([split_of(name, seed, 0.15, 0.15) for name in PEOPLE] for seed in (0, 1))
    assert sum(x != y for x, y in zip(a, b, strict=True)) > 1000
    assert a == [split_of(name, 0, 0.15, 0.15) for name in PEOPLE]


def test_places_are_stable_over_versions():
    """A change here would move people between the splits of files that are already trained on."""
    assert place_of("1", 0, "split") == pytest.approx(0.8526072, abs=1e-6)


def test_a_larger_test_share_moves_nobody_from_test_to_train():
    small = {name for name in PEOPLE if split_of(name, 0, 0.1, 0.1) == "test"}
    assert all(split_of(name, 0, 0.1, 0.2) == "test" for name in small)


def test_quotas_take_all_without_a_cap():
    assert quotas(["a", "b", "a"], 0, 0) == {"a": 2, "b": 1} == quotas(["a", "b", "a"], 3, 0)


def test_quotas_meet_the_cap_with_whole_identities_but_one():
    identities = [f"p{i % 30}" for i in range(300)]
    taken = quotas(identities, 105, 0)
    assert sum(taken.values()) == 105 and sorted(taken.values()) == [5] + [10] * 10
    assert quotas(identities, 55, 0).keys() <= taken.keys()
    assert quotas(identities, 105, 1).keys() != taken.keys()


def test_quotas_do_not_depend_on_the_order_of_samples():
    identities = [f"p{i % 7}" for i in range(50)]
    assert quotas(identities, 20, 0) == quotas(identities[::-1], 20, 0)
