"""A study: every arm with every seed, trained and scored, one process a training, finished runs kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from facebias.core.arms import debiased
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.manifest import fingerprint, recorded_sha256, sha256
from facebias.core.outputs import OutputFolder
from facebias.core.progress import tidy
from facebias.core.studies import plan
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_audit, pack_training
from facebias.training.cluster import Cluster, run_on
from facebias.training.near_misses import near_misses
from facebias.training.pool import train_and_score, train_side_by_side
from facebias.training.run import Run
from facebias.training.score import is_scored, scored_files

_MADE_OF = ("weights.pt", "predictions.parquet", "history.csv", "sampling.csv", "sampling_faces.parquet")


@dataclass(frozen=True)
class Study:
    """The finished runs of a study."""

    config: Config
    runs: tuple[Run, ...]

    @property
    def baseline(self) -> str:
        """The arm that the others are compared with: the first."""
        return self.config.arm_names[0]

    @property
    def debiased(self) -> str:
        """The arm set against the baseline: the DB-VAE that resamples most; "" where there is none."""
        return next(iter(debiased(self.config.arm_names)), "")

    @property
    def rule(self) -> str:
        """The threshold rule of the comparison."""
        return f"fpr={self.config.fpr:g}"

    @property
    def outputs(self) -> OutputFolder:
        """Where the study's tables and figures go."""
        return OutputFolder(self.config.study_folder, self.config.study_id)

    @cached_property
    def training(self) -> FaceDataset:
        """The training split."""
        return FaceDataset.load(pack_training(self.config)["train"])

    def audit_set(self, name: str) -> FaceDataset:
        """An audit set by its name."""
        if name not in self._audit_sets:
            self._audit_sets[name] = FaceDataset.load(pack_audit(self.config, name))
        return self._audit_sets[name]

    @cached_property
    def _audit_sets(self) -> dict[str, FaceDataset]:
        return {}

    @cached_property
    def key(self) -> str:
        """Fingerprint of all that the study's tables and figures are made of: settings, runs and packed data."""
        packed = [*pack_training(self.config).values(), *(pack_audit(self.config, n) for n in self.config.audit_names)]
        runs = {f"{run.path.name}/{name}": run.path / name for run in self.runs for name in _MADE_OF}
        hashes = {path.name: recorded_sha256(path) for path in packed}  # by names: wherever all of it lies
        return fingerprint(self.config.as_dict() | hashes | {n: sha256(p) for n, p in runs.items() if p.exists()}, 64)

    @property
    def predictions(self) -> pd.DataFrame:
        """All runs' predictions below each other."""
        return pd.concat([run.predictions for run in self.runs], ignore_index=True)

    @property
    def sampling(self) -> pd.DataFrame:
        """All runs' sampling shares below each other, with columns model and seed in front."""
        parts = []
        for run in self.runs:
            config = run.config
            parts.append(run.sampling.assign(model=config.arm, seed=config.seed))
        table = pd.concat(parts, ignore_index=True)
        return table[["model", "seed", *[name for name in table if name not in ("model", "seed")]]]

    def run(self, arm: str, seed: int = 0) -> Run:
        """The run of one arm and seed."""
        return Run.of(self.config.for_arm(arm, seed))


def run_study(config: Config, cluster: Cluster | None = None) -> Study:
    """Train and score what is not there yet; `config.workers` trainings run at a time.

    Args:
        config: the study.
        cluster: where each training is a job of its own; without it they run in processes of this one.

    Returns:
        The study, every run complete and scored.

    Raises:
        FacebiasError: the first fault of any training, or all those of a cluster's; finished runs are kept and are not
            repeated next time.
    """
    files = scored_files(config)  # packed once, here, and near-misses found: the children find it done
    near_misses(config)
    everything = plan(config)
    todo = [one for one in everything if not is_scored(Run.of(one), files)]
    if cluster is not None:
        tasks = [(Run.of(one).id, one) for one in todo]
        run_on(cluster, train_and_score, tasks, config.path("runs") / "submitit", config.workers)
    elif config.workers == 1 or len(todo) < 2:
        for one in todo:
            train_and_score(one)
    else:
        train_side_by_side(todo, config.workers)
    tidy()
    return Study(config, tuple(Run.of(one) for one in everything))


def finished_study(config: Config) -> Study:
    """The study that `config` names, all of whose runs are trained and scored.

    Raises:
        FacebiasError: a run is not.
    """
    runs = tuple(Run.of(one) for one in plan(config))
    missing = [run.id for run in runs if not (run.complete and (run.path / "predictions.parquet").exists())]
    if missing:
        raise FacebiasError(
            "STUDY",
            config.path("runs"),
            f"{len(missing)} of {len(runs)} runs are not trained and scored, the first {missing[0]}",
            "Run facebias study with the same settings",
        )
    return Study(config, runs)
