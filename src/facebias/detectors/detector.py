"""A detector that somebody else wrote, called with care: whatever it does wrong is said in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from facebias.core.errors import FacebiasError
from facebias.core.progress import bar, say

BATCH = 256  # images a call
FIRST = 8  # images of the first call, so that a fault is found at once
FUNCTION = "It must take images uint8 (N, 64, 64, 3) RGB and return scores float (N,), higher for faces"
CODE = "DETECTOR"
_TINY = 1e-12  # a probability of 0 is taken for this, one of 1 for one less this: logits must be finite

Score = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Detector:
    """A detector of crops.

    Attributes:
        name: of its model in tables and figures.
        where: what it was found by, for messages.
        score: uint8 (N, 64, 64, 3) RGB to scores.
        expects: what it must take and return, for messages.
    """

    name: str
    where: str
    score: Score
    expects: str = FUNCTION

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Scores float64 (N,) of images uint8 (N, 64, 64, 3), in one call.

        Raises:
            FacebiasError: it failed, or did not answer with one finite number of floating type an image.
        """
        asked = f"images uint8 {images.shape}"
        try:
            # a copy, since a detector that normalises in place would spoil the next one's images
            answer = np.asarray(self.score(images.copy()))
        except FacebiasError:
            raise  # an adapter's own, in one line already
        except Exception as error:
            raise self._fault(f"failed on {asked}: {first_line(error)}") from error
        if not np.issubdtype(answer.dtype, np.floating):
            found = "no array of numbers" if answer.dtype == object else f"{answer.dtype} {answer.shape}"
            raise self._fault(f"answered {asked} with {found}, expected scores of a floating type")
        if answer.shape not in ((len(images),), (len(images), 1)):
            raise self._fault(f"answered {asked} with shape {answer.shape}, expected ({len(images)},)")
        scores = answer.reshape(-1).astype(np.float64)
        if (bad := ~np.isfinite(scores)).any():
            raise self._fault(
                f"answered {asked} with {bad.sum()} score(s) that are not finite, the first "
                f"{scores[bad][0]} for image {np.argmax(bad)}"
            )
        return scores

    def _fault(self, what: str) -> FacebiasError:
        return FacebiasError(CODE, self.where, what, self.expects)

    def scores(self, images: np.ndarray, what: str = "", each: Callable[[], None] = lambda: None) -> np.ndarray:
        """Scores float64 (N,) of any number of images, in batches, the first one small; with progress.

        Args:
            images: uint8 (N, 64, 64, 3) RGB.
            what: name of the images, for the progress bar.
            each: called after each batch.

        Raises:
            FacebiasError: as a call.
        """
        starts = [0, *range(FIRST, len(images), BATCH)]
        ends = [*starts[1:], len(images)]
        parts = []
        with bar(total=len(images), desc=f"{self.name} on {what}", unit="image") as progress:
            for start, end in zip(starts, ends, strict=True):
                parts.append(self(images[start:end]))
                each()
                progress.update(end - start)
        return np.concatenate(parts)


@cache
def say_foreign_code(path: Path) -> None:
    """Say, once a file, that what it holds is run."""
    say(f"{path}: runs the code in this file, with all that you may do; use what you trust alone")


def first_line(error: BaseException) -> str:
    """Type and first line of an exception."""
    text = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {text}".rstrip(": ").rstrip(".")


def as_logits(probabilities: np.ndarray, where: str) -> np.ndarray:
    """Logits float64 of probabilities, those of exactly 0 and 1 large but finite; the order is kept.

    Raises:
        FacebiasError: a value outside 0..1.
    """
    outside = (probabilities < 0) | (probabilities > 1)
    if outside.any():
        raise FacebiasError(
            CODE,
            where,
            f"{outside.sum()} score(s) outside 0..1, the first {probabilities[outside][0]:g}",
            "Leave --probability out: these are no probabilities",
        )
    inside = np.clip(probabilities, _TINY, 1 - _TINY)
    return np.log(inside) - np.log1p(-inside)
