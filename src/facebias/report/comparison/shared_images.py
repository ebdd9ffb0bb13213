"""The images that every run scored: what the comparison rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from facebias.audit.predictions import validate
from facebias.core.errors import FacebiasError
from facebias.core.words import HELD_OUT, dataset_name
from facebias.report.comparison.models import Model

_SAME = ["label", "race", "gender", "skin_tone", "ita"]  # what must agree for an image id to mean the same image


@dataclass(frozen=True)
class Shared:
    """Predictions cut to what all runs scored.

    Attributes:
        predictions: validated; `model` is the model's name.
        same_negatives: whether all runs fix and measure their false positive rate on the same non-faces.
        like_negatives: whether these are at least of the same source.
        notes: what was left out and why, one sentence each.
    """

    predictions: pd.DataFrame
    same_negatives: bool
    like_negatives: bool
    notes: tuple[str, ...]


def shared_predictions(models: Sequence[Model]) -> Shared:
    """Read all predictions and keep, of each audit set that every run scored, the images that every run scored.

    Held-out faces of the training source are kept only where all runs have the same data: elsewhere what one run
    holds out, another may have trained on.

    Raises:
        FacebiasError: no audit image is shared, or an id stands for other images in another run.
    """
    parts = [run.predictions.assign(model=model.name) for model in models for run in model.runs]
    table = validate(pd.concat(parts, ignore_index=True))
    configs = [model.runs[0].config for model in models]
    same, like = (len({getattr(config, name) for config in configs}) == 1 for name in ("data_key", "negatives"))
    notes, kept = (
        [],
        [table[(table["dataset"] == "validation") | ((table["dataset"] == "test") & (same | (table["label"] == 0)))]],
    )
    if not same:
        notes.append(
            "Held-out faces of the training source are left out: the runs do not have the same training data, "
            "so that one may have trained on what another holds out."
        )
    for name in sorted(set(table["dataset"]) - set(HELD_OUT)):
        images, note = _common(table[table["dataset"] == name], table["run_id"].nunique())
        kept.append(images)
        notes += [f"{dataset_name(name)}: {note}."] if note else []
    if all(part.empty for part in kept[1:]):
        raise FacebiasError(
            "IMAGES",
            ", ".join(model.name for model in models),
            "no audit image was scored by all",
            "Score them on the same audit set: facebias score RUN --audit-sets NAME",
        )
    return Shared(pd.concat(kept, ignore_index=True), same, like, tuple(notes))


def _common(table: pd.DataFrame, runs: int) -> tuple[pd.DataFrame, str]:
    """Rows of one audit set on the images that all runs scored, and what is to be said of the others."""
    times = table["image_id"].map(table["image_id"].value_counts())
    kept = table[times == runs]
    _refuse_other_images(kept)
    if table["run_id"].nunique() < runs:
        return kept, f"left out, as only {table['run_id'].nunique()} of {runs} runs scored it"
    if len(kept) < len(table):
        shared, every = kept["image_id"].nunique(), table["image_id"].nunique()
        return kept, f"compared on the {shared:,} images that all runs scored, of {every:,}"
    return kept, ""


def _refuse_other_images(table: pd.DataFrame) -> None:
    first = table.drop_duplicates("image_id").set_index("image_id")
    for run, part in table.groupby("run_id", sort=False):
        here, there = part[_SAME].reset_index(drop=True), first.loc[part["image_id"], _SAME].reset_index(drop=True)
        other = ~((here == there) | (here.isna() & there.isna())).all(axis=1).to_numpy()
        if other.any():
            row = int(other.argmax())
            column = next(name for name in _SAME if here[name].iloc[row] != there[name].iloc[row])
            raise FacebiasError(
                "IMAGES",
                f"{table['dataset'].iloc[0]}, {part['image_id'].iloc[row]}",
                f"{column} {here[column].iloc[row]} in {run} but {there[column].iloc[row]} in "
                f"{first['run_id'].iloc[0]}: other images under the same names ({other.sum():,} of {len(part):,})",
                "Score both runs on the same packed set",
            )
