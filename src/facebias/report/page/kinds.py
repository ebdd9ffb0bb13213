"""The kinds of figures: what each is called, how it is read, what is seen in it, in the order of what tells most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from facebias.core.words import DATASET_NAMES, dataset_name
from facebias.report.page import alt_texts as seen


@dataclass(frozen=True)
class Kind:
    """Figures of one kind.

    Attributes:
        prefix: how the names of its files begin.
        title: what they are called.
        caption: how to read them.
        tell: what is seen, from the numbers behind one.
        printed: whether the one that is nearest to the headline is on paper too.
    """

    prefix: str
    title: str
    caption: str
    tell: Callable[[pd.DataFrame], str] | None = None
    printed: bool = False


KINDS = (
    Kind(
        "recall-by-source",
        "Recall before any group",
        "Held-out faces of the training source, and each audit set: a difference between them is domain shift.",
        seen.sources,
        True,
    ),
    Kind(
        "arms",
        "All detectors",
        "Recall of all faces, worst group and gap of every detector, with 95 % intervals.",
        printed=True,
    ),
    Kind(
        "group-recall",
        "Recall of groups",
        "A dot for each group and detector, a line for its 95 % interval. Grey: under 30 faces.",
        seen.groups,
    ),
    Kind(
        "slope",
        "From the baseline to the DB-VAE",
        "A line for each group: whose recall rises and whose falls.",
        seen.groups,
    ),
    Kind(
        "recall-by-ita",
        "Recall against measured skin tone",
        "Without classes, which hide differences; light skin is on the right.",
        seen.tones,
        True,
    ),
    Kind(
        "trade-off",
        "Recall against false positives",
        "Recall of each group as more false positives are allowed.",
        seen.trade_off,
        True,
    ),
    Kind("scores", "Scores of groups", "Median, middle half, and 5 to 95 % of each group's scores, and of non-faces."),
    Kind(
        "calibration",
        "Whether a probability means the same for all",
        "Share of faces among what gets a probability, at even odds. The diagonal is right.",
    ),
    Kind("heatmap", "Recall of groups as a table", "Recall as colour and number in every cell, with n.", seen.groups),
    Kind(
        "shift",
        "Domain shift told apart from bias",
        "Recall as framing, light and blur of the same faces change.",
        printed=True,
    ),
    Kind(
        "whole-detectors",
        "Detectors in whole pictures",
        "Recall of all faces, worst group and gap, as shipped and at the same false alarms, with 95 % intervals.",
    ),
    Kind(
        "whole-groups",
        "Who is found in whole pictures",
        "A mark a group and detector, with its 95 % interval over images and threshold. Faint: under 30 faces.",
    ),
    Kind(
        "whole-conditions",
        "Whole pictures that get harder",
        "Recall of each group as one property changes; thresholds as fixed on pictures as they are. Dots: 90 %.",
    ),
    Kind("protocols", "Whole pictures", "The same detectors slid over whole pictures, by grid of windows."),
    Kind(
        "sampling",
        "What resampling draws",
        "How much more often than it occurs each group is drawn, over epochs; 1 is uniform sampling. Band: 95 % t "
        "interval over seeds, three or more.",
        seen.sampling,
        True,
    ),
    Kind("mechanism", "Whom resampling prefers", "Which training faces are drawn more, and whether that matters."),
    Kind("likely-faces", "Least and most drawn faces", "Means of training faces by probability in the last epoch."),
    Kind("who", "Who is in the data", "Shares of each level.", seen.who),
    Kind("tone", "Measured skin tone", "How well skin tone is measured, and beside the labels of race."),
    Kind("mean-faces", "Mean faces of the training split", "Means over many faces; no single face is shown."),
    Kind("faces", "Rendered training faces", "A sample of the training split, each drawn by a program."),
    Kind("negatives", "Rendered non-faces", "A sample of the training split, each drawn by a program."),
    Kind("training", "Training", "Losses and validation recall of every training.", seen.training),
    Kind("traversal", "Latents", "What changes along the latents that tell most of a face."),
    Kind("reconstructions", "Reconstructions", "Rendered faces, and what the decoder makes of their latents."),
    Kind("recall", "Recall of the compared", "Recall of each group beside the published bars, with intervals."),
    Kind("change", "Changes", "Change of each group from the baseline, with 95 % intervals."),
    Kind("", "Further figures", "Told by the file's name alone."),  # kinds that this list does not know yet
    Kind(
        "saliency-means",
        "Mean maps",
        "FullGrad of each group on one scale, with n; contours are of the mean face.",
        printed=True,
    ),
    Kind(
        "saliency-beside",
        "Two detectors side by side",
        "FullGrad of the baseline, of the DB-VAE, and their difference, group by group.",
    ),
    Kind(
        "saliency-differences",
        "Differences between groups",
        "FullGrad of each group less that of all others, with permutation p-values.",
        seen.moved,
    ),
    Kind("saliency-regions", "Regions of the face", "Share of saliency in each region, by group."),
    Kind("saliency", "Further maps", "Told by the file's name alone."),
)


def is_of(file: Path, kind: Kind) -> bool:
    """Whether a file is a figure of this kind: that whose prefix is the longest that its name begins with."""
    fitting = [one for one in KINDS if not one.prefix or f"{file.stem}-".startswith(f"{one.prefix}-")]
    return file.suffix == ".png" and max(fitting, key=lambda one: len(one.prefix)) == kind


def subject_of(stem: str, kind: Kind) -> str:
    """What a figure is of, from its name: "FairFace, race x gender"."""
    first, _, rest = stem.removeprefix(kind.prefix).strip("-").partition("-")
    parts = (dataset_name(first), " ".join(map(dataset_name, rest.split("-"))))
    told = (", " if first in DATASET_NAMES else " ").join(part for part in parts if part)
    return told[:1].upper() + told[1:]
