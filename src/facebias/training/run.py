"""A run: one training of one arm with one seed, in a folder of its own that says what it is.

runs/<arm>-s<seed>-<hash>/
    config.json             every setting, written before training
    checkpoint-<epoch>.pt   the two newest, with a manifest each; removed when the run is done
    history.csv             one row an epoch
    sampling.csv            one row an epoch and group: share of the sampling probability
    sampling_faces.parquet  one row a training face: probability in the last epoch
    weights.pt              state_dict, with a manifest that names the architecture
    DONE.json               written last; a run without it is incomplete
    predictions.parquet     written by the scoring stage, with a manifest
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from facebias.core.config import Config
from facebias.core.csv import read_csv, write_csv
from facebias.core.errors import FacebiasError
from facebias.core.files import sweep_stale, write_json
from facebias.core.manifest import manifest_path, sha256, verify, write_manifest
from facebias.core.parquet import write_parquet
from facebias.core.records import read_record, write_record
from facebias.core.studies import read_settings

if TYPE_CHECKING:
    from facebias.detectors.networks import DBVAE, StandardCNN

WEIGHTS_SCHEMA = "facebias.weights/1"
PREDICTIONS_SCHEMA = "facebias.predictions/1"
SAMPLING_SCHEMA = "facebias.sampling/1"
HISTORY_COLUMNS = (
    "epoch",
    "loss",
    "classification",
    "reconstruction",
    "kl",
    "validation_recall",
    "ess_share",
)  # validation_recall and ess_share are shares


@dataclass(frozen=True)
class Run:
    """A run's folder. Everything is read from its files when asked for."""

    path: Path

    @classmethod
    def of(cls, config: Config) -> Run:
        """The run that `config` names, whether or not it exists yet."""
        return cls(config.path("runs") / config.run_id)

    @classmethod
    def find(cls, name: str, config: Config) -> Run:
        """An existing run by its path, its id, or the beginning of its id.

        Raises:
            FacebiasError: there is none, or the name begins several.
        """
        if (path := Path(name)).is_dir():
            return cls(path.resolve())
        found = [run for run in list_runs(config.path("runs")) if run.path.name.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise FacebiasError(
                "RUN",
                config.path("runs"),
                f"{name!r} begins {len(found)} runs: {_told_apart(found)}",
                "Give one of these ids whole",
            )
        known = ", ".join(run.path.name for run in list_runs(config.path("runs"))[:5]) or "none"
        raise FacebiasError("RUN", config.path("runs"), f"no run {name!r}; there: {known}", "Give the whole id")

    @property
    def id(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def complete(self) -> bool:
        """Whether training ended as it should."""
        return (self.path / "DONE.json").exists()

    @property
    def done(self) -> dict[str, Any]:
        """What was written last: with what it was trained, and the hashes of its small files; empty before that."""
        return read_record(self.path / "DONE.json") if self.complete else {}

    @property
    def _hashes(self) -> dict[str, str]:
        found = self.done.get("files", {})
        return found if isinstance(found, dict) else {}

    def _whole(self, name: str) -> Path:
        """The path of one of the small files, whose bytes are those that were written when the run was done.

        Raises:
            FacebiasError: they differ. Runs of an earlier version did not record them.
        """
        path, expected = self.path / name, self._hashes.get(name)
        if expected and path.exists() and sha256(path) != expected:
            mend = "Delete the run's folder to train anew"
            raise FacebiasError("HASH", path, "bytes differ from those written", mend)
        return path

    @property
    def config(self) -> Config:
        """The settings it was started with."""
        return read_settings(self._whole("config.json"))

    @property
    def history(self) -> pd.DataFrame:
        """One row an epoch: HISTORY_COLUMNS."""
        return read_csv(self._whole("history.csv"), HISTORY_COLUMNS).astype({"epoch": int})

    @property
    def sampling(self) -> pd.DataFrame:
        """One row an epoch and group: epoch, ess, grouping, group, n, natural_share, share."""
        table = read_csv(self._whole("sampling.csv"), ("epoch", "ess", "n", "natural_share", "share"))
        return table.astype({"epoch": int, "n": int, "grouping": str, "group": str})

    @property
    def sampling_faces(self) -> pd.DataFrame:
        """One row a training face: its row in the packed file, image_id and probability in the last epoch."""
        verify(self.path / "sampling_faces.parquet", SAMPLING_SCHEMA)
        return pd.read_parquet(self.path / "sampling_faces.parquet")

    @property
    def predictions(self) -> pd.DataFrame:
        """One row an image: PREDICTION_COLUMNS; `score` is the face logit."""
        verify(self.path / "predictions.parquet", PREDICTIONS_SCHEMA)
        return pd.read_parquet(self.path / "predictions.parquet")

    def model(self, device: str = "cpu") -> StandardCNN | DBVAE:
        """The trained network in evaluation mode.

        Raises:
            FacebiasError: the run is incomplete, its file was changed, or it is of another architecture.
        """
        import torch

        from facebias.detectors.inference import pick_device
        from facebias.detectors.networks import build_model

        if not self.complete:
            raise FacebiasError("RUN", self.path, "incomplete: no DONE.json", "Train it: facebias train resumes it")
        config = self.config
        found = verify(self.path / "weights.pt", WEIGHTS_SCHEMA, architecture=dict)["architecture"]
        if found != architecture_of(config):
            raise FacebiasError(
                "WEIGHTS",
                self.path / "weights.pt",
                f"expected {architecture_of(config)}, found {found}",
                "Use the run it belongs to",
            )
        model = build_model(config)
        model.load_state_dict(torch.load(self.path / "weights.pt", weights_only=True, map_location="cpu"))
        return model.to(pick_device(device)).eval()

    def holds(self, name: str, key: str) -> bool:
        """Whether a stage has written the file `name`, from what the fingerprint `key` stands for."""
        file, manifest = self.path / name, manifest_path(self.path / name)
        return file.exists() and manifest.exists() and read_record(manifest, fingerprint=str)["fingerprint"] == key

    # --- writing, for the stages alone ----------------------------------------------------------------------
    def start(self, config: Config) -> None:
        """Write the settings, or refuse where the folder belongs to other ones."""
        file = self.path / "config.json"
        if file.exists() and (found := self.config).run_id != config.run_id:
            raise FacebiasError("RUN", self.path, f"holds {found.run_id}, not {config.run_id}", "Use another folder")
        write_json(file, config.as_dict())

    def finish(self, **about: Any) -> None:
        """Write the last file, without which the run is incomplete, with the hashes of those that have no manifest."""
        small = [self.path / name for name in ("config.json", "history.csv", "sampling.csv")]
        write_record(self.path / "DONE.json", about | {"files": {file.name: sha256(file) for file in small}})

    def write_csv(self, name: str, table: pd.DataFrame) -> None:
        """Write one of the run's tables."""
        write_csv(table, self.path / name)

    @property
    def scored_on(self) -> dict[str, Any]:
        """The settings of the audit sets that it was scored on; empty where an earlier version scored it."""
        manifest = manifest_path(self.path / "predictions.parquet")
        return dict(read_record(manifest).get("scored_on", {})) if manifest.exists() else {}

    def write_parquet(self, name: str, table: pd.DataFrame, schema: str, key: str, **more: Any) -> None:
        """Write one of the run's tables with its manifest, which also says `more`."""
        sweep_stale(self.path)
        write_parquet(table, self.path / name)
        write_manifest(self.path / name, schema, len(table), key, **more)


def _told_apart(runs: list[Run]) -> str:
    """Ids with the settings, three at most, in which the runs differ."""
    every = [run.config.as_dict() for run in runs]
    differ = [name for name in every[0] if len({str(one.get(name)) for one in every}) > 1][:3]
    return "; ".join(
        " ".join([run.id, *(f"{name}={one.get(name)}" for name in differ)])
        for run, one in zip(runs, every, strict=True)
    )


def architecture_of(config: Config) -> dict[str, Any]:
    """What must agree for weights to fit a network."""
    same = {"model": config.model, "size": config.size}
    return same | ({"latents": config.latents} if config.model == "db_vae" else {})


def list_runs(folder: Path) -> list[Run]:
    """All runs in a folder, complete or not, by name."""
    return sorted((Run(file.parent) for file in folder.glob("*/config.json")), key=lambda run: run.path.name)
