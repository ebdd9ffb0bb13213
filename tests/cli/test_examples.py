"""Every example of every verb's help, as pasted, one after the other in an empty folder; its numbers are sane."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pandas as pd
import pytest
import typer

from facebias.cli import STAGES, app

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "notebooks/01_data.ipynb"
# Others need these, in this order; `data render` needs none, and `runs rm` takes a run away from all others
FIRST = ("data pack", "train", "study")
BESIDE = ("data render", "data fetch")
LAST = ("runs rm",)
LONG = ("shift", "explain-groups", "notebook", "protocols", "benchmark-saliency")  # begun before the short ones


def helps() -> dict[str, str]:
    """The help of every verb, as it is written."""
    found, todo = {}, [("", typer.main.get_command(app))]
    while todo:
        name, command = todo.pop()
        if verbs := getattr(command, "commands", None):
            todo += [(f"{name} {verb}".strip(), one) for verb, one in verbs.items()]
        if name and name != "data":
            found[name] = command.help
    return found


def examples(text: str) -> list[list[str]]:
    """The words of each example, which may go on in the next line behind a backslash."""
    joined = re.sub(r"\\\s*\n\s*", "", text)
    return [shlex.split(line) for line in re.findall(r"Example: facebias (.*)", joined)]


ALL = {verb: examples(text) for verb, text in helps().items()}


@pytest.mark.parametrize("verb", ALL)
def test_each_verb_has_an_example_of_its_own(verb):
    assert ALL[verb] and all(words[: len(verb.split())] == verb.split() for words in ALL[verb])


def test_the_list_of_verbs_is_whole():
    listed = {name for verbs in STAGES.values() for name in verbs}
    assert listed == {verb.split()[0] for verb in ALL}


class Hub(BaseHTTPRequestHandler):
    """A hub with one file of FairFace."""

    FILE = b"PAR1 and so on"

    def do_GET(self):
        entry = {"path": "0.25/a.parquet", "lfs": {"oid": sha256(self.FILE).hexdigest()}}
        body = json.dumps([entry]).encode() if "/tree/" in self.path else self.FILE
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nobody reads it."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder as a clone has it: a notebook, and nothing that was made."""
    folder = tmp_path_factory.mktemp("home with space")
    (folder / CHAPTER).parent.mkdir()
    shutil.copy(ROOT / CHAPTER, folder / CHAPTER)
    return folder


@pytest.fixture(scope="module")
def pasted(home):
    """What every example printed, by verb, one text an example."""
    hub = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"FACEBIAS_HOME": str(home), "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}"}

    def paste(verb):
        said = []
        for words in ALL[verb]:
            done = subprocess.run(
                [sys.executable, "-m", "facebias", *words], capture_output=True, text=True, cwd=home, env=environment
            )
            assert done.returncode == 0, f"facebias {shlex.join(words)}\n{done.stderr}"
            said.append(done.stdout)
        return said

    short = [verb for verb in ALL if verb not in FIRST + BESIDE + LAST + LONG]
    with ThreadPoolExecutor(2) as pool:
        beside = {verb: pool.submit(paste, verb) for verb in BESIDE}
        found = {verb: paste(verb) for verb in FIRST}
        found |= {verb: done.result() for verb, done in beside.items()}
        rest = {verb: pool.submit(paste, verb) for verb in [*LONG, *short]}
        found |= {verb: done.result() for verb, done in rest.items()}
    found |= {verb: paste(verb) for verb in LAST}
    hub.shutdown()
    hub.server_close()
    return found


def test_the_study_finds_most_faces_at_the_rate_that_was_asked_for(pasted, home):
    (summary,) = home.glob("studies/*/summary.csv")
    rows = pd.read_csv(summary).query("grouping == 'all faces'").set_index(["model", "dataset", "metric"])["value"]
    assert rows["cnn", "synthetic", "TPR"] > 0.5 and rows["cnn", "test", "TPR"] > 0.5
    assert rows["dbvae-0.01", "synthetic", "TPR"] > 0.4
    assert rows[:, "test", "FPR"].max() < 0.05
    assert "the CNN finds" in pasted["study"][0] and str(summary.parent) in pasted["study"][0]


def test_one_run_and_its_scores_serve_all_that_follows(pasted, home):
    assert len(re.findall(r"^ *\S+-s\d-\w{8} .* scored$", pasted["runs"][0], flags=re.M)) == 4
    assert pasted["train"][0].splitlines()[-1].startswith(str(home / "runs" / "cnn-s0-"))
    assert "synthetic 240" in pasted["score"][0]
    assert len(list(home.glob("studies/*/config.json"))) == 1  # every other verb found this study by its name


def test_each_verb_of_results_leaves_them_where_it_says(pasted, home):
    for verb, place in (("audit", "audit/group_report.csv"), ("compare", "compare/comparison.html")):
        assert str(home / place.split("/")[0]) in pasted[verb][0] and (home / place).is_file()
    assert len(list(home.glob("studies/*/report.html"))) == 1
    for verb in ("shift", "mechanism", "tone", "protocols", "saliency"):
        assert list(home.glob(f"studies/*/{verb}*.png")), verb
    assert "lbp_cascade" in (home / "cascade" / "summary.csv").read_text()


def test_pictures_are_searched_and_explained(pasted, home):
    boxes = pd.read_csv(next((home / "detected").glob("*.csv")))
    assert len(boxes) >= 1 and len(list((home / "explained").glob("*.npy"))) == 2
    assert len(pd.read_csv(home / "pictures" / "labels.csv")) == 240


def test_what_was_fetched_described_executed_and_removed(pasted, home):
    assert (home / "data/raw/fairface/0.25/a.parquet").read_bytes() == Hub.FILE
    assert "faces of" in pasted["data describe"][0] and "skin_tone x gender" in pasted["data describe"][0]
    assert re.search(r"executed notebook +.*/01_data\.ipynb$", pasted["notebook"][0], flags=re.M)
    assert "removed" in pasted["runs rm"][0] and not list(home.glob("runs/cnn-s0-*"))
