"""The command line: plain help by stage, options that count, results alone, one-line errors, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from facebias.cli import STAGES, app
from facebias.cli.options import _places_repeated
from facebias.core.errors import FacebiasError
from facebias.core.progress import bar, say, silence
from scored_runs import audited, command, scored


def facebias(*words: str, home, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FACEBIAS_HOME": str(home), "OMP_NUM_THREADS": "1", "COLUMNS": "200", **more}
    return subprocess.run(
        [sys.executable, "-m", "facebias", *words], capture_output=True, text=True, cwd=home, env=environment
    )


def verbs(group=None, before=""):
    """Every verb by its words, with its command."""
    for name, one in (group or typer.main.get_command(app)).commands.items():
        words = f"{before} {name}".strip()
        if name != "data":
            yield words, one
        if getattr(one, "commands", None):
            yield from verbs(one, words)


VERBS = dict(verbs())


def help_of(verb):
    return CliRunner().invoke(app, [*verb.split(), "-h"], env={"COLUMNS": "200"}).output


# --- help ---------------------------------------------------------------------------------------------------------
def test_help_lists_every_verb_under_its_stage_in_plain_text():
    lines = help_of("").splitlines()
    for stage, mine in STAGES.items():
        at = lines.index(f"{stage}:")
        assert [line.split()[0] for line in lines[at + 1 : at + 1 + len(mine)]] == list(mine)
    # no frames, no colours, and no text that is cut off
    assert not re.search("[\u2500-\u257f\x1b]|[a-z]\\.\\.\\.$", "\n".join(lines), flags=re.M)


@pytest.mark.parametrize("verb", VERBS)
def test_defaults_have_one_form(verb):
    text = help_of(verb)
    assert not re.search("unless told|if left out|unless given|Typer", text)
    for option in VERBS[verb].params:
        told = " ".join(text.split())
        assert option.opts[0] in told or option.param_type_name == "argument"
        if option.param_type_name == "option" and option.name in ("seed", "runs_dir", "threads", "epochs", "rule"):
            assert re.search(rf"{option.opts[0]} <\w+> [^\[]*\[default: [^\]]+\]", told), (verb, option.name)


def test_verbs_have_the_options_that_count_for_them():
    options = {verb: {option.name for option in one.params} for verb, one in VERBS.items()}
    training = {"epochs", "arms", "train_size", "seeds", "model", "profile"}
    for verb in (
        "score",
        "shift",
        "mechanism",
        "tone",
        "explain-groups",
        "protocols",
        "report",
        "compare",
        "detect",
        "audit-pictures",
        "runs",
    ):
        assert not options[verb] & training, verb
    assert training - {"arms", "seeds"} <= options["train"] and not options["train"] & {"arms", "seeds", "studies_dir"}
    assert {"epochs", "arms", "seeds", "fpr"} <= options["study"] and "model" not in options["study"]
    assert not options["audit"] & {"arms", "seeds", "epochs"} and "fpr" in options["audit"]
    assert all("quiet" in options[verb] for verb in VERBS)
    told = {"audit", "audit-pictures", "detectors", "score", "compare", "study", "runs"}
    assert {verb for verb in VERBS if "json" in options[verb]} == told


def test_version_and_help_need_no_heavy_library(tmp_path):
    done = facebias("--version", home=tmp_path)
    assert re.fullmatch(r"facebias \d+\.\d+\S*\n", done.stdout)
    heavy = "import sys, facebias.cli; print({'torch', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True).stdout == "set()\n"


# --- results alone ------------------------------------------------------------------------------------------------
@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where relative folders lie."""
    monkeypatch.setenv("FACEBIAS_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_quiet_leaves_the_result_alone(home):
    sizes = ("--profile", "tiny", "--model", "standard_cnn")
    loud, quiet = command("train", *sizes), command("train", *sizes, "--seed", 1, "-q")
    assert "epoch 1/1" in loud.output
    assert re.fullmatch(rf"{home}/runs/cnn-s1-\w+\n", quiet.output)


def test_silence_holds_as_long_as_it_is_wanted(capsys):
    with silence(True):
        say("a line")
        with bar(range(3), desc="b") as progress:
            progress._say = lambda: pytest.fail("said something")
            progress.start = progress.said = -1e9
            progress.update()
    with silence(False):
        say("another")
    assert capsys.readouterr().out == "\N{MIDDLE DOT} another\n"


def test_what_a_program_reads_is_one_object_and_nothing_else(home, monkeypatch):
    for figures in ("study_figures.StudyFigures", "audit_figures.AuditFigures"):
        monkeypatch.setattr(f"facebias.report.{figures}.all", lambda self: None)
    done = command("study", "--profile", "tiny", "--arms", "cnn", "--audit-size", 60, "--json")
    study = json.loads(done.stdout)
    assert study["verdict"]["arms"] == ["cnn"] and len(study["runs"]) == 1 and "epoch 1/1" in done.stderr
    listed = json.loads(command("runs", "--json").stdout)["runs"]
    assert [(run["run"], run["state"], run["epochs"]) for run in listed] == [(study["runs"][0], "scored", "1")]
    rows = json.loads(command("score", "cnn", "--json").stdout)["runs"][0]["rows"]
    assert rows["synthetic"] == 60  # as the run has it, and not as the defaults do
    found = json.loads(command("audit", "cnn", "--json").stdout)
    assert found["verdict"]["headline"] and found["folder"] == str(home / "audit")


# --- faults -------------------------------------------------------------------------------------------------------
def test_a_fault_is_one_line_on_standard_error_and_exit_status_1(tmp_path):
    done = facebias("runs", "rm", "no-such-run", home=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(r"\[RUN\] .*no run 'no-such-run'.*\n", done.stderr)


@pytest.mark.parametrize(
    "words", [["train", "--epochs", "many"], ["train", "--epoch", "3"], ["trian"], ["shift", "--seeds", "2"]]
)
def test_words_that_are_no_setting_are_refused_before_any_work(words):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and "Traceback" not in done.output


def test_a_value_outside_its_range_is_one_line():
    with pytest.raises(FacebiasError, match=r"alpha: -1\.0 is outside") as caught:
        CliRunner().invoke(app, ["train", "--alpha", "-1"], catch_exceptions=False)
    assert "\n" not in str(caught.value)


def test_advice_repeats_the_folders_that_were_given(tiny, tmp_path):
    run = scored(tiny)
    (run.path / "predictions.parquet").unlink()
    place = str(tiny.path("runs"))
    found = command("compare", run.id, "--runs-dir", place).exception
    assert found.mend == f"Score it: facebias score --runs-dir {place} {run.id}"
    spaced = tmp_path / "a b"
    found = command("data", "describe", "--data-dir", spaced).exception
    assert found.mend == f"Run: facebias data pack --data-dir '{spaced}'"
    # a command without such an option is advised as it is, and so is help
    assert (
        command("shift", "x", "--studies-dir", spaced).exception.mend
        == f"Run one: facebias study --studies-dir '{spaced}'"
    )
    with (
        pytest.raises(FacebiasError, match=r"See facebias train --help for all$"),
        _places_repeated({"runs_dir": place}),
    ):
        raise FacebiasError("CONFIG", "x", "no such setting", "See facebias train --help for all")


# --- studies by name ----------------------------------------------------------------------------------------------
@pytest.fixture
def seen(monkeypatch):
    """The settings of the study that `facebias shift` is about."""
    found = []
    monkeypatch.setattr("facebias.training.study.finished_study", lambda config: found.append(config) or config)
    drawn = SimpleNamespace(all=lambda: None, text="drawn", files=SimpleNamespace(folder="there"))
    monkeypatch.setattr("facebias.analyses.shift.figures.ShiftFigures.of", lambda study: drawn)
    return found


def test_a_study_is_named_by_id_beginning_or_folder_and_what_is_given_replaces_its_settings(tiny, seen, tmp_path):
    name, places = audited(tiny), ("--studies-dir", tiny.path("studies"))
    for word in (name, name[:-3], tiny.study_folder):
        assert command("shift", word, *places).exit_code == 0
    assert command("shift", *places, "--threads", 2, "--data-dir", tmp_path / "moved").exit_code == 0
    assert seen == [tiny] * 3 + [tiny.with_(threads=2, data_dir=str(tmp_path / "moved"))]


def test_a_study_that_is_not_there_or_not_the_only_one_is_one_line(tiny, seen):
    places = ("--studies-dir", tiny.path("studies"))
    assert "no audited study is there" in str(command("shift", *places).exception)
    names = [audited(tiny), audited(tiny.with_(seeds=2))]
    for words, says in (
        ((), "2 studies are there"),
        (("synthetic",), "'synthetic' begins 2"),
        (("x",), "no study 'x'"),
    ):
        found = command("shift", *words, *places).exception
        assert says in str(found) and all(name in str(found) for name in names) and "\n" not in str(found)
    tiny.study_folder.rename(tiny.study_folder.with_name("renamed-on-purpose"))
    assert f"holds {names[0]}" in str(command("shift", "renamed", *places).exception)
    assert not seen
