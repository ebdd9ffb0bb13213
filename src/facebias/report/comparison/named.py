"""What is to be compared, by the names that a person gives: runs, whole studies, and notebooks that were executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from facebias.core.arms import ARM_FIELDS
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.notebook_settings import settings_of_notebook
from facebias.core.outputs import RECORD
from facebias.core.studies import SETTINGS, find_study, list_studies, plan, settings_of
from facebias.training.run import Run


@dataclass(frozen=True)
class Named:
    """Scored runs, and the studies whose runs are among them.

    Attributes:
        runs: each once, in order.
        studies: settings of each study that was named, by its id.
    """

    runs: tuple[Run, ...]
    studies: dict[str, Config]


def find_named(names: Sequence[str], config: Config, places: Mapping[str, Any] | None = None) -> Named:
    """Runs and studies of these names.

    Args:
        names: of runs: folder, id or beginning of an id. Of studies the same. Of a notebook that papermill or
            `facebias notebook` executed: its file, which stands for its study.
        config: where runs and studies lie.
        places: settings that replace those of a study, such as `runs_dir`.

    Raises:
        FacebiasError: no such run or study, a name that begins several (they are listed), a folder that is neither, or
            a run that was not scored.
    """
    runs: list[Run] = []
    studies: dict[str, Config] = {}
    for name in names:
        study = _study(name, config)
        if study is None:
            runs.append(Run.find(name, config))
            continue
        study = study.with_(**(places or {}))
        studies[study.study_id] = study
        runs += [Run.of(one) for one in plan(study)]
    found = tuple(dict.fromkeys(runs))
    for run in found:
        _refuse_unscored(run, [id_ for id_, study in studies.items() if run.path.parent == study.path("runs")])
    return Named(found, studies)


def find_runs(names: Sequence[str], config: Config) -> list[Run]:
    """The runs of `find_named`; one that is named twice counts once."""
    return list(find_named(names, config).runs)


def _study(name: str, config: Config) -> Config | None:
    """The settings of the study of that name, None where it is a run's."""
    path = Path(name)
    if path.suffix == ".ipynb":
        return settings_of_notebook(path)
    if path.is_dir():
        return settings_of(path.resolve()) if (path / SETTINGS).exists() and (path / RECORD).exists() else None
    begun = any(study.name.startswith(name) for study in list_studies(config.path("studies")))
    return find_study(name, config) if begun else None


def _refuse_unscored(run: Run, studies: Sequence[str]) -> None:
    if run.path.exists() and not (run.path / SETTINGS).exists():
        raise FacebiasError("RUN", run.path, "no run: it has no config.json", "Name the folder of a training")
    if not (run.path / "predictions.parquet").exists():
        mend = f"Score it: facebias score {run.id}"
        if not run.path.exists():
            mend = f"Run facebias study with the settings of {' or '.join(studies) or 'that study'} again"
        raise FacebiasError("RUN", run.path, "not scored: it has no predictions.parquet", mend)


def studies_table(studies: Mapping[str, Config]) -> pd.DataFrame:
    """What differs between the settings of studies: one row a setting, one column a study, values as text.

    Empty for fewer than two studies. What the arms decide is left out, and where files lie.
    """
    settings = {id_: config.identity("data", "audit_data", "train", "study") for id_, config in studies.items()}
    names = [name for name in next(iter(settings.values()), {}) if name not in ARM_FIELDS]
    values = {name: [str(one[name]) for one in settings.values()] for name in names}
    rows = {name: row for name, row in values.items() if len(set(row)) > 1}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(studies))
    return table.rename_axis("setting").reset_index()


def in_common(studies: Mapping[str, Config]) -> str:
    """In a sentence, how many trainings two or more studies have in common; "" for none."""
    runs = [{one.run_id for one in plan(config)} for config in studies.values()]
    shared = sum(sum(run in some for some in runs) > 1 for run in set().union(*runs))
    if not shared:
        return ""
    return f"{shared} of {len(set().union(*runs))} trainings are in more than one of the studies: each counts once."
