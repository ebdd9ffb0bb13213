"""What a benchmark of saliency methods does: which parts, methods, images and seeds."""

from __future__ import annotations

from dataclasses import dataclass

from facebias.core.errors import FacebiasError
from facebias.saliency.methods import METHODS

PARTS = ("pixels", "retrain", "sanity", "faithfulness")


@dataclass(frozen=True)
class Settings:
    """How much is done; all of it is in the manifest.

    Attributes:
        parts: of PARTS, comma separated.
        methods: of METHODS, comma separated; "all" for every one.
        images: faces of the packed file that pixel perturbation takes.
        sanity_images: of these, how many the sanity checks and the measures of faithfulness take.
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
