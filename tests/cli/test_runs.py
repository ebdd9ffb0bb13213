"""`facebias runs`: what is there, and what may be removed."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from facebias.core.errors import FacebiasError
from facebias.core.files import write_json
from facebias.core.lock import folder_lock, holder_of
from facebias.training.run_list import COLUMNS, removable, remove, runs_table
from made import untrained_run
from scored_runs import command, scored


@pytest.fixture
def three(tiny):
    """A scored run, a trained one, and one that was cut off after its second epoch of three."""
    done, trained = scored(tiny), untrained_run(tiny, 1)
    cut = untrained_run(tiny.with_(epochs=3), 2, "db_vae")
    (cut.path / "DONE.json").unlink()
    for epoch in (1, 2):
        (cut.path / f"checkpoint-{epoch:06d}.pt").touch()
    return done, trained, cut


def test_the_list_says_what_each_run_is(tiny, three):
    table = runs_table(tiny.path("runs")).set_index("run")
    assert tuple(table.reset_index().columns) == COLUMNS
    states = {run.id: state for run, state in zip(three, ("scored", "trained", "unfinished"), strict=True)}
    assert table["state"].to_dict() == states
    assert table.loc[three[2].id, ["arm", "seed", "epochs"]].tolist() == ["dbvae-0.01", 2, "2/3"]
    assert set(table["data"]) == {"synthetic 96 + synthetic 96"} and (table["bytes"] > 0).all()
    said = command("runs", "--runs-dir", tiny.path("runs")).output
    assert all(run.id in said for run in three) and "MB" in said
    assert "no runs" in command("runs", "--runs-dir", tiny.path("data")).output


def test_a_run_in_use_is_listed_as_such_and_not_removed(tiny, three):
    run = three[0]
    code = f"import facebias.core.lock as l\nwith l.folder_lock({str(run.path)!r}):\n print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()
        assert runs_table(tiny.path("runs")).set_index("run").loc[run.id, "state"] == f"in use by {holder_of(run.path)}"
        with pytest.raises(FacebiasError, match=f"in use by process {other.pid}"):
            removable([run.id], tiny)
        with pytest.raises(FacebiasError, match="in use by"):
            remove(run)
        other.communicate("\n")
    assert run.path.is_dir() and holder_of(run.path) == ""


def test_removal_asks_and_looks_where_the_list_looks(tiny, three):
    place = ("--runs-dir", tiny.path("runs"))
    assert command("runs", "rm", three[0].id, *place).exit_code == 1 and three[0].path.exists()
    assert "removed" in command("runs", "rm", three[0].id, *place, "--yes").output
    assert "removed" in command("runs", *place, "rm", "cnn", "-y").output
    assert [run.path.exists() for run in three] == [False, False, True]


def test_nothing_but_a_runs_own_folder_is_removed(tiny, three, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("dear")
    elsewhere = tmp_path / "renamed"
    shutil.copytree(three[0].path, elsewhere)
    link = tiny.path("runs") / "cnn-s9-12345678"
    link.symlink_to(three[1].path)
    write_json(tmp_path / "mine" / "config.json", {"no": "settings"})
    for name, says in (
        (tmp_path, "is no run's folder"),
        (tmp_path / "mine", "no such setting"),
        (elsewhere, "holds cnn-s0-"),
        ("nothing", "no run 'nothing'"),
    ):
        with pytest.raises(FacebiasError, match=says):
            removable([three[0].id, str(name)], tiny)
    with pytest.raises(FacebiasError, match="is no run's folder"):
        removable(["cnn-s9"], tiny)
    assert three[0].path.exists() and (tmp_path / "mine" / "notes.txt").exists() and elsewhere.exists()


def test_a_run_that_is_taken_into_use_before_its_removal_stays(three):
    with folder_lock(three[1].path), pytest.raises(FacebiasError, match="in use"):
        remove(three[1])
    assert three[1].path.is_dir()
