"""Detection in whole pictures: every window scored by a detector of crops, the best of overlapping ones kept.

A detector of crops is any callable from uint8 (N, 64, 64, 3) RGB to scores (N,); `scorer` makes one of a network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw

from facebias.core.csv import write_csv
from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write, sweep_stale, write_json
from facebias.core.paths import code_version
from facebias.core.progress import bar
from facebias.core.rejects import Reject, write_rejects
from facebias.data.archive import Place
from facebias.data.user_pictures import readable, spell
from facebias.detectors.fast import Folded
from facebias.detectors.networks import DBVAE, StandardCNN
from facebias.detectors.pictures import Detections
from facebias.detectors.windows import BATCH, Scan, batches, boxes_of

SCHEMA = "facebias.detections/1"
COLUMNS = ("image", "x0", "y0", "x1", "y1", "score", "probability")
OVERLAP = 0.3  # intersection over union above which the lower of two windows is dropped

Scorer = Callable[[np.ndarray], np.ndarray]


def scorer(model: StandardCNN | DBVAE) -> Scorer:
    """A network as a detector of crops: uint8 (N, 64, 64, 3) RGB to face logits float32 (N,).

    Its weights are those of now, in evaluation mode, with batch normalisation folded in: the logits are those of the
    network but for float32 rounding.
    """
    network = Folded(model)

    def score(crops: np.ndarray) -> np.ndarray:
        """Crops in batches through the folded network."""
        images = torch.from_numpy(np.require(crops, requirements=["C", "W"])).permute(0, 3, 1, 2)
        return torch.cat([network(part) for part in images.split(BATCH)]).numpy()

    return score


def score_windows(image: Image.Image, places: np.ndarray, scorers: Sequence[Scorer]) -> np.ndarray:
    """Scores float32 (detectors, n) of the windows `places` (`Scan.places`); each is cut once for all detectors.

    Raises:
        FacebiasError: a detector that does not answer with one finite number a window.
    """
    found = np.empty((len(scorers), len(places)), np.float32)
    for rows, crops in batches(image, places):
        for number, score in enumerate(scorers):
            answer = np.asarray(score(crops))
            if answer.shape != (len(crops),) or not np.isfinite(answer).all():
                raise FacebiasError(
                    "DETECTOR",
                    f"detector {number}",
                    f"answered {answer.shape} to {len(crops)} crops, or not with finite numbers",
                    "It must return one finite score a crop",
                )
            found[number, rows] = answer
    return found


def detect(image: Image.Image, score: Scorer, scan: Scan, threshold: float, overlap: float = OVERLAP) -> Detections:
    """Faces in a whole picture: windows with score >= threshold after non-maximum suppression.

    Args:
        image: upright RGB, never resized to another aspect.
        score: the detector of crops.
        scan: sizes and stride of the windows.
        threshold: on the scale of the scores.
        overlap: IoU with a better window above which a window is dropped.

    Raises:
        FacebiasError: no window fits the picture, or the detector's answer is none.
    """
    from torchvision.ops import nms  # here: it loads slowly

    places = scan.places(*image.size)
    boxes, scores = boxes_of(places, *image.size), score_windows(image, places, [score])[0]
    passed = np.flatnonzero(scores >= threshold)
    kept = passed[nms(torch.from_numpy(boxes[passed]), torch.from_numpy(scores[passed]).double(), overlap).numpy()]
    return Detections(boxes[kept], scores[kept])


def detect_pictures(
    places: Sequence[Place],
    score: Scorer,
    scan: Scan,
    threshold: float,
    out: Path,
    about: dict[str, Any],
    overlap: float = OVERLAP,
) -> dict[str, Any]:
    """Write `<picture>.jpg` with its boxes, detections.csv, rejects.csv and manifest.json.

    Files are written atomically, the manifest last; an old one is removed first.

    Args:
        places: which pictures, see `naming.gather`.
        score: the detector of crops.
        scan: sizes and stride of the windows.
        threshold: on the scale of the scores, which are taken for logits where a probability is written.
        out: folder.
        about: what the manifest says of the detector and of its threshold.
        overlap: of non-maximum suppression.

    Returns:
        The manifest; `rejects` in it lists what was left out, a line each.

    Raises:
        FacebiasError: no picture can be searched.
    """
    out.mkdir(parents=True, exist_ok=True)
    sweep_stale(out)
    (out / "manifest.json").unlink(missing_ok=True)
    rejects: list[Reject] = []
    tables, lines = [pd.DataFrame(columns=list(COLUMNS))], []
    with bar(total=len(places), desc="detect", unit="picture") as progress:
        for name, place, image in readable(places, rejects, progress):
            if (found := _searched(image, score, scan, threshold, overlap, rejects, name, place)) is None:
                continue
            with atomic_write(out / f"{name}.jpg") as temporary:
                draw(image, found).save(temporary, "JPEG", quality=90)
            tables.append(table_of(spell(place), found))
            size = {"width": image.width, "height": image.height, "windows": len(scan.places(*image.size))}
            lines.append({"source": spell(place), "name": name, **size, "faces": len(found.scores)})
    write_csv(pd.concat([table for table in tables if len(table)] or tables, ignore_index=True), out / "detections.csv")
    write_rejects(out / "rejects.csv", rejects)
    how = {"threshold": threshold, "windows": str(scan), "overlap": overlap, "score": "logit"}
    manifest = {"schema": SCHEMA, **about, **how, "rejected": len(rejects), "code_version": code_version()}
    manifest["pictures"] = lines
    write_json(out / "manifest.json", manifest)
    if not lines:
        raise FacebiasError(
            "REJECTS",
            out / "rejects.csv",
            f"none of {len(places)} pictures can be searched",
            "Mend or replace the pictures listed there",
        )
    return manifest | {"rejects": rejects}


def _searched(
    image: Image.Image,
    score: Scorer,
    scan: Scan,
    threshold: float,
    overlap: float,
    rejects: list[Reject],
    name: str,
    place: Place,
) -> Detections | None:
    """What is found in one picture; None, and a reject, where no window fits into it."""
    try:
        return detect(image, score, scan, threshold, overlap)
    except FacebiasError as error:
        if error.code != "WINDOW":
            raise
        rejects.append(Reject(name, spell(place), error.code, error.what))
        return None


def table_of(image: str, found: Detections) -> pd.DataFrame:
    """The detections of one picture as rows of COLUMNS; `probability` is the logistic function of the score."""
    table = pd.DataFrame(found.boxes, columns=list(COLUMNS[1:5]))
    score = found.scores.astype(float)
    return table.assign(score=score, probability=1 / (1 + np.exp(-score)), image=image)[list(COLUMNS)]


def draw(image: Image.Image, found: Detections) -> Image.Image:
    """A copy with each box as a white line within a black one, its probability in percent above it."""
    shown = image.copy()
    pen, width = ImageDraw.Draw(shown), max(1, min(image.size) // 200)
    for box, score in zip(found.boxes, found.scores, strict=True):
        x0, y0, x1, y1 = (round(float(edge)) for edge in box)
        for inset, colour in enumerate(("black", "white")):
            edge = inset * width
            pen.rectangle(
                (x0 + edge, y0 + edge, max(x1 - 1 - edge, x0 + edge), max(y1 - 1 - edge, y0 + edge)),
                outline=colour,
                width=width,
            )
        text = f"{100 / (1 + np.exp(-float(score))):.1f}"
        pen.text(
            (x0 + 3 * width, y0 + 3 * width),
            text,
            fill="white",
            stroke_width=width,
            stroke_fill="black",
            font_size=max(10, min(image.size) // 28),
        )
    return shown
