"""From what somebody says of a detector to the detector: loaded in each process that asks it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path

from facebias.core.manifest import sha256
from facebias.detectors.find import checked_name
from facebias.detectors.functions import load_function
from facebias.detectors.pictures import KNOWN, Card, PictureDetector, load_known
from facebias.detectors.pictures.known import refuse_unknown
from facebias.detectors.pictures.programs import SUFFIXES, load_picture_program

_OURS = "ours"


@dataclass(frozen=True)
class Spec:
    """A detector by what it is called; calling the spec loads it.

    Attributes:
        text: one of `facebias.detectors.pictures.KNOWN`, one of them with a model file (``yunet=FILE``), ``ours=RUN``
            (a run's folder, or ``ours=RUN@coarse`` for fewer windows), ``file.py:function``,
            ``package.module:function``, or a stored program (.pt, .pt2, .onnx).
        name: in tables and figures; its own unless told.
        batch: whether a function takes a list of pictures.
        threshold: score from which on a function's detections count as shipped; None for all of them.
    """

    text: str
    name: str = ""
    batch: bool = False
    threshold: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether it has a batch size and threshold of its own: one of KNOWN, or a run of ours."""
        return self.text.partition("=")[0] in (*KNOWN, _OURS)

    def __call__(self) -> PictureDetector:
        """Load it.

        Raises:
            FacebiasError: nothing of that name, a missing package, or a function that cannot be loaded.
        """
        known, _, model = self.text.partition("=")
        if known in KNOWN:
            found = load_known(known, model)
        elif known == _OURS and model:
            from facebias.analyses.whole_pictures.ours import windows_of  # here: torch takes seconds a process

            found = windows_of(model)
        elif Path(self.text).suffix in SUFFIXES:
            found = load_picture_program(Path(self.text), self.threshold)
        elif ":" in self.text:
            found = self._function()
        else:
            raise refuse_unknown(self.text)
        name = checked_name(self.name or found.name)
        return PictureDetector(name, found.find, found.shipped, found.card, found.batch)

    def _function(self) -> PictureDetector:
        place, _, function = self.text.rpartition(":")
        find = load_function(place, function)
        source = inspect.getsourcefile(inspect.unwrap(find)) if inspect.isroutine(find) else None
        # by content, not by place; what else the function reads is not known, so another name asks anew
        card = Card(f"{Path(place).name}:{function}", sha256(source) if source else "", licence="its author's")
        return PictureDetector(function, find, self.threshold, card, self.batch)
