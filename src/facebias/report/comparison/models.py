"""Runs that differ in their seed alone are one model; names that cannot be mistaken for each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from facebias.core.arms import ARM_FIELDS, arm_name
from facebias.core.errors import FacebiasError
from facebias.training.run import Run

_SPELT_OUT = 3  # settings in a name, at most; where more differ, those that tell the models apart, and an ellipsis
_MORE = " \N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Model:
    """One configuration and its trainings.

    Attributes:
        arm: "cnn", "dbvae-0.01", ...
        apart: the settings that tell it from others of its arm; empty where it is the only one.
        runs: its trainings, by seed.
        settings: all that training depends on, but for the seed.
        more: whether other settings differ too, which the name leaves out.
    """

    arm: str
    apart: dict[str, Any]
    runs: tuple[Run, ...]
    settings: dict[str, Any]
    more: bool = False

    @property
    def name(self) -> str:
        """As tables and the option --baseline spell it: "cnn", "cnn epochs=10"."""
        return " ".join([self.arm, *(f"{name}={value}" for name, value in self.apart.items())]) + _MORE * self.more

    @property
    def label(self) -> str:
        """In words, for figures: "CNN", "CNN, epochs 10"."""
        words = [f"{name.replace('_', ' ')} {value}" for name, value in self.apart.items()]
        return ", ".join([arm_name(self.arm), *words]) + _MORE * self.more

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of its trainings."""
        return tuple(run.config.seed for run in self.runs)


def models_of(runs: Sequence[Run]) -> tuple[Model, ...]:
    """Models in the order in which their first run was given.

    Raises:
        FacebiasError: the same training twice, from two folders.
    """
    groups: dict[tuple[tuple[str, Any], ...], dict[int, Run]] = {}
    for run in runs:
        config = run.config
        settings = config.as_dict("data", "train")
        seed = settings.pop("seed")
        settings.pop("data_root")  # the same photographs on another disk are the same data
        seeds = groups.setdefault(tuple(settings.items()), {})
        if seed in seeds:
            raise FacebiasError("RUNS", run.path, f"the same training as {seeds[seed].path}", "Name one of the two")
        seeds[seed] = run
    models = [
        Model(next(iter(seeds.values())).config.arm, {}, tuple(run for _, run in sorted(seeds.items())), dict(key))
        for key, seeds in groups.items()
    ]
    return tuple(_named(model, [other for other in models if other.arm == model.arm]) for model in models)


def _named(model: Model, family: list[Model]) -> Model:
    """The model with the settings in its name that tell it from the others of its arm."""
    differing = [
        name for name, value in model.settings.items() if any(other.settings[name] != value for other in family)
    ]
    chosen = differing
    if len(differing) > _SPELT_OUT:
        chosen, classes = [], 1
        for name in differing:
            told_apart = len({tuple(other.settings[key] for key in [*chosen, name]) for other in family})
            if told_apart > classes:
                chosen, classes = [*chosen, name], told_apart
    apart = {name: model.settings[name] for name in chosen}
    return Model(model.arm, apart, model.runs, model.settings, len(chosen) < len(differing))


def settings_table(models: Sequence[Model]) -> pd.DataFrame:
    """What differs between the models beside their arm: one row a setting, one column a model, values as text.

    Settings that an arm stands for are shown only where they differ within an arm. Beside the settings: whether the
    trainings saw the same bytes, and which code they were trained by.
    """
    rows = {}
    for name in models[0].settings:
        values = [model.settings[name] for model in models]
        within = any(
            len({model.settings[name] for model in models if model.arm == arm}) > 1
            for arm in {model.arm for model in models}
        )
        if len(set(values)) > 1 and (name not in ARM_FIELDS or within):
            rows[name] = [str(value) for value in values]
    for name, key in (("training images", "train_sha256"), ("trained by code", "code_version")):
        values = [_recorded(model, key) for model in models]
        if len(set(values)) > 1:
            rows[name] = values
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[model.name for model in models])
    return table.rename_axis("setting").reset_index()


def _recorded(model: Model, key: str) -> str:
    """What a model's trainings recorded when they ended, each different value once."""
    found = [str(run.done.get(key, "not recorded")) for run in model.runs if run.complete]
    short = [value[:8] if key.endswith("sha256") else value for value in found]
    return ", ".join(dict.fromkeys(short)) or "not recorded"


def models_table(models: Sequence[Model]) -> pd.DataFrame:
    """One row a run: model, label, arm, seed, run_id; the baseline's first."""
    rows = [
        (model.name, model.label, model.arm, seed, run.id)
        for model in models
        for seed, run in zip(model.seeds, model.runs, strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "label", "arm", "seed", "run_id"])


def listed(seeds: Sequence[int]) -> str:
    """Seeds 0, 1, 2 and 5 as "0-2, 5"."""
    parts: list[list[int]] = []
    for seed in seeds:
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def pick_baseline(models: Sequence[Model], text: str) -> Model:
    """The model that `text` names: its name, the beginning of it, or the beginning of the id of one of its runs.

    Raises:
        FacebiasError: no model, or several.
    """
    if not text:
        return models[0]
    exact = [model for model in models if model.name == text]
    found = exact or [
        model
        for model in models
        if any(name.startswith(text) for name in (model.name, *(run.id for run in model.runs)))
    ]
    if len(found) != 1:
        what = f"begins {len(found)} models" if found else "names none of the models"
        raise FacebiasError(
            "BASELINE", text, f"{what}: {'; '.join(model.name for model in found or models)}", "Give one name whole"
        )
    return found[0]
