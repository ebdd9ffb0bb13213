"""Notebooks are executed: once and twice, with other settings, headlessly, and what goes wrong is one line."""

from __future__ import annotations

import json
import subprocess
import sys
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
from facebias.report.notebook import execute, kernel_traits, parameters

ROOT = Path(__file__).resolve().parents[2]
TOP = ROOT / "Bias_in_face_detection.ipynb"
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))


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
            assert nbformat.read(done, as_version=4).cells[-1].outputs[0].text == "['made.ipynb']\n"
