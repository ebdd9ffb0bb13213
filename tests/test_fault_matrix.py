"""The table behind `make faults` names the 52 faults of the design and tests that exist."""

from __future__ import annotations

import ast

import pytest

from fault_matrix import TESTS, faults


def test_the_52_faults_of_the_design_come_first_and_no_name_is_there_twice():
    names = [fault.name for fault in faults()]
    assert [name.split()[0] for name in names[:52]] == [str(number) for number in range(1, 53)]
    assert len(set(names)) == len(names) >= 52 + 20


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.name)
def test_each_fault_names_tests_that_exist(fault):
    assert fault.done and fault.required and fault.tests
    for test in fault.tests:
        file, _, name = test.partition("::")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, test
