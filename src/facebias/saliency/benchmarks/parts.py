"""The three parts of the suite for one arm: maps of every seed in, rows out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.progress import bar
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_training
from facebias.detectors.inference import logits
from facebias.saliency.benchmarks import perturbation, retrain, rows, sanity
from facebias.saliency.benchmarks.faithfulness import faithfulness
from facebias.saliency.benchmarks.retrain import balanced, train_briefly
from facebias.saliency.subjects import Subject

if TYPE_CHECKING:
    from facebias.saliency.benchmarks.settings import Settings

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """One arm: its runs (seeds), the faces, and how much to do. Maps are made once and kept."""

    arm: str
    runs: list[Subject]
    faces: FaceDataset
    settings: Settings
    config: Config
    _maps: dict[tuple[int, str], Tensor] = field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        """Of the runs, in order."""
        return [run.seed for run in self.runs]

    @property
    def images(self) -> Tensor:
        """uint8 (N, 3, H, W)."""
        return self.faces.tensor()

    def maps(self, run: int, name: str) -> Tensor:
        """Maps (N, 1, H, W) of a run by number."""
        if (run, name) not in self._maps:
            self._maps[run, name] = perturbation.method_maps(name, self.runs[run].model, self.images)
        return self._maps[run, name]

    def own_config(self, run: Subject) -> Config:
        """Settings of a run's training, with this machine's places and device."""
        if run.run is None:
            raise FacebiasError("RUN", run.name, "is no run, so it cannot be trained anew", "Leave this part out")
        return run.run.config.with_(**self.config.as_dict("runtime"))


def pixels(job: Job, found: Rows, areas: Rows) -> None:
    """Pixel perturbation, least and most salient, by race; where random pixels are measured, the difference too."""
    race = job.faces.table.get("race")
    groups = rows.members(race, len(job.faces.labels))
    points = [{"k": share} for share in perturbation.SHARES]
    measured: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for name in job.settings.method_names:
        maps = [job.maps(number, name) for number in range(len(job.runs))]
        for direction in perturbation.DIRECTIONS:
            parts = [
                perturbation.score_changes(run.model, job.images, mine, direction=direction)
                for run, mine in zip(job.runs, maps, strict=True)
            ]
            score, change = (np.stack(part) for part in zip(*parts, strict=True))
            # Where a score is near 0 the published ratio explodes and its mean hangs on a few images; over the
            # mean size of a seed's scores it does not
            steady = change / np.abs(score).mean(1)[:, None, None]
            measured[name, direction] = {
                "relative change": perturbation.relative(score, change),
                "change over mean score": steady,
            }
    for (name, direction), measures in measured.items():
        control = measured.get(("random", direction), {}) if name != "random" else {}
        # the same images and seeds on both sides, so that hard images cancel
        pairs = {f"{metric}, less random": measures[metric] - values for metric, values in control.items()}
        for metric, values in (measures | pairs).items():
            fixed = {"benchmark": "pixel_perturbation", "model": job.arm, "method": name, "direction": direction}
            found += rows.summarise(values, job.seeds, groups, fixed | {"metric": metric}, points)
            height = rows.area(values, perturbation.SHARES)[..., None]
            areas += rows.summarise(height, job.seeds, groups, fixed | {"metric": f"{metric}, area"}, [{}])


def retraining(job: Job, found: Rows, areas: Rows) -> dict[str, Any]:
    """Remove and retrain on the runs' own training data; returns fill and the controls' Gaussians for the manifest."""
    outcomes, about = [], {}
    for run in job.runs:
        config = job.own_config(run)
        splits = _splits(config, job.settings)
        result, widths = retrain.remove_and_retrain(run, config, splits, job.settings.method_names, job.settings.epochs)
        outcomes.append(result)
        about[run.name] = {
            "channel_mean": retrain.channel_mean(splits.train).tolist(),
            "control_gaussian_px": widths,
            "train": len(splits.train.labels),
            "validation": len(splits.validation.labels),
            "test": len(splits.test.labels),
        }
    arms = dict.fromkeys(name for name, _ in outcomes[0])
    for metric in ("recall", "accuracy"):
        base = np.stack([getattr(result[retrain.BASE, 0.0], metric) for result in outcomes]).astype(float)
        for arm in arms:
            shares = [share for name, share in outcomes[0] if name == arm]
            right = np.stack(
                [np.stack([getattr(result[arm, share], metric) for share in shares], axis=-1) for result in outcomes]
            ).astype(float)
            everyone = rows.members(None, right.shape[1])
            fixed = {"benchmark": "remove_and_retrain", "model": job.arm, "method": arm, "direction": "most"}
            points = [{"k": share} for share in shares]
            found += rows.summarise(right, job.seeds, everyone, fixed | {"metric": metric}, points, share=True)
            if arm != retrain.BASE:
                whole = rows.area(np.concatenate([base[..., None], right], axis=-1), (0.0, *shares))[..., None]
                areas += rows.summarise(
                    whole, job.seeds, everyone, fixed | {"metric": f"{metric}, area"}, [{}], share=True
                )
    return about


def _splits(config: Config, settings: Settings) -> retrain.Splits:
    files, size = pack_training(config), settings.train_images
    wanted = {"train": size, "validation": size // 4, "test": size // 2}
    return retrain.Splits(
        *(balanced(FaceDataset.load(files[name]), count, settings.seed) for name, count in wanted.items())
    )


def sanity_checks(job: Job, found: Rows) -> None:
    """Similarity of maps after cascading, independent and whole redrawing of layers, and training on wrong labels."""
    count = min(job.settings.sanity_images, len(job.faces.labels))
    names = job.settings.method_names
    steps: dict[tuple[str, int, str], list[dict[str, np.ndarray]]] = {}
    for number, run in enumerate(job.runs):
        original = {name: job.maps(number, name)[:count] for name in names}
        compare = _comparison(job.images[:count], original, run.model)
        order = sanity.layers(run.model, job.images[:1].float())
        with bar(total=2 * len(order) + sanity.DRAWS, desc=f"sanity checks ({run.name})", unit="network") as progress:
            for kind, step, layer, changed in sanity.randomisations(run.model, job.images[:1].float(), run.seed):
                steps.setdefault((kind, step, layer), []).append(compare(changed))
                progress.update(1)
            drawn = []
            for draw in range(sanity.DRAWS):
                drawn.append(compare(sanity.redraw(run.model, order, run.seed + 1000 * draw)))
                progress.update(1)
            steps.setdefault(("all layers", len(order), ""), []).append(sanity.over_draws(drawn))
        if job.settings.labels:
            steps.setdefault(("labels", 1, ""), []).append(_labels(job, run, names, count, found))
    for (kind, step, layer), results in steps.items():
        for name, metric in (key.split("/") for key in results[0]):
            values = np.stack([result[f"{name}/{metric}"] for result in results])[..., None]
            fixed = {
                "benchmark": "sanity",
                "model": job.arm,
                "method": name,
                "metric": metric,
                "direction": kind,
                "layer": layer,
            }
            found += rows.summarise(values, job.seeds, rows.members(None, count), fixed, [{"k": float(step)}])


def faithfulness_of(job: Job, found: Rows) -> None:
    """Infidelity and sensitivity of every method, by race."""
    count, race = min(job.settings.sanity_images, len(job.faces.labels)), job.faces.table.get("race")
    groups = rows.members(None if race is None else race[:count], count)
    for name in job.settings.method_names:
        results = [
            faithfulness(name, run.model, job.images[:count], job.maps(number, name)[:count], job.settings.seed)
            for number, run in enumerate(job.runs)
        ]
        for metric in results[0]:
            values = np.stack([result[metric] for result in results])[..., None]
            fixed = {"benchmark": "faithfulness", "model": job.arm, "method": name, "metric": metric}
            found += rows.summarise(values, job.seeds, groups, fixed, [{}])


def _comparison(
    images: Tensor, original: Mapping[str, Tensor], model: torch.nn.Module
) -> Callable[[torch.nn.Module], dict[str, np.ndarray]]:
    before = {name: maps[:, 0].numpy() for name, maps in original.items()}
    signs = {name: sanity.signed_maps(name, model, images) for name in original if name in sanity.SIGNED}

    def compare(changed: torch.nn.Module) -> dict[str, np.ndarray]:
        """Likeness of each method's maps to those of the trained network."""
        out = {}
        for name in original:
            after = perturbation.method_maps(name, changed, images)[:, 0].numpy()
            out[f"{name}/spearman"] = sanity.spearman(before[name], after)
            out[f"{name}/ssim"] = sanity.ssim(before[name], after)
            if name in signs:
                after = sanity.signed_maps(name, changed, images)
                out[f"{name}/spearman_signed"] = sanity.spearman(signs[name], after)
        return out

    return compare


def _labels(job: Job, run: Subject, names: tuple[str, ...], count: int, found: Rows) -> dict[str, np.ndarray]:
    """Maps of a network trained on shuffled labels against those of one trained alike on the true ones."""
    config = job.own_config(run)
    data = balanced(FaceDataset.load(pack_training(config)["train"]), job.settings.train_images, job.settings.seed)
    shuffled = np.random.default_rng([job.settings.seed, run.seed]).permutation(data.labels)
    models = {}
    for kind, labels in (("true", data.labels), ("shuffled", shuffled)):
        one = dataclasses.replace(data, labels=labels)
        models[kind] = train_briefly(config, one, job.settings.epochs)
        # a network that has not learned its wrong labels says little: its accuracy stands beside
        right = ((logits(models[kind], one.tensor()).numpy() >= 0) == (labels == 1)).astype(float)[None, :, None]
        found += rows.summarise(
            right,
            [run.seed],
            rows.members(None, len(labels)),
            {
                "benchmark": "sanity",
                "model": job.arm,
                "method": f"trained on {kind} labels",
                "direction": "labels",
                "metric": "training accuracy",
            },
            [{}],
            share=True,
        )[:1]
    images = job.images[:count]
    original = {name: perturbation.method_maps(name, models["true"], images) for name in names}
    return _comparison(images, original, models["true"])(models["shuffled"])
