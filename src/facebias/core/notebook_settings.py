"""The settings of a notebook: those of its parameters cell and of the one that papermill injects, and nothing else.

A kernel holds many more names by the time a notebook is run again, so the cells are told by their first line,
``# Parameters``, in the kernel's own record of what it ran. Their names are taken from there, their values from the
kernel. A name that was misspelled is refused, since papermill only warns of it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from facebias.core.arms import ARM_FIELDS
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import read_json
from facebias.core.profiles import PROFILES, profile
from facebias.core.studies import SETTINGS, settings_of

MARK = "# Parameters"  # begins both cells; what papermill injects has nothing more in its first line
_HEAD = f"{MARK}: None is as the profile, or this notebook, has it; any other setting of facebias.Config may be added"
# What people change; all other settings are accepted by name
SHOWN = (
    "train_faces",
    "negatives",
    "audit_sets",
    "data_root",
    "train_size",
    "negative_size",
    "audit_size",
    "arms",
    "seeds",
    "epochs",
    "fpr",
    "workers",
)


def notebook_config(namespace: Mapping[str, Any], **usual: Any) -> Config:
    """The configuration that a notebook spells out: `notebook_config(globals())` below its parameters cell.

    `profile` names the settings to start from; a setting that is None is as the profile has it. Of parameters cells
    that ran several times, the last run counts.

    Args:
        namespace: of the kernel, with its record of cells (`In`); without one, every name is taken for a setting.
        usual: what this notebook takes where neither the cell nor the profile says otherwise, such as fewer arms.

    Raises:
        FacebiasError: no parameters cell was run, an unknown name, a wrong type, or a setting that the arms decide.
    """
    names = _names(namespace["In"]) if "In" in namespace else list(namespace)
    values = {name: namespace[name] for name in names if namespace.get(name) is not None}
    for name in ARM_FIELDS:
        if name in values:
            raise FacebiasError(
                "CONFIG",
                name,
                "is decided by arms and seeds in a study",
                "Set arms (for example cnn,dbvae-0.05) or seeds instead",
            )
    start = values.pop("profile", "embedded")
    below = {name: value for name, value in usual.items() if name not in PROFILES.get(start, {})}
    return profile(start, **{**below, **values})


def settings_of_notebook(path: Path) -> Config:
    """The study that an executed notebook is about.

    It is the one beside whose results the notebook lies, as `facebias notebook` leaves it; else the one that its
    parameters name, those of its own cell and those that papermill put in.

    Raises:
        FacebiasError: no such file, not a notebook, one without parameters, or with ones that are no settings.
    """
    if (path.parent / SETTINGS).is_file():
        return settings_of(path.resolve().parent)
    content = read_json(path)
    try:
        sources = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]
        told = dict(content["metadata"].get("papermill", {}).get("parameters", {}))
    except (KeyError, TypeError, AttributeError) as error:
        raise FacebiasError("NOTEBOOK", path, f"not a notebook ({error!r})", "Name one that was executed") from error
    own = next((source for source in sources if source.startswith(MARK)), None)
    if own is None:
        raise FacebiasError("NOTEBOOK", path, f"no cell begins with {MARK!r}", "Name a notebook of this project")
    usual = next((found for source in sources if (found := _usual(source)) is not None), {})
    values = {**_assigned(own), **told}
    return notebook_config({name: value for name, value in values.items() if value is not None}, **usual)


def _assigned(cell: str) -> dict[str, Any]:
    """Plain values that a cell assigns to names."""
    found: dict[str, Any] = {}
    for node in ast.walk(_parsed(cell)):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            found |= {target.id: node.value.value for target in targets if isinstance(target, ast.Name)}
    return found


def _usual(cell: str) -> dict[str, Any] | None:
    """What a notebook takes where neither cell nor profile says otherwise: the words of its call; None without one."""
    if "notebook_config(" not in cell:
        return None
    for node in ast.walk(_parsed(cell)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "notebook_config":
            return {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg}
    return None


def _parsed(cell: str) -> ast.Module:
    plain = "\n".join(line for line in cell.split("\n") if not line.lstrip().startswith("%"))  # magics are no Python
    try:
        return ast.parse(plain)
    except SyntaxError as error:
        raise FacebiasError("NOTEBOOK", "parameters", f"cannot be read: {error.msg}", "Mend the cell") from error


def _names(cells: Sequence[str]) -> list[str]:
    """What the last run of the parameters cell, and of the injected one, assign to."""
    latest = {cell.split("\n", 1)[0].strip() == MARK: cell for cell in cells if cell.startswith(MARK)}
    if not latest:
        raise FacebiasError(
            "NOTEBOOK", "notebook", f"no cell that begins with {MARK!r} was run", "Run the notebook from the top"
        )
    try:
        nodes = [node for cell in latest.values() for node in ast.walk(ast.parse(cell))]
    except SyntaxError as error:  # the kernel records cells that it could not run, too
        raise FacebiasError(
            "NOTEBOOK", "parameters cell", f"cannot be read: {error.msg}", "Mend it and run it again"
        ) from error
    targets = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return list(dict.fromkeys(targets))


def parameters_cell() -> str:
    """The parameters cell that every notebook begins with."""
    lines = [_HEAD, f'profile: str = "embedded"  # settings to start from: {", ".join(PROFILES)}']
    for spec in fields(Config):
        if spec.name in SHOWN:
            kind, text = type(spec.default).__name__, spec.metadata["help"]
            lines.append(f"{spec.name}: {kind} = None  # {text}; embedded: {spec.default}")
    return "\n".join(lines)
