"""Finished studies by name: each keeps its settings in its folder, so that nobody has to repeat them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from facebias.core.config import ADDED, Config
from facebias.core.errors import FacebiasError
from facebias.core.records import read_record

SETTINGS = "config.json"


def plan(config: Config) -> list[Config]:
    """One configuration a training. Seeds come outermost: a study that is cut short has whole seeds."""
    return [config.for_arm(arm, seed) for seed in range(config.seeds) for arm in config.arm_names]


def list_studies(folder: Path) -> list[Path]:
    """The folders of audited studies in a folder of studies, by name."""
    return sorted(file.parent for file in folder.glob(f"*-on-*/{SETTINGS}"))


def find_study(name: str, config: Config) -> Config:
    """The settings of an audited study, with the places where its files are now.

    Args:
        name: its folder, its id, or the beginning of its id; "" is the only one that there is.
        config: where studies lie, unless a folder is named.

    Raises:
        FacebiasError: none, several, or a folder that holds no study or another one.
    """
    folder = config.path("studies")
    path = Path(name)
    if name and (path / SETTINGS).is_file():
        return settings_of(path.resolve())
    studies = list_studies(folder)
    found = [path for path in studies if path.name.startswith(name)]
    # an id that is whole names its study, whatever longer ones begin like it
    found = [path for path in found if path.name == name] or found
    if len(found) == 1:
        return settings_of(found[0])
    if not studies:
        raise FacebiasError("STUDY", folder, "no audited study is there", "Run one: facebias study")
    what = f"{name!r} begins {len(found)} studies" if found else f"no study {name!r}"
    what = what if name else f"{len(found)} studies are there"
    raise FacebiasError("STUDY", folder, f"{what}: {_listed(found or studies)}", "Name one of them")


def settings_of(folder: Path) -> Config:
    """The settings of the study whose results a folder holds.

    Raises:
        FacebiasError: it holds none, or another study than its name says.
    """
    config = read_settings(folder / SETTINGS).with_(studies_dir=str(folder.parent))
    if config.study_id != folder.name:
        raise FacebiasError("STUDY", folder, f"holds {config.study_id}", "Give the folder that name again")
    return config


def read_settings(path: Path) -> Config:
    """The configuration that a file of settings holds, of a study or of a run.

    Raises:
        FacebiasError: missing, no record, or settings that `Config.make` refuses; the file is named.
    """
    try:
        return Config.make(**{**ADDED, **read_record(path)})  # a setting that it lacks was not there yet
    except FacebiasError as error:
        if error.where == str(path):
            raise
        raise FacebiasError(error.code, f"{path}: {error.where}", error.what, error.mend) from error


def _listed(studies: Iterable[Path], most: int = 5) -> str:
    names = [path.name for path in studies]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
