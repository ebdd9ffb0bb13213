from __future__ import annotations

import re

from typer.testing import CliRunner

from facebias.cli.data import app
from facebias.core.errors import FacebiasError
from made import raw

runner = CliRunner()


def run(*words):
    return runner.invoke(app, [str(word) for word in words], catch_exceptions=True)


def test_pack_takes_the_names_of_the_configuration(tmp_path):
    result = run(
        "pack",
        "--profile",
        "photographs",
        "--data-root",
        raw(tmp_path / "raw"),
        "--data-dir",
        tmp_path / "out",
        "--audit-sets",
        "fairface",
        "--crops-per-picture",
        2,
        "--validation-share",
        0.25,
        "--test-share",
        0.25,
        "--workers",
        1,
    )
    assert result.exit_code == 0, result.output
    paths = result.output.split()
    assert [re.sub(r"-[0-9a-f]{8}-", "-", path.rsplit("/", 1)[1]) for path in paths] == [
        "celeba-train.h5",
        "celeba-validation.h5",
        "celeba-test.h5",
        "fairface-audit.h5",
    ]
    shown = run("describe", paths[3])
    assert shown.exit_code == 0 and "race x gender" in shown.output and "6 faces" in shown.output


def test_a_wrong_value_is_the_configurations_own_error(tmp_path):
    assert isinstance(run("pack", "--train-faces", "celebs").exception, FacebiasError)
    assert isinstance(run("pack", "--profile", "huge").exception, FacebiasError)
    assert run("pack", "--trian-faces", "celeba").exit_code == 2


def test_describe_needs_a_file_and_one_for_a_figure(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEBIAS_HOME", str(tmp_path))
    assert "facebias data pack" in str(run("describe").exception)
    assert "2 files for one figure" in str(run("describe", "a.h5", "b.h5", "--figure", "x.png").exception)


def test_fetch_of_a_set_behind_a_form_says_what_to_do(tmp_path):
    assert "gendershades.org" in str(run("fetch", "ppb", "--data-root", tmp_path).exception)
