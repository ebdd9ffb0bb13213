"""The notebooks as they are committed: what their cells hold, and that they were executed."""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from facebias.core.config import Config
from facebias.core.notebook_settings import parameters_cell
from facebias.core.progress import MARK

ROOT = Path(__file__).resolve().parents[2]
TOP = ROOT / "Bias_in_face_detection.ipynb"
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FACES = {"facebias"} | {
    f"facebias.{name}" for name in ("analyses", "audit", "data", "detectors", "plots", "report", "saliency", "training")
}
each_notebook = pytest.mark.parametrize("path", [TOP, *CHAPTERS], ids=lambda path: path.stem)


def cells(path: Path, kind: str = "code") -> list[dict]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(line for line in cell["source"] if not line.startswith("%"))


def trees(path: Path) -> list[ast.Module]:
    return [ast.parse(source(cell)) for cell in cells(path)]


def prose(path: Path) -> str:
    return "\n\n".join("".join(cell["source"]) for cell in cells(path, "markdown"))


@each_notebook
class TestStructure:
    def test_it_begins_with_the_settings_that_people_change_and_makes_the_configuration_of_them(self, path):
        first, second = cells(path)[:2]
        assert first["metadata"] == {"tags": ["parameters"]}
        assert "".join(first["source"]) == parameters_cell()
        assert "config = notebook_config(globals()" in source(second)

    def test_no_later_cell_gives_a_setting_another_value(self, path):
        settings = {node.target.id for node in ast.parse(parameters_cell()).body}
        for tree in trees(path)[1:]:
            stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            assert not stored & settings

    def test_it_imports_from_the_package_or_one_package_of_it_and_nothing_deeper(self, path):
        found = [node for tree in trees(path) for node in ast.walk(tree)]
        names = {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in found if isinstance(node, ast.ImportFrom)}
        assert {name for name in names if name.startswith("facebias")} <= FACES

    def test_nothing_is_defined_and_no_path_is_bent(self, path):
        for cell in cells(path):
            defined = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.While)
            assert not any(isinstance(node, defined) for node in ast.walk(ast.parse(source(cell)))), source(cell)
            assert "sys.path" not in source(cell) and "os.chdir" not in source(cell)

    def test_about_half_of_the_cells_are_prose_and_there_are_at_most_forty(self, path):
        told, code = len(cells(path, "markdown")), len(cells(path))
        assert told + code <= 40
        assert told / (told + code) >= 0.44

    def test_code_cells_are_short(self, path):
        lengths = sorted(source(cell).count("\n") + 1 for cell in cells(path))
        assert lengths[len(lengths) // 2] <= 5

    def test_it_names_the_command_that_executes_it_with_other_settings(self, path):
        line = next(line for line in prose(path).splitlines() if line.startswith(".venv/bin/papermill "))
        _, notebook, _, *options = shlex.split(line)
        assert (ROOT / notebook).samefile(path)
        known = {spec.name: type(spec.default) for spec in fields(Config)}
        values = {name: known[name](value) for name, value in zip(options[1::3], options[2::3], strict=True)}
        assert values and set(options[::3]) == {"-p"}
        Config.make(**values)

    def test_it_leads_to_the_next_and_to_the_one_before(self, path):
        order = [TOP, *CHAPTERS]
        at = order.index(path)
        linked = {(path.parent / link).resolve() for link in re.findall(r"]\(([^)#:]+)\)", prose(path))}
        assert all(link.exists() for link in linked)
        assert set(order[max(at - 1, 0) : at + 2]) - {path} <= linked


def text_of(path: Path) -> str:
    """Everything in the file but the pixels of pictures."""
    content = json.loads(path.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
    return json.dumps(content, ensure_ascii=False)


@each_notebook
class TestCommitted:
    def test_it_was_executed_in_order_on_the_default_study_without_an_error(self, path):
        code = cells(path)
        assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
        assert not any(output["output_type"] == "error" for cell in code for output in cell["outputs"])
        assert any(cell["outputs"] for cell in code)
        assert not any("injected-parameters" in cell["metadata"].get("tags", []) for cell in code)

    def test_it_tells_neither_time_nor_place_nor_progress_and_is_small(self, path):
        text = text_of(path)
        assert not re.search(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text)
        assert not re.search(r"(?<![\w.:/])/(home|root|tmp|Users|work|private|var|usr|opt)/", text)
        lines = [line for cell in cells(path) for output in cell["outputs"] for line in output.get("text", [])]
        assert not any(line.startswith(MARK) for line in lines)
        assert ".dirty" not in text  # of code that is in no commit
        assert path.stat().st_size < (1_000_000 if path == TOP else 400_000)

    def test_its_metadata_are_those_that_never_change(self, path):
        content = json.loads(path.read_text(encoding="utf-8"))
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        assert content["metadata"] == {"kernelspec": kernel, "language_info": {"name": "python"}}
        assert all(set(cell["metadata"]) <= {"tags"} for cell in content["cells"])
