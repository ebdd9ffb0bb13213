"""Notebooks tell the story and call facebias: structure, parameters, and headless execution."""

from __future__ import annotations

import ast
import json
from dataclasses import fields
from pathlib import Path

import papermill
import pytest

from facebias.core.arms import ARM_FIELDS
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.report.notebook import execute, parameters

ROOT = Path(__file__).resolve().parents[2]
TOP = ROOT / "Bias_in_face_detection.ipynb"
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str = "code") -> list[dict]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(line for line in cell["source"] if not line.startswith("%"))


@pytest.mark.parametrize("path", [TOP, *CHAPTERS], ids=lambda path: path.stem)
class TestStructure:
    def test_the_parameters_cell_equals_the_defaults_and_says_what_each_means(self, path):
        found = [cell for cell in cells(path) if "parameters" in cell["metadata"].get("tags", [])]
        assert len(found) == 1
        tree = ast.parse(source(found[0]))
        values = {node.target.id: ast.literal_eval(node.value) for node in tree.body}
        types = {node.target.id: node.annotation.id for node in tree.body}
        wanted = {spec.name: spec for spec in fields(Config) if spec.name not in ARM_FIELDS}
        assert values == {name: spec.default for name, spec in wanted.items()}
        assert types == {name: type(spec.default).__name__ for name, spec in wanted.items()}
        for name, spec in wanted.items():
            assert f"# {spec.metadata['help']}" in source(found[0]), name

    def test_nothing_is_defined_and_no_path_is_bent(self, path):
        for cell in cells(path):
            for node in ast.walk(ast.parse(source(cell))):
                assert not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.While)) or isinstance(
                    node, ast.Lambda
                ), source(cell)
            assert "sys.path" not in source(cell) and "os.chdir" not in source(cell)

    def test_about_half_of_the_cells_are_prose_and_there_are_at_most_forty(self, path):
        prose, code = len(cells(path, "markdown")), len(cells(path))
        assert prose + code <= 40
        assert prose / (prose + code) >= 0.4

    def test_code_cells_are_short(self, path):
        lengths = sorted(source(cell).count("\n") + 1 for cell in cells(path))
        assert lengths[len(lengths) // 2] <= 5


def test_chapters_are_committed_without_outputs_and_are_small():
    for path in CHAPTERS:
        assert not any(cell["outputs"] or cell["execution_count"] for cell in cells(path)), path.name
        assert path.stat().st_size < 30_000


def test_the_committed_study_was_executed_in_order_without_an_error_and_is_small():
    code = cells(TOP)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not any(output["output_type"] == "error" for cell in code for output in cell["outputs"])
    assert TOP.stat().st_size < 1_000_000


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Config:
    home = tmp_path_factory.mktemp("notebooks")
    return profile(
        "tiny",
        audit_size=480,
        negative_size=240,
        train_size=240,
        **{f"{kind}_dir": str(home / kind) for kind in ("runs", "data", "figures")},
    )


def test_the_study_runs_headlessly_from_any_working_directory(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = execute(tiny, TOP.name)
    assert "rendered faces" in done.verdict
    assert all(path.exists() for path in done.places.values())
    figures = {path.stem for path in done.places["figures"].glob("*.png")}
    assert {"faces", "negatives", "who-training", "recall-by-source", "sampling-skin-tone", "traversal"} <= figures
    assert not list(tmp_path.iterdir())
    about = json.loads(done.places["executed notebook"].read_text())["metadata"]["papermill"]
    assert about["input_path"] == about["output_path"] == TOP.name  # and not a path of this machine


def test_the_study_runs_on_photographs_and_shows_no_single_face(test_data, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    real = tiny.with_(
        train_faces="celeba",
        negatives="folder",
        audit_sets="fairface,utkface",
        audit_size=600,
        train_size=600,
        data_root=str(test_data),
    )
    done = execute(real, TOP.name)
    assert done.verdict.startswith("On FairFace, by race x gender")
    figures = {path.stem for path in done.places["figures"].glob("*.png")}
    assert {"mean-faces", "group-recall-fairface-race-x-gender", "group-recall-utkface-skin-tone-x-gender"} <= figures
    assert not {"faces", "negatives", "reconstructions"} & figures


def test_the_html_asks_for_nothing_from_the_network(tiny):
    html = next(tiny.path("runs").glob("study-*/*.html")).read_text(encoding="utf-8")
    assert "<script src" not in html and '<link rel="stylesheet" href="http' not in html


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_each_chapter_runs_headlessly(tiny, path):
    done = execute(tiny, f"notebooks/{path.name}")
    assert done.places["HTML"].exists()


def test_papermill_alone_runs_a_notebook_and_refuses_a_typo_and_a_wrong_type(tiny, tmp_path):
    path = CHAPTERS[0]
    given = parameters(tiny)
    for name, value, says in (("epoch", 3, "did you mean epochs"), ("flip", "false", "expected bool, found str")):
        with pytest.raises(papermill.PapermillExecutionError, match=says):
            papermill.execute_notebook(
                str(path),
                str(tmp_path / "out.ipynb"),
                {**given, name: value},
                kernel_name="python3",
                progress_bar=False,
            )


def test_a_notebook_that_is_not_there_is_one_line(tiny):
    with pytest.raises(FacebiasError, match="no such notebook"):
        execute(tiny, "notebooks/99_none.ipynb")
