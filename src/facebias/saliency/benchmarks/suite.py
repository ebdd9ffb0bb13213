"""Runs the benchmarks on trained detectors and writes the tidy table, the areas, the figures and a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facebias.core.config import Config
from facebias.core.csv import write_csv
from facebias.core.errors import FacebiasError
from facebias.core.manifest import fingerprint, sha256, write_manifest
from facebias.core.outputs import OutputFolder
from facebias.core.progress import tidy
from facebias.data.dataset import FaceDataset
from facebias.plots import FigureFolder
from facebias.saliency.benchmarks import faithfulness, perturbation, retrain, rows, sanity
from facebias.saliency.benchmarks import parts as stages
from facebias.saliency.benchmarks import plots as figures
from facebias.saliency.benchmarks.retrain import with_rows
from facebias.saliency.benchmarks.settings import Settings
from facebias.saliency.subjects import Subject

SCHEMA = "facebias.saliency_benchmark/1"


def run_suite(
    subjects: Sequence[Subject], data: FaceDataset, out: Path, settings: Settings, config: Config
) -> pd.DataFrame:
    """Write benchmark_saliency.csv with its manifest, areas.csv, and a PNG a benchmark; return the table.

    Args:
        subjects: trained runs; those of one arm are its seeds.
        data: a packed audit set; its faces are explained, its races are the groups.
        out: folder.
        settings: what is done.
        config: device and places of the runs' own training data, which remove and retrain needs.

    Raises:
        FacebiasError: two runs of the same arm and seed, or a set without faces.
    """
    arms = _by_arm(subjects)
    chosen = _sample(data, settings)
    found: list[dict[str, Any]] = []
    areas: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    for arm, runs in arms.items():
        job = stages.Job(arm, runs, chosen, settings, config)
        if "pixels" in settings.part_names:
            stages.pixels(job, found, areas)
        if "retrain" in settings.part_names:
            more.setdefault("retrain", {})[arm] = stages.retraining(job, found, areas)
        if "sanity" in settings.part_names:
            stages.sanity_checks(job, found)
        if "faithfulness" in settings.part_names:
            stages.faithfulness_of(job, found)
    table = rows.table(found)
    write_csv(table, out / "benchmark_saliency.csv")
    write_csv(rows.table(areas).drop(columns=["k", "layer"]), out / "areas.csv")
    about = describe(subjects, data, chosen, settings) | more
    write_manifest(out / "benchmark_saliency.csv", SCHEMA, len(table), fingerprint(asdict(settings)), **about)
    _draw(table, out, chosen, subjects)
    tidy()
    return table


def _by_arm(subjects: Sequence[Subject]) -> dict[str, list[Subject]]:
    arms: dict[str, list[Subject]] = {}
    for subject in sorted(subjects, key=lambda subject: (subject.arm, subject.seed)):
        mine = arms.setdefault(subject.arm, [])
        if mine and mine[-1].seed == subject.seed:
            raise FacebiasError("RUN", subject.name, f"same arm and seed as {mine[-1].name}", "Name one of the two")
        mine.append(subject)
    return arms


def _sample(data: FaceDataset, settings: Settings) -> FaceDataset:
    if not len(data.faces):
        raise FacebiasError("DATA", data.path, "no face is in it", "Name a packed audit set")
    order = np.random.default_rng(settings.seed).permutation(data.faces)
    return with_rows(data, np.sort(order[: settings.images]))


def describe(subjects: Sequence[Subject], data: FaceDataset, chosen: FaceDataset, settings: Settings) -> dict[str, Any]:
    """What a reader needs to repeat the numbers, or to doubt them."""
    return {
        "models": [subject.record | {"arm": subject.arm, "seed": subject.seed} for subject in subjects],
        "data": {"file": data.path.name, "sha256": sha256(data.path), "faces": len(chosen.labels)},
        "settings": asdict(settings) | {"methods": ",".join(settings.method_names)},
        "psi": {"scope": "layer", "align_corners": True},
        "pixel_perturbation": conventions(),
        "remove_and_retrain": {
            "percent": retrain.SHARES,
            "fill": "channel mean of the training images, rounded",
            "order": "most first",
            "threshold": "run's FPR on perturbed validation negatives",
            "augmentation": "none",
            "control": "random map under a Gaussian as wide as the method's maps are smooth",
        },
        "sanity": {
            "spearman": "maps as drawn, not negative",
            "spearman_signed": "sums over channels with their sign",
            "ssim": "maps rescaled to 0..1, scikit-image",
            "weights": "each layer's own initialisation",
            "all layers": f"mean over {sanity.DRAWS} draws of all weights",
        },
        "faithfulness": {
            "infidelity": f"captum, Gaussian noise of {faithfulness.NOISE:g}, {faithfulness.DRAWS} draws, scaled",
            "sensitivity": f"captum, uniform noise up to {faithfulness.RADIUS:g}, {faithfulness.DRAWS} draws",
        },
        "intervals": f"{rows.LEVEL:.0%} percentile bootstrap over seeds and images, crossed, {rows.REPLICATES} draws",
    }


def conventions() -> dict[str, Any]:
    """How pixels are removed, and what is measured."""
    return {
        "percent": perturbation.SHARES,
        "fill": "black: 0 of 0..1 in pixel space, before any normalisation",
        "ties": "stable sort, then pixel index from the upper left, row by row, in both directions",
        "score": "logit of the output that is highest for the unchanged image",
        "measure": {
            "relative change": "|f(x) - f(x')| / |f(x)|",
            "change over mean score": "|f(x) - f(x')| / mean of |f| over the seed's images",
        },
        "area": "trapezoids over percent, divided by the range",
    }


def _draw(table: pd.DataFrame, out: Path, chosen: FaceDataset, subjects: Sequence[Subject]) -> None:
    synthetic = bool(chosen.attrs.get("synthetic")) or any(s.run and s.run.config.synthetic for s in subjects)
    for (kind, arm), mine in table.groupby(["benchmark", "model"], sort=False):
        source = "held-out images of the runs" if kind == "remove_and_retrain" else chosen.path.name
        n = int(mine.loc[mine["metric"] != "training accuracy", "n"].max())
        where = f"{source}, n\u00a0=\u00a0{n:,}; runs {', '.join(s.name for s in subjects if s.arm == arm)}"
        for name, figure, behind in figures.of_benchmark(str(kind), mine):
            FigureFolder(OutputFolder(out, "saliency benchmark"), synthetic).save(
                figure, behind, f"{name}-{arm}", where, behind=pd.DataFrame()
            )
