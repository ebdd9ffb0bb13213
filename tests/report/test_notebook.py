"""Notebooks tell the story and call facebias: structure, parameters, what is committed, execution once and twice."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import nbformat
import papermill
import pytest
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import read_json, write_json
from facebias.core.notebook_settings import parameters_cell
from facebias.core.profiles import profile
from facebias.core.progress import MARK
from facebias.report.notebook import execute, kernel_traits, parameters

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


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Config:
    home = tmp_path_factory.mktemp("notebooks")
    return profile(
        "tiny",
        audit_size=480,
        negative_size=240,
        train_size=240,
        **{f"{kind}_dir": str(home / kind) for kind in ("runs", "data", "studies")},
    )


def run_all(notebook: nbformat.NotebookNode, folder: Path, times: int) -> list[int]:
    """Execute all cells, `times` times in one kernel as a person would; the execution counts of the last time."""
    with kernel_traits() as traits:
        client = NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, timeout=None, config=traits)
        client.startup_timeout = 600
        with client.setup_kernel():
            for _ in range(times):
                for number, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, number)
    return [cell["execution_count"] for cell in notebook.cells if cell["cell_type"] == "code"]


def made(folder: Path, *code: str) -> Path:
    """A notebook of the parameters cell and some lines."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in (parameters_cell(), *code)])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["language_info"] = {"name": "python"}
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / "made.ipynb")
    return folder / "made.ipynb"


CONFIG = "from facebias import notebook_config\nconfig = notebook_config(globals())"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_each_chapter_runs_twice_in_one_kernel_and_leaves_the_verdict_alone(tiny, path):
    verdict = tiny.study_folder / "verdict.json"
    if not verdict.exists():
        write_json(verdict, {"text": "of the study"})
    before = verdict.read_bytes()
    notebook = parameterize_notebook(load_notebook_node(str(path)), parameters(tiny), kernel_name="python3")
    counts = run_all(notebook, path.parent, times=2)
    assert counts == list(range(len(counts) + 1, 2 * len(counts) + 1))
    assert verdict.read_bytes() == before


def test_the_study_runs_headlessly_from_any_working_directory(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = execute(tiny, TOP.name)
    assert "rendered faces" in done.verdict
    assert all(path.exists() for path in done.places.values())
    assert "rendered faces" in done.places["report"].read_text(encoding="utf-8")
    figures = {path.stem for path in tiny.study_folder.glob("*.png")}
    assert {"faces", "negatives", "who-training", "recall-by-source", "sampling-skin-tone", "traversal"} <= figures
    assert not list(tmp_path.iterdir())
    about = json.loads(done.places["executed notebook"].read_text())["metadata"]["papermill"]
    assert about["input_path"] == about["output_path"] == TOP.name  # and not a path of this machine
    html = done.places["HTML"].read_text(encoding="utf-8")
    assert "<script src" not in html and '<link rel="stylesheet" href="http' not in html  # asks nothing of the network


def test_the_study_runs_twice_in_one_kernel(tiny):
    notebook = parameterize_notebook(load_notebook_node(str(TOP)), parameters(tiny), kernel_name="python3")
    counts = run_all(notebook, ROOT, times=2)
    assert counts == list(range(len(counts) + 1, 2 * len(counts) + 1))


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
    first, second = done.verdict.splitlines()[:2]
    assert first == "No primary comparison: arm vae was not trained."
    assert second.startswith("Exploratory: On FairFace, by skin tone,")
    figures = {path.stem for path in real.study_folder.glob("*.png")}
    assert {"mean-faces", "group-recall-fairface-race-x-gender", "group-recall-utkface-skin-tone-x-gender"} <= figures
    assert not {"faces", "negatives", "reconstructions"} & figures


def test_a_value_is_edited_and_a_typo_refused_and_mended_in_one_kernel(tmp_path):
    path = made(tmp_path, CONFIG, "files = {}\nalpha = 3\nprint(config.epochs)")
    notebook = nbformat.read(path, as_version=4)
    first = notebook.cells[0].source
    edits = (first, first.replace("epochs: int = None", "epochs: int = 9"), f"{first}\nepoch = 3", first)
    said = []
    with kernel_traits() as traits:
        client = NotebookClient(notebook, allow_errors=True, config=traits, startup_timeout=600)
        with client.setup_kernel():
            for edited in edits:
                notebook.cells[0].source = edited
                found = [client.execute_cell(cell, number) for number, cell in enumerate(notebook.cells)]
                errors = [output.evalue for output in found[1].outputs if output.output_type == "error"]
                said.append(errors[0] if errors else found[2].outputs[0].text.strip())
    assert said[0] == said[3] == str(Config().epochs)
    assert said[1] == "9"
    assert "did you mean epochs" in said[2]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("epoch", 3, "did you mean epochs"), ("flip", "false", "expected bool, found str")],
    ids=["typo", "wrong-type"],
)
def test_papermill_alone_refuses_a_typo_and_a_wrong_type(tmp_path, name, value, says):
    path = str(made(tmp_path, CONFIG))
    with pytest.raises(papermill.PapermillExecutionError, match=says):
        papermill.execute_notebook(
            path, str(tmp_path / "out.ipynb"), {name: value}, kernel_name="python3", progress_bar=False
        )


class TestExecute:
    def test_a_notebook_that_is_not_there_is_one_line(self, tiny):
        with pytest.raises(FacebiasError, match="no such notebook"):
            execute(tiny, "notebooks/99_none.ipynb")

    def test_a_folder_that_cannot_be_written_to_is_one_line(self, tiny, tmp_path):
        (tmp_path / "file").write_text("in the way")
        blocked = tiny.with_(studies_dir=str(tmp_path / "file"))
        with pytest.raises(FacebiasError, match=r"^\[WRITE] .*file.*--studies-dir$"):
            execute(blocked, str(made(tmp_path, CONFIG)))

    def test_a_kernel_that_dies_is_one_line(self, tiny, tmp_path):
        with pytest.raises(FacebiasError, match=r"^\[KERNEL] .*died"):
            execute(tiny, str(made(tmp_path, "import os\nos._exit(1)")))

    def test_a_missing_kernel_is_one_line_with_what_installs_one(self, tiny, tmp_path, monkeypatch):
        def none(*_, **__):
            raise NoSuchKernel("python3")

        monkeypatch.setattr("papermill.execute_notebook", none)
        with pytest.raises(FacebiasError, match=r"^\[KERNEL] python3: no Jupyter kernel.*python -m ipykernel install"):
            execute(tiny, str(made(tmp_path, CONFIG)))

    def test_a_verdict_stays_until_another_is_there(self, tiny, tmp_path):
        config = tiny.with_(studies_dir=str(tmp_path / "studies"))
        verdict = config.study_folder / "verdict.json"
        write_json(verdict, {"text": "of an earlier study"})
        assert execute(config, str(made(tmp_path / "chapter", CONFIG))).verdict == ""
        with pytest.raises(FacebiasError, match="ZeroDivisionError"):
            execute(config, str(made(tmp_path / "broken", CONFIG, "1 / 0")))
        assert read_json(verdict)["text"] == "of an earlier study"
        write = "from facebias.core.files import write_json\nimport os"
        new = f"{write}\nwrite_json(config.study_folder / 'verdict.json', {{'text': 'of this one'}})"
        assert execute(config, str(made(tmp_path / "study", CONFIG, new))).verdict == "of this one"

    def test_two_run_at_once_and_nothing_appears_beside_the_notebook(self, tiny, tmp_path):
        # each waits for the other, so that both kernels are alive when they look around
        meet = (
            "import os, pathlib, time\nhere = pathlib.Path(config.data_root)\n(here / str(os.getpid())).touch()\n"
            "while len(list(here.iterdir())) < 2:\n    time.sleep(0.1)\nprint(sorted(os.listdir()))"
        )
        path, meeting = made(tmp_path / "folder", CONFIG, meet), tmp_path / "meeting"
        meeting.mkdir()
        verb = [sys.executable, "-m", "facebias", "notebook", "--notebook", str(path), "--data-root", str(meeting)]
        commands = [[*verb, "--studies-dir", str(tmp_path / name)] for name in ("one", "two")]
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for command in commands]
        said = [process.communicate()[0].decode() for process in started]
        assert [process.returncode for process in started] == [0, 0], said
        assert not any("ERROR" in text for text in said)  # kernels that are shut down have nothing to report
        for name in ("one", "two"):
            (done,) = (tmp_path / name).glob("*/made.ipynb")
            assert cells(done)[-1]["outputs"][0]["text"] == ["['made.ipynb']\n"]
