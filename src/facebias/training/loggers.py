"""A training's epochs for TensorBoard or MLflow, through their own writers, beside our own history.csv.

Files lie in the run's folder, and nothing goes over the network unless ``MLFLOW_TRACKING_URI`` names a server.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.training.run import Run

_Log = Callable[[dict[str, float], int], None]


@contextlib.contextmanager
def logger(config: Config, run: Run, done: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """What logs a row of the history, to where `config.logger` says; the settings and the last row go together.

    Args:
        config, run: of the training; the run's folder takes the files.
        done: epochs that are finished already.

    Raises:
        FacebiasError: the package is not installed.
    """
    if config.logger == "none":
        yield lambda row: None
    else:
        settings = {"arm": config.arm, **config.as_dict("data", "train"), "fpr": config.fpr}
        with {"tensorboard": _tensorboard, "mlflow": _mlflow}[config.logger](settings, run, done) as log:
            yield lambda row: log({name: value for name, value in row.items() if name != "epoch"}, int(row["epoch"]))


@contextlib.contextmanager
def _tensorboard(settings: dict[str, Any], run: Run, done: int) -> Iterator[_Log]:
    board, last = _installed("torch.utils.tensorboard", "tensorboard"), dict[str, float]()
    with board.SummaryWriter(str(run.path / "tensorboard"), purge_step=done + 1) as writer:

        def log(row: dict[str, float], epoch: int) -> None:
            """Write an epoch's values, and keep them as the last."""
            for name, value in row.items():
                writer.add_scalar(name, value, epoch)
                last[f"last/{name}"] = value

        yield log
        writer.add_hparams(settings, last, run_name=".")


@contextlib.contextmanager
def _mlflow(settings: dict[str, Any], run: Run, done: int) -> Iterator[_Log]:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # else it asks for a database
    mlflow = _installed("mlflow", "mlflow-skinny")
    client = mlflow.MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or (run.path / "mlruns").as_uri())
    found = client.get_experiment_by_name("facebias")
    experiment = found.experiment_id if found else client.create_experiment("facebias")
    before = client.search_runs([experiment], f"attributes.run_name = '{run.id}'") if done else []
    own = (before[0] if before else client.create_run(experiment, run_name=run.id)).info.run_id
    client.log_batch(own, params=[mlflow.entities.Param(name, str(value)) for name, value in settings.items()])

    def log(row: dict[str, float], epoch: int) -> None:
        """Send an epoch's values, all in one request."""
        client.log_batch(own, [mlflow.entities.Metric(*item, int(1000 * time.time()), epoch) for item in row.items()])

    yield log
    client.set_terminated(own)


def _installed(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        mend = f"Run .venv/bin/python -m pip install {package}, or set logger to none"
        raise FacebiasError("LOGGER", module, "not installed", mend) from error
