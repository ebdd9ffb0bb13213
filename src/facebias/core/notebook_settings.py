"""The settings of a notebook: those of its parameters cell and of the one that papermill injects, and nothing else.

A kernel holds many more names by the time a notebook is run again, so the cells are told by their first line,
``# Parameters``, in the kernel's own record of what it ran. Their names are taken from there, their values from the
kernel. A name that was misspelled is refused, since papermill only warns of it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from facebias.core.arms import ARM_FIELDS
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.profiles import PROFILES, profile

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
