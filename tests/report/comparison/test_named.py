"""What a person names: runs, studies and executed notebooks, and what is told of how studies differ."""

from __future__ import annotations

import json
import shutil

import pytest

from facebias.core.errors import FacebiasError
from facebias.core.notebook_settings import MARK, parameters_cell, settings_of_notebook
from facebias.report.comparison import compare_named, compare_runs, find_named, find_runs, studies_table
from facebias.training.run import Run
from scored_runs import command


def notebook(path, config=None, usual="", **parameters):
    """An executed notebook: its own parameters cell, and the one that papermill put in."""
    injected = "\n".join([MARK, *(f"{name} = {value!r}" for name, value in parameters.items())])
    sources = [parameters_cell(), injected, f"%matplotlib inline\nconfig = notebook_config(globals(){usual})"]
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
    path.write_text(json.dumps({"cells": cells, "metadata": {"papermill": {"parameters": parameters}}}))
    return path


@pytest.fixture
def two(shelf):
    """Two studies that differ in seeds and in nothing else."""
    return shelf.study(2), shelf.study(3)


def test_a_study_stands_for_all_its_runs_each_once(shelf, two):
    fewer, more = two
    config = shelf.config.with_(studies_dir=fewer.studies_dir)
    found = find_named([fewer.study_id, str(more.study_folder), "cnn-s0"], config)
    assert list(found.studies) == [fewer.study_id, more.study_id]
    assert [run.id.rpartition("-")[0] for run in found.runs] == [
        "cnn-s0", "dbvae-0.01-s0", "cnn-s1", "dbvae-0.01-s1", "cnn-s2", "dbvae-0.01-s2",
    ]  # fmt: skip
    assert find_runs([more.study_id[:-2]], config)[0] == found.runs[0]


def test_how_studies_differ_is_said_before_how_their_results_do(shelf, two):
    larger = shelf.study(2, train_size=900, audit_size=0)
    config = shelf.config.with_(studies_dir=larger.studies_dir)
    found = compare_named([study.study_id for study in (*two, larger)], config)
    table = studies_table(found.of).set_index("setting")
    assert table.loc["seeds"].tolist() == ["2", "3", "2"]
    assert table.loc["train_size"].tolist() == ["4800", "4800", "900"]
    assert set(table.index) == {"seeds", "train_size", "audit_size"}
    text = found.text
    said = ("What differs between the studies", "What differs between them beside", "Recall, %")
    assert sorted(said, key=text.index) == list(said)
    assert "4 of 10 trainings are in more than one of the studies: each counts once." in text
    page = found._repr_html_()
    assert page.index("What differs between the studies") < page.index("By group")
    # one table of the differences, and a model for each size
    assert found.names == [f"{arm} train_size={size}" for size in (4800, 900) for arm in ("cnn", "dbvae-0.01")]


def test_one_study_and_runs_of_none_say_nothing_of_studies(shelf, two):
    found = compare_named([two[0].study_id], shelf.config.with_(studies_dir=two[0].studies_dir))
    for one in (found, compare_runs(found.compared[0].runs + found.compared[1].runs)):
        assert "between the studies" not in one.text + one._repr_html_() and "trainings are in" not in one.text


def test_a_notebook_stands_for_the_study_beside_it_or_the_one_that_its_parameters_name(shelf, two, tmp_path):
    study = two[1]
    beside = notebook(study.study_folder / "Bias.ipynb", train_faces="lab")  # as `facebias notebook` leaves it
    assert settings_of_notebook(beside) == study
    told = {
        name: study.as_dict()[name] for name in ("train_faces", "negatives", "audit_sets", "arms", "seeds", "runs_dir")
    }
    out = notebook(tmp_path / "out.ipynb", **told)
    assert settings_of_notebook(out).run_id == study.run_id and settings_of_notebook(out).seeds == study.seeds
    found = compare_named([str(out), two[0].study_id], shelf.config.with_(studies_dir=study.studies_dir))
    assert studies_table(found.of)["setting"].tolist() == ["seeds"]
    few = notebook(tmp_path / "chapter.ipynb", usual=', arms="cnn,vae"', profile="tiny", epochs=2)
    assert settings_of_notebook(few).epochs == 2 and settings_of_notebook(few).arms == "cnn,dbvae-0.01"  # the profile's
    assert settings_of_notebook(notebook(tmp_path / "c.ipynb", usual=', arms="cnn,vae"')).arms == "cnn,vae"


def test_a_notebook_that_is_none_is_one_line(tmp_path):
    for name, text, says in (
        ("gone", None, "no such file"),
        ("text", "dear diary", "not JSON"),
        ("list", "[]", "not a notebook"),
        ("other", '{"cells": [], "metadata": {}}', "no cell begins with"),
    ):
        path = tmp_path / f"{name}.ipynb"
        if text is not None:
            path.write_text(text)
        with pytest.raises(FacebiasError, match=says) as caught:
            settings_of_notebook(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(FacebiasError, match="did you mean epochs"):
        settings_of_notebook(notebook(tmp_path / "x.ipynb", epoch=2))


def test_runs_may_have_moved_and_one_that_is_missing_is_told_with_what_makes_it(shelf, two, tmp_path):
    study, config = two[0], shelf.config.with_(studies_dir=two[0].studies_dir)
    shutil.move(shelf.folder, tmp_path / "elsewhere")
    with pytest.raises(FacebiasError, match="Run facebias study with the settings of celeba-on-fairface"):
        find_named([study.study_id], config)
    found = find_named([study.study_id], config, {"runs_dir": str(tmp_path / "elsewhere")})
    assert found.runs[0] == Run(tmp_path / "elsewhere" / found.runs[0].id)


def test_the_command_takes_a_study_and_gives_a_program_one_object(shelf, two, tmp_path):
    words = ("compare", two[0].study_id, "--studies-dir", two[0].studies_dir, "--out", tmp_path / "out", "--json")
    done = command(*words)
    found = json.loads(done.stdout)
    assert found["baseline"] == "cnn" and {row["model"] for row in found["models"]} == {"cnn", "dbvae-0.01"}
    flagged = [row for row in found["changes"] if row["flagged"] and row["grouping"] == "race"]
    assert {(row["metric"], row["group"]) for row in flagged} == {
        ("TPR", "Black"),
        ("worst", "Black \N{RIGHTWARDS ARROW} none"),
        ("gap", ""),
    }
    assert found["studies"] == [] and found["folder"] == str(tmp_path / "out")
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert page.count("<img") == page.count('src="data:image/') == 2
