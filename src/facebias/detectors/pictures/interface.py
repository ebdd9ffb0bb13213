"""A detector of whole pictures, called with care, and the card that says what it is.

    detect(picture: uint8 (H, W, 3) RGB) -> boxes (M, 4) x1 y1 x2 y2 in pixels, scores (M,)

One that takes many pictures at a time gets a list of them, of any sizes, and returns as long a list of such pairs; it
says so by a flag, and nothing is guessed. Each is asked for everything down to its lowest threshold, once: thresholds
are a matter of the audit.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from facebias.core.errors import FacebiasError
from facebias.core.manifest import fingerprint

CODE = "DETECTOR"
_MOST = np.finfo(np.float32).max  # answers are kept in single precision
EXPECTS = "It must take a picture uint8 (H, W, 3) RGB and return boxes (M, 4) x1 y1 x2 y2 and scores (M,)"


class Detections(NamedTuple):
    """Boxes float (n, 4), x1, y1, x2, y2 in pixels of the upright picture, and their scores float (n,)."""

    boxes: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Card:
    """What a reader must know of a detector before its numbers.

    Attributes:
        version: of the package or file that it came from.
        weights: SHA-256 of its weights, "" where there is no file of them.
        input: what it looks at, in words.
        licence: of the weights, in words.
        settings: what it was asked with, by name.
    """

    version: str = ""
    weights: str = ""
    input: str = "whole pictures, RGB"
    licence: str = "not told"
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PictureDetector:
    """A detector of whole pictures.

    Attributes:
        name: in tables and figures.
        find: what is called: with one picture, or with a list of them where `batch` says so.
        shipped: score from which on people get a detection by default; None where all that it returns is one.
        card: what it is.
        batch: whether it takes a list of pictures.
    """

    name: str
    find: Callable[..., Any]
    shipped: float | None = None
    card: Card = Card()
    batch: bool = False

    @property
    def key(self) -> str:
        """A short hash of all that its answer depends on: what is found again under it need not be asked twice."""
        return fingerprint(
            {"name": self.name, "version": self.card.version, "weights": self.card.weights}
            | {f"setting {name}": str(value) for name, value in self.card.settings.items()}
        )

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[Detections]:
        """Detections of some pictures, checked.

        Args:
            pictures: each uint8 (H, W, 3) RGB.

        Raises:
            FacebiasError: an answer of another form, with a number that is not finite, or a box upside down.
            Exception: whatever the detector itself raises.
        """
        copies = [picture.copy() for picture in pictures]  # one that paints into a picture must not change the next
        found = self.find(copies) if self.batch else [self.find(picture) for picture in copies]
        if self.batch and (not isinstance(found, Sequence) or len(found) != len(pictures)):
            raise self._fault(f"answered {len(pictures)} pictures with {_told(found)}, expected a list as long")
        return [self._checked(answer) for answer in found]

    def _checked(self, answer: Any) -> Detections:
        try:
            boxes, scores = (np.asarray(part, dtype=np.float64) for part in answer)
        except (TypeError, ValueError) as error:
            raise self._fault(f"answered a picture with {_told(answer)}, expected boxes and scores") from error
        if not boxes.size and not scores.size:
            return Detections(np.empty((0, 4)), np.empty(0))
        if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != (len(boxes),):
            raise self._fault(f"answered with boxes {boxes.shape} and scores {scores.shape}, expected (M, 4) and (M,)")
        if not ((np.abs(boxes) <= _MOST).all() and (np.abs(scores) <= _MOST).all()):
            raise self._fault("answered with a box or score that is not finite (NaN or infinite), or over 1e38")
        if (bad := (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)).any():
            first = ", ".join(f"{edge:g}" for edge in boxes[bad][0])
            raise self._fault(f"answered with {bad.sum()} box(es) upside down or empty, the first {first}")
        return Detections(boxes, scores)

    def _fault(self, what: str) -> FacebiasError:
        return FacebiasError(CODE, self.name, what, EXPECTS)


def _told(answer: Any) -> str:
    length = f" of {len(answer)}" if isinstance(answer, Sequence) else ""
    return f"a {type(answer).__name__}{length}"


def folder_of(module: str) -> Path:
    """The folder of an installed package, which is not imported: its own code may want what is not there.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    return Path(found.origin).parent
