"""Runs the benchmarks on trained detectors and writes the tidy table, the areas, the figures and a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facebias import plots
from facebias.core.config import Config
from facebias.core.csv import write_csv
from facebias.core.errors import FacebiasError
from facebias.core.manifest import fingerprint, sha256, write_manifest
from facebias.core.progress import tidy
from facebias.data.dataset import FaceDataset
from facebias.saliency.benchmarks import parts as stages
from facebias.saliency.benchmarks import perturbation, retrain, rows, sanity
from facebias.saliency.benchmarks import plots as figures
from facebias.saliency.benchmarks.short_training import with_rows
from facebias.saliency.methods import METHODS
from facebias.saliency.subjects import Subject

SCHEMA = "facebias.saliency_benchmark/1"
PARTS = ("pixels", "retrain", "sanity")


@dataclass(frozen=True)
class Settings:
    """How much is done; all of it is in the manifest.

    Attributes:
        parts: of PARTS, comma separated.
        methods: of METHODS, comma separated; "all" for every one.
        images: faces of the packed file that pixel perturbation takes.
        sanity_images: of these, how many the sanity checks take.
        train_images: training images of remove and retrain, half of them faces; a quarter as many fix the threshold
            and half as many are scored.
        epochs: of each retraining.
        labels: whether the sanity checks also train on shuffled labels.
        seed: of the draws of images.
    """

    parts: str = "pixels,sanity"
    methods: str = "all"
    images: int = 500
    sanity_images: int = 100
    train_images: int = 4000
    epochs: int = 4
    labels: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _among("parts", self.part_names, PARTS)
        _among("methods", self.method_names, tuple(METHODS))
        for name, least in (("images", 1), ("sanity_images", 1), ("train_images", 16), ("epochs", 1)):
            if getattr(self, name) < least:
                raise FacebiasError(
                    "CONFIG", name, f"found {getattr(self, name)}, expected {least} or more", "Raise it"
                )

    @property
    def part_names(self) -> tuple[str, ...]:
        """The parts, in order."""
        return _split(self.parts)

    @property
    def method_names(self) -> tuple[str, ...]:
        """The methods, in order."""
        return tuple(METHODS) if self.methods == "all" else _split(self.methods)


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _among(name: str, found: tuple[str, ...], known: tuple[str, ...]) -> None:
    wrong = [word for word in found if word not in known]
    if wrong or not found:
        raise FacebiasError(
            "CONFIG",
            name,
            f"{wrong[0]!r} is not one of {', '.join(known)}" if wrong else "is empty",
            "Name one or more of them, separated by commas",
        )


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
            plots.save(figure, behind, out / f"{name}-{arm}.png", synthetic=synthetic, provenance=where)
