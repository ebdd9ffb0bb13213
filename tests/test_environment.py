"""pyproject.toml, the lock and environment.yml agree, and the environment is the locked one."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def lock() -> list[Requirement]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def here(lock: list[Requirement]) -> dict[str, Requirement]:
    return {canonicalize_name(r.name): r for r in lock if r.marker is None or r.marker.evaluate()}


def makefile(name: str) -> str:
    """What a variable of the Makefile is set to."""
    return re.search(rf"^{name} :?\??= (.*)$", (ROOT / "Makefile").read_text(), flags=re.M).group(1)


def test_every_locked_package_is_pinned_to_one_version(lock):
    assert all(re.fullmatch(r"==[^*,]+", str(requirement.specifier)) for requirement in lock)


def test_every_dependency_of_the_project_is_locked_at_an_admitted_version(lock, project):
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    pinned = here(lock)
    for text in wanted:
        requirement = Requirement(text)
        if requirement.name == project["name"]:  # an extra that takes another one in
            assert requirement.extras <= project["optional-dependencies"].keys(), text
            continue
        locked = str(pinned[canonicalize_name(requirement.name)].specifier)[2:]
        assert requirement.specifier.contains(locked), text


def test_the_lock_and_the_project_name_no_package_host():
    for name in ("requirements.lock", "pyproject.toml", "environment.yml"):
        assert not re.search(r"index-url|find-links|https?://(?!docs)", (ROOT / name).read_text()), name


def test_the_cpu_install_leaves_out_cuda_and_takes_pytorch_apart_and_nothing_else(lock, project):
    names = {requirement.name for requirement in lock}
    apart = {name for name in names if re.search(makefile("TORCHES"), f"{name}==1")}
    cuda = {name for name in names if re.search(makefile("CUDA"), f"{name}==1")}
    assert apart == {"torch", "torchvision"}
    assert cuda == {name for name in names if re.match("nvidia|cuda|triton", name)} >= {"cuda-toolkit", "triton"}
    assert not cuda & {Requirement(text).name for text in project["dependencies"]}


def test_strangers_and_this_machine_check_the_same_two_targets():
    for name in (".ci/run", ".github/workflows/check.yml"):
        targets = re.findall(r"^\s*(?:- run: )?make (\w+)", (ROOT / name).read_text(), flags=re.M)
        assert targets == ["check", "test"], name


def test_this_environment_is_the_locked_one(lock):
    installed = {canonicalize_name(d.metadata["Name"]): d.version for d in distributions()}
    if version("torch").endswith("+cpu"):  # make TORCH=cpu
        lock = [requirement for requirement in lock if not re.search(makefile("CUDA"), f"{requirement.name}==")]
    differing = {
        name: (installed.get(name), str(r.specifier))
        for name, r in here(lock).items()
        if not r.specifier.contains(installed.get(name, "0"), prereleases=True)
    }
    assert not differing


def test_make_lab_opens_the_study_at_the_projects_root_from_any_folder(tmp_path):
    said = subprocess.run(["make", "-n", "-C", ROOT, "lab"], capture_output=True, text=True, cwd=tmp_path).stdout
    place, notebook = re.search(r'root_dir="(.*)" .*?workspaces/facebias/tree/(\S+)', said.replace("\\\n", "")).groups()
    assert Path(place) == ROOT and (ROOT / notebook).is_file()


def test_conda_users_get_python_and_pip_from_conda_and_the_rest_from_the_lock(project):
    text = (ROOT / "environment.yml").read_text()
    items = re.findall(r"^\s*- ([^#\n:]+?)\s*(?:#.*)?$", text, flags=re.M)
    assert items == ["conda-forge", "python=3.11", "pip", "-r requirements.lock", "-e ."]
    assert project["requires-python"] == ">=3.11"


@pytest.mark.parametrize(
    "module",
    [
        "facebias",
        "facebias.audit",
        "facebias.report.comparison",
        "facebias.report.audit_figures",
        "facebias.analyses.mechanism.tables",
        "facebias.plots",
        "facebias.report.page",
        "facebias.data.skin_tone",
    ],
)
def test_what_judges_and_draws_imports_no_torch(module):
    code = f"import sys, {module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
