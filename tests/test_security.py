"""What the source never does: run what a file holds, start a shell, or ask the network outside of `data fetch`."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src/facebias"
NETWORK = {"socket", "urllib", "http", "requests", "httpx", "aiohttp", "ftplib", "smtplib", "websocket"}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
# Where one of these is imported for a reason of its own
ADMITTED = {
    ("data/fetch.py", "urllib"),
    ("data/fetch.py", "http"),
    ("core/lock.py", "socket"),  # the host's name alone
    ("training/checkpoints.py", "pickle"),  # the name of the error of a file that is refused
    ("saliency/subjects.py", "pickle"),
}
CALLS = {"eval", "exec", "compile", "__import__"}


def parsed() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path.relative_to(SOURCE).as_posix(), node


NODES = list(parsed())


def imports() -> Iterator[tuple[str, str]]:
    for name, node in NODES:
        if isinstance(node, ast.Import):
            yield from ((name, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield name, node.module.split(".")[0]


def calls() -> Iterator[tuple[str, str, dict[str, str]]]:
    for name, node in NODES:
        if isinstance(node, ast.Call):
            words = {word.arg: ast.unparse(word.value) for word in node.keywords if word.arg}
            yield name, ast.unparse(node.func), words


def test_nothing_asks_the_network_or_unpickles_but_where_it_is_admitted():
    found = {(name, module) for name, module in imports() if module in NETWORK | UNSAFE}
    assert found <= ADMITTED, found - ADMITTED
    assert not [at for at, what, _ in calls() if what.startswith(("pickle.", "socket.socket", "socket.create"))]


def test_nothing_evaluates_text_or_starts_a_shell():
    found = [(name, what) for name, what, _ in calls() if what in CALLS or what in ("os.system", "os.popen")]
    assert not found
    assert not [name for name, _, words in calls() if words.get("shell", "False") != "False"]


def test_weights_are_loaded_as_tensors_alone():
    loads = [(name, words) for name, what, words in calls() if what == "torch.load"]
    assert loads and all(words.get("weights_only") == "True" for _, words in loads), loads
    assert all(words.get("allow_pickle", "False") == "False" for _, what, words in calls() if what.startswith("np."))


@pytest.mark.parametrize("what", ["torch.jit.load", "torch.export.load", "spec.loader.exec_module"])
def test_foreign_code_is_run_in_one_place_a_kind_which_says_so(what):
    (place,) = {name for name, call, _ in calls() if call == what}
    assert any(name == place and call == "say_foreign_code" for name, call, _ in calls())


def test_the_security_policy_names_what_runs_foreign_code():
    text = (SOURCE.parents[1] / "SECURITY.md").read_text(encoding="utf-8")
    assert all(name in text for name in ("file.py", "file.pt", ".onnx", "weights_only", "data fetch", "FACEBIAS_HOME"))


def test_packing_and_scoring_open_no_socket(tiny, monkeypatch):
    from facebias.data.pack import pack_audit, pack_training

    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked the network"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("asked for a name"))
    assert pack_training(tiny) and pack_audit(tiny, "synthetic")


def test_figures_need_no_display(tmp_path):
    draw = "import matplotlib.pyplot as p; from facebias.plots import FigureFolder; p.figure().savefig('a.png')"
    without = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    assert subprocess.run([sys.executable, "-c", draw], cwd=tmp_path, env=without).returncode == 0
    assert (tmp_path / "a.png").exists()
