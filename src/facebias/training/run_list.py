"""The runs of a folder as a table, and their removal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.lock import folder_lock, holder_of
from facebias.training.run import Run, list_runs

COLUMNS = ("run", "arm", "seed", "epochs", "data", "network", "bytes", "state")


def runs_table(folder: Path) -> pd.DataFrame:
    """One row a run: COLUMNS, by name.

    `epochs` is "3/6" while a training is unfinished; `data` names training faces and non-faces with their numbers;
    `state` is "scored", "trained", "in use by ..." or "unfinished".
    """
    rows = [(run.id, *_about(run), _size(run.path), _state(run)) for run in list_runs(folder)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def removable(names: Sequence[str], config: Config) -> list[Run]:
    """The runs of these names, each of which may be removed.

    Args:
        names: folders, ids, or beginnings of an id.
        config: where runs lie.

    Raises:
        FacebiasError: no such run, a folder that holds no run or another one, a link, or a run that is in use.
    """
    found = list(dict.fromkeys(Run.find(name, config) for name in names))
    for run in found:
        _refuse_others(run)
        if held := holder_of(run.path):
            raise FacebiasError("LOCKED", run.path, f"in use by {held}", "Wait until it has ended")
    return found


def remove(run: Run) -> None:
    """Remove a run's folder with all that is in it.

    Raises:
        FacebiasError: it holds no run, or it has been taken into use meanwhile.
    """
    _refuse_others(run)
    with folder_lock(run.path):
        shutil.rmtree(run.path)


def _refuse_others(run: Run) -> None:
    if run.path.is_symlink() or not (run.path / "config.json").is_file():
        raise FacebiasError("RUN", run.path, "is no run's folder", "Name runs as facebias runs lists them")
    config = run.config
    if not run.id.startswith(f"{config.arm}-s{config.seed}-"):
        raise FacebiasError("RUN", run.path, f"holds {config.run_id}", "Remove it by hand, if that is what you want")


def _about(run: Run) -> tuple[str, int, str, str, str]:
    config = run.config
    parts = ((config.train_faces, config.train_size), (config.negatives, config.negative_size))
    data = " + ".join(f"{source} {size or 'all'}" for source, size in parts)
    done = config.epochs if run.complete else _epochs(run.path)
    epochs = str(config.epochs) if done == config.epochs else f"{done}/{config.epochs}"
    return config.arm, config.seed, epochs, data, config.size


def _epochs(folder: Path) -> int:
    """Finished epochs of a training that has not ended, from its newest checkpoint."""
    return max((int(file.stem.rpartition("-")[2]) for file in folder.glob("checkpoint-*.pt")), default=0)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _state(run: Run) -> str:
    if held := holder_of(run.path):
        return f"in use by {held}"
    if not run.complete:
        return "unfinished"
    return "scored" if (run.path / "predictions.parquet").exists() else "trained"
