"""The words that stages share: what splits, groups and frames are called. Each is written here once.

A file's columns and the audit's sentences must spell them alike, and the rooms that use them may not import each other.
"""

from __future__ import annotations

IMAGE_SIZE = 64  # pixels a side of a packed image and of the networks' input, the paper's and the lab's

SPLITS = ("train", "validation", "test")
HEADLINE = "fpr=0.01"  # the threshold rule of every comparison unless another is told
HELD_OUT = ("validation", "test")  # never trained on: the first fixes thresholds, the second is judged

GENDERS = ("Female", "Male")  # as annotators perceived them; every set that we know records two
AGE_BINS = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")
UNKNOWN = "unknown"  # the level of faces whose source does not say
NOT_MEASURABLE = "not measurable"  # the skin tone of faces that are grey, covered or in coloured light: a group too

# The one framing of training and audit: dlib's face chip with padding 0.25, as FairFace and UTKFace were cut.
# Eye centres are 0.35 of the side apart, centred, 0.31 of the side below the top.
TIGHT = "tight"
EYE_DISTANCE = 0.35
EYE_HEIGHT = 0.31

DATASET_NAMES = {
    "fairface": "FairFace",
    "utkface": "UTKFace",
    "ppb": "PPB",
    "celeba": "CelebA",
    "lab": "the lab's faces",
    "synthetic": "rendered faces (synthetic)",
}


def interval_over(seeds: int) -> str:
    """What a 95 % interval holds the doubt of, where thresholds were fixed on other non-faces; one seed has none."""
    return f"95 % interval over {'seeds, ' if seeds > 1 else ''}images and thresholds"


def missing_level(column: str) -> str:
    """What faces are called that have no value in a column: of a measured one "not measurable", else "unknown"."""
    return NOT_MEASURABLE if column == "skin_tone" else UNKNOWN


def dataset_name(dataset: str, source: str = "") -> str:
    """A data set in words; "test" is the held-out faces of the training source."""
    if dataset != "test":
        return DATASET_NAMES.get(dataset, dataset)
    name = DATASET_NAMES.get(source, source or "training-source")
    return f"held-out {name}" if "faces" in name else f"held-out {name} faces"


def age_bin(years: int) -> str:
    """FairFace's bin of an age in years: "0-2", "3-9", "10-19", ... "60-69", "more than 70" (70 and over)."""
    upper = (2, 9, 19, 29, 39, 49, 59, 69)
    return next((name for name, last in zip(AGE_BINS, upper, strict=False) if years <= last), AGE_BINS[-1])
