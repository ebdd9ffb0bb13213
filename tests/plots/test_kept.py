"""Figures that were drawn of the same before."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from facebias import plots
from facebias.core.outputs import OutputFolder, recorded
from facebias.plots import FigureFolder, Shown, kept


@dataclass
class Figures:
    """Draws one figure, and counts how often."""

    files: FigureFolder
    summary: object
    drawn: list[str] = field(default_factory=list)

    @kept.kept
    def recall(self, *names: str) -> list[Shown]:
        self.drawn.extend(names)
        return [self.files.save(plots.source_recall(self.summary), self.summary, "recall")]

    @kept.kept
    def nothing(self, *names: str) -> list[Shown]:
        self.drawn.extend(names)
        return []


@pytest.fixture
def figures(summary, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "in_jupyter", lambda: True)
    return lambda key, owner="study": Figures(FigureFolder(OutputFolder(tmp_path, owner), True, key=key), summary)


def test_a_figure_drawn_of_the_same_is_shown_and_recorded_as_it_was(figures, tmp_path):
    first, again = figures("data"), figures("data", "another owner")
    (before,), (after,) = first.recall("cnn"), again.recall("cnn")
    assert first.drawn == ["cnn"] and not again.drawn
    assert after._repr_mimebundle_() == before._repr_mimebundle_()
    assert [path.name for path in recorded(tmp_path)] == ["recall.csv", "recall.png"]


def test_a_figure_of_which_a_file_was_changed_is_drawn_anew(figures, tmp_path):
    figures("data").recall()
    (tmp_path / "recall.csv").write_text("edited")
    changed = figures("data")
    changed.recall("again")
    assert changed.drawn == ["again"]


def test_other_data_or_arguments_are_drawn_anew_and_without_a_key_everything_is(figures, tmp_path):
    for key, name in (("data", "cnn"), ("data", "vae"), ("other data", "cnn"), ("", "cnn"), ("", "cnn")):
        one = figures(key)
        one.nothing(name)
        assert one.drawn == [name]
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "Figures-nothing-cnn.json",
        "Figures-nothing-vae.json",
    ]
