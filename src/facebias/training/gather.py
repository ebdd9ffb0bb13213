"""What one audit is about: runs of ours, detectors of others, a table of predictions, or several of these."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from facebias.audit import fix_thresholds
from facebias.audit.predictions import stacked
from facebias.audit.thresholds import rule_text
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.outputs import OutputFolder
from facebias.core.words import SPLITS
from facebias.detectors.detector import Detector
from facebias.detectors.find import find_detector
from facebias.training.predictions_file import read_table
from facebias.training.run import Run


def _of_scores(name: str, mine: pd.DataFrame) -> list[str]:
    """What is wrong with all scores of a model together: one value, or lower for faces."""
    score, faces = mine["score"].to_numpy(dtype=float), (mine["label"] == 1).to_numpy()
    if np.ptp(score) == 0:
        return [f"{name}: all scores are {score[0]:g}: it tells no image from another."]
    area = float(np.mean(rankdata(score)[faces]) - (faces.sum() + 1) / 2) / max(1, (~faces).sum())
    if (~faces).any() and area < 0.5:
        return [
            f"{name}: faces score lower than non-faces (AUC {area:.2f}). If its scores are distances, lower for what "
            "is more of a face, give them with the opposite sign."
        ]
    return []


@dataclass(frozen=True)
class Audited:
    """Predictions to be audited together.

    Attributes:
        predictions: as `facebias.audit.PREDICTION_COLUMNS`.
        source: the training source of the runs, which held-out faces and negatives are of; "" for a table alone.
        baseline: the model that the others are compared with: the first run's, else the first brought one.
        brought: models that are not ours, in order.
        synthetic: whether any image behind them is rendered.
    """

    predictions: pd.DataFrame
    source: str
    baseline: str
    brought: tuple[str, ...]
    synthetic: bool

    def cautions(self, fpr: float, *, probability: bool = False) -> list[str]:
        """What limits the scores of those brought: ties, and probabilities that were not said to be some."""
        rule = f"fpr={fpr:g}"
        theirs = self.predictions[self.predictions["model"].isin(self.brought)]
        found = [line for name, mine in theirs.groupby("model", sort=False) for line in _of_scores(str(name), mine)]
        fixed = fix_thresholds(theirs, (rule,)) if len(theirs) else pd.DataFrame()
        for row in fixed.itertuples():
            allowed, passing = math.floor(row.negatives * fpr + 1e-9), round(row.rate * row.negatives)
            if row.enough and passing < allowed:  # of scores that are all different, all that are allowed pass
                found.append(
                    f"{row.run_id}: scores tie. At {rule_text(rule)} its threshold lets {passing} of "
                    f"{row.negatives:,} held-out non-faces through and {allowed} are allowed: it is judged at a lower "
                    "rate than the others."
                )
        inside = theirs["score"].between(0, 1).groupby(theirs["model"], sort=False).all()
        found += [
            f"{name}: all scores lie in 0..1. If they are probabilities, say --probability; the rule p=0.5 takes them "
            "for logits. Matched false positive rates are the same either way."
            for name in inside.index[inside]
            if not probability
        ]
        return found

    def outputs(self, folder: Path) -> OutputFolder:
        """Where the results of this audit go."""
        return OutputFolder(folder, " and ".join(self.predictions["run_id"].unique()))

    def write(self, outputs: OutputFolder) -> None:
        """Write the scores of what was brought as predictions-NAME.parquet, to be audited again without images."""
        for name in self.brought:
            outputs.parquet(self.predictions[self.predictions["model"] == name], f"predictions-{name}.parquet")


def gather(
    config: Config,
    runs: Sequence[str] = (),
    detectors: Sequence[str] = (),
    table: Path | None = None,
    names: Sequence[str] = (),
    *,
    probability: bool = False,
) -> Audited:
    """Load runs, score detectors on the images that the runs were scored on, and read a table.

    Without runs, `config` says which packed sets detectors are scored on. What is brought takes the lowest seed of the
    runs, 0 without any, since arms are compared seed by seed.

    Args:
        config: data, audit sets and places.
        runs: scored runs: folder, id, or the beginning of an id.
        detectors: as `find_detector` takes them.
        table: as `read_table` takes it.
        names: of the detectors, in order, and last of the table; their own where left out.
        probability: scores of detectors and table are probabilities.

    Raises:
        FacebiasError: nothing to audit, more names than models, two models of one name, runs that were scored on other
            images, or a fault of any part.
    """
    count = len(detectors) + (table is not None)
    if not (runs or count):
        raise FacebiasError("AUDIT", "audit", "nothing to audit", "Name scored runs, --detector or --predictions")
    if len(names) > count:
        raise FacebiasError(
            "NAME",
            names[-1],
            f"{len(names)} names for {count} detectors and tables",
            "Give --name once for each --detector, and last for --predictions",
        )
    called = [*names, *[""] * (count - len(names))]
    ours = [Run.find(name, config) for name in runs]
    settings = [run.config for run in ours]
    seed = min((one.seed for one in settings), default=0)
    sets = [scored_settings(ours[0], config) if ours else config] if detectors else []
    # All are found before any is scored, so that a wrong word in the last does not cost the time of the first
    found = [find_detector(spec, name, config.device) for spec, name in zip(detectors, called, strict=False)]
    read = [read_table(table, called[-1], seed, probability=probability)] if table is not None else []
    brought = (*(one.name for one in found), *(str(part["model"].iloc[0]) for part in read))
    _refuse_twice(brought, {name for run, one in zip(ours, settings, strict=True) for name in (run.id, one.arm)})
    scored = _score(found, sets[0], seed, probability) if sets else []
    predictions = stacked([*(run.predictions for run in ours), *scored, *read])
    return Audited(
        predictions,
        next((one.train_faces for one in [*settings, *sets]), ""),
        settings[0].arm if ours else brought[0],
        brought,
        any(one.synthetic for one in [*settings, *sets]),
    )


def _score(detectors: Sequence[Detector], config: Config, seed: int, probability: bool) -> list[pd.DataFrame]:
    from facebias.training.score import score_detector

    return [score_detector(one, config, seed, probability=probability) for one in detectors]


def scored_settings(run: Run, config: Config) -> Config:
    """The settings that say which packed sets a run was scored on: its own, with the audit sets of its scoring.

    A run that an earlier version scored does not say which: its own are tried, then those of `config`.

    Raises:
        FacebiasError: it was scored on others.
    """
    from facebias.training.score import is_scored, scored_files

    runtime = config.as_dict("runtime")
    for audit in (run.scored_on, run.config.as_dict("audit_data"), config.as_dict("audit_data")):
        own = run.config.with_(**audit, **runtime)
        if _packed(own) and is_scored(run, scored_files(own)):
            return own
    raise FacebiasError(
        "RUN",
        run.path,
        "not scored on the images that its settings name, nor on those of --audit-sets and --audit-size",
        "Give those that it was scored with, or run facebias score again",
    )


def _packed(config: Config) -> bool:
    folder = config.path("data")
    files = [f"{config.data_key}-{split}.h5" for split in SPLITS]
    files += [f"{config.audit_key(name)}-audit.h5" for name in config.audit_names]
    return all((folder / file).exists() for file in files)


def _refuse_twice(brought: Sequence[str], ours: set[str]) -> None:
    for name in brought:
        if brought.count(name) > 1 or name in ours:
            raise FacebiasError("NAME", name, "two models of this name", "Tell them apart with --name")
