"""Progress: who watches, and what is said to whom."""

from __future__ import annotations

import nbformat
from nbclient import NotebookClient

from facebias.core.progress import at_a_front_end, headless
from facebias.report.notebook import kernel_traits

ASKED = """
from facebias.core.progress import at_a_front_end, headless, in_jupyter
print(in_jupyter(), at_a_front_end(), headless())
get_ipython().kernel._allow_stdin = True  # as a front end that takes input has it
print(in_jupyter(), at_a_front_end(), headless())
"""


def test_outside_a_kernel_nobody_is_at_a_front_end():
    assert not at_a_front_end()


def test_the_environment_can_say_that_nobody_watches(monkeypatch):
    monkeypatch.setenv("FACEBIAS_HEADLESS", "1")
    assert headless() and not at_a_front_end()


def test_a_kernel_that_a_program_executes_is_headless_and_one_that_somebody_steps_through_is_not(monkeypatch):
    monkeypatch.delenv("FACEBIAS_HEADLESS", raising=False)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ASKED)])
    with kernel_traits() as traits:
        NotebookClient(notebook, kernel_name="python3", config=traits).execute()
    told = notebook.cells[0].outputs[0].text.splitlines()
    assert told == ["True False True", "True True False"]
