"""What a reader must know beside the numbers of a comparison, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from facebias.audit.groups import SMALL
from facebias.audit.thresholds import HEADLINE, rule_text
from facebias.core.words import dataset_name
from facebias.report.comparison.changes import ALONE, APART
from facebias.report.comparison.models import Model, listed
from facebias.report.comparison.shared_images import Shared
from facebias.report.comparison.terminal import FLAG


def on_flags(changes: pd.DataFrame, rule: str, shared: Shared) -> list[str]:
    """How many changes are flagged, and how many would be by chance."""
    if rule.startswith("fpr") and not shared.like_negatives:
        text = rule_text(rule)
        return [
            f"Nothing is flagged: the models' non-faces are of different sources, and {text} on one is not {text} "
            "on another."
        ]
    judged = changes[
        (changes["metric"] != "FPR") & (changes["drawn"] != ALONE) & ~changes["small"] & changes["low"].notna()
    ]
    if judged.empty:
        return []
    chance = max(1, round(len(judged) / 20))
    return [
        f"Flagged ({FLAG}): {judged['flagged'].sum()} of {len(judged)} changes, all groupings counted. Each has a "
        f"95 % interval of its own: if no model differed, up to {chance} or so would be flagged by chance. "
        "Groupings overlap, so flags come in clusters."
    ]


def on_seeds(models: Sequence[Model], changes: pd.DataFrame) -> list[str]:
    """What the intervals of each model's changes speak for."""
    found, base = [], models[0]
    drawn = changes.drop_duplicates("model").set_index("model")["drawn"]
    for model in models[1:]:
        own, others = (f"seed{'s' * (len(one.seeds) > 1)} {listed(one.seeds)}" for one in (model, base))
        if drawn[model.name] == ALONE:
            found.append(
                f"{model.name} ({own}; {base.name} {others}): with one training to compare, the interval "
                "speaks for the images alone, not for another training. Nothing is flagged."
            )
        elif drawn[model.name] == APART:
            found.append(
                f"{model.name} ({own}; {base.name} {others}): seeds are not shared. Images are paired, "
                "trainings are not."
            )
        elif model.seeds != base.seeds:
            both = sorted(set(model.seeds) & set(base.seeds))
            found.append(
                f"{model.name} ({own}; {base.name} {others}): changes are over the shared seeds "
                f"{listed(both)} alone, levels over all of a model's own."
            )
    paired = "paired: the same seeds, the same images."
    if len(found) == len(models) - 1:
        return found
    return [*found, f"All other changes are {paired}"] if found else [f"Changes are {paired}"]


def on_thresholds(rule: str, shared: Shared, few: bool) -> list[str]:
    """Whether false positive rates are matched, and how well."""
    found = []
    if not rule.startswith("fpr"):
        found.append(
            f"At {rule_text(rule)} each model has a false positive rate of its own: a change may be a moved "
            f"threshold, and no better or fairer detector. Compare at a matched rate ({HEADLINE})."
        )
    elif shared.like_negatives and not shared.same_negatives:
        found.append(
            "Thresholds are fixed on non-faces of one source but not on the same ones: rates are matched as "
            "far as one set of non-faces is like another."
        )
    if few:
        found.append(f"Too few held-out non-faces to fix {rule_text(rule)} in every run.")
    return found


def on_faces(models: Sequence[Model], shared: Shared, small: bool) -> list[str]:
    """Small groups, and models that were trained on the source of an audit set when others were not."""
    found, sources = [], [model.settings["train_faces"] for model in models]
    if small:
        found.append(f"Groups under {SMALL} images are shown, but never flagged, called worst or counted in a gap.")
    for name in sorted(set(shared.predictions["dataset"]) & set(sources)) if len(set(sources)) > 1 else ():
        home = ", ".join(model.name for model, source in zip(models, sources, strict=True) if source == name)
        found.append(
            f"{dataset_name(name)} is the training source of {home}, not of the others: they see other images "
            "than they were trained on."
        )
    return found


def on_rendering(synthetic: bool) -> list[str]:
    """That rendered faces are no people."""
    return ["Rendered faces (synthetic): this shows how the method behaves, nothing about people."] if synthetic else []
