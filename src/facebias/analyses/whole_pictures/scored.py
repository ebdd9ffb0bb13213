"""From detections to the table of predictions that the audit of scores takes as it stands: one row a face.

Scores are less the detector's own threshold, so that 0 is what people get by default. A face-free picture has the score
of its best detection. Half of these pictures, drawn by their content, fix thresholds ("validation"); the other half
tells what false alarms these cost ("test").
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facebias.analyses.whole_pictures.asking import UNREADABLE
from facebias.analyses.whole_pictures.conditions import Condition
from facebias.analyses.whole_pictures.matching import NEVER, RULES, best
from facebias.analyses.whole_pictures.sets import EDGES, PictureSet
from facebias.analyses.whole_pictures.store import Store
from facebias.audit import PREDICTION_COLUMNS
from facebias.core.errors import FacebiasError
from facebias.core.words import HELD_OUT
from facebias.detectors.pictures import PictureDetector


@dataclass(frozen=True)
class Scored:
    """What one detector made of some pictures with faces, and of some without.

    Attributes:
        predictions: a table (`facebias.audit.PREDICTION_COLUMNS`, and groups of the set's own) for each of `RULES`.
        seconds: median time a picture with faces.
        errors: picture and what went wrong, of those on which the detector failed: each is a miss.
        unreadable: pictures that could not be decoded: left out.
    """

    predictions: Mapping[str, pd.DataFrame]
    seconds: float
    errors: tuple[tuple[str, str], ...]
    unreadable: tuple[str, ...]


def scored(
    detector: PictureDetector,
    faces: PictureSet,
    negatives: PictureSet,
    store: Store,
    seed: int = 0,
    change: Condition | None = None,
) -> Scored:
    """Match what was found.

    Args:
        detector: whose answers are in the store.
        faces: pictures with faces.
        negatives: pictures without.
        store: of the answers to both.
        seed: of the draw of the half that fixes thresholds.
        change: that was made to each picture.

    Raises:
        FacebiasError: nothing was found in any picture, or none could be read.
    """
    edges = faces.faces[list(EDGES)].to_numpy(dtype=float)
    here, none = _by_key(faces, edges, change), _by_key(negatives, edges, change)
    values = {rule: np.full(len(edges), np.nan) for rule in RULES}
    free, seconds, errors, unreadable = {}, [], [], []
    for one in store.answers(here.keys() | none.keys()):
        if one.error.startswith(UNREADABLE):
            unreadable.append(one.key)
            continue
        if one.error:
            errors.append((one.key, one.error))
        if one.key in none:
            free[none[one.key][0]] = float(one.found.scores.max(initial=NEVER))  # the same picture twice is one
        for row in here.get(one.key, ()):
            seconds.append(one.seconds)
            face = edges[row]
            if change is not None:
                picture = faces.pictures[faces.faces["picture"].iloc[row]]
                face = change.moved(face, picture.width, picture.height)
            for rule in RULES:
                values[rule][row] = best(one.found, face, (one.width, one.height), rule)
    if not seconds or not free:
        raise FacebiasError("PICTURES", faces.name, "no picture could be read", "Get the pictures again")
    if change is None and max(max(free.values()), *(float(np.nanmax(part)) for part in values.values())) == NEVER:
        raise FacebiasError(
            "DETECTOR", detector.name, "found nothing in any picture", "Try it on one picture; it may want BGR or 0..1"
        )
    tables = {rule: _table(detector, faces, negatives, values[rule], free, seed) for rule in RULES}
    return Scored(tables, float(np.median(seconds)), tuple(errors), tuple(unreadable))


def key_of(sha256: str, box: np.ndarray) -> str:
    """What the answer to a changed picture is kept under: its content, and the box that the change depends on."""
    return f"{sha256} {' '.join(f'{edge:.1f}' for edge in box)}"


def _by_key(found: PictureSet, edges: np.ndarray, change: Condition | None) -> dict[str, list[int]]:
    """Rows of the faces, or of the face-free pictures, behind the answer of each key."""
    rows: dict[str, list[int]] = {}
    for row, picture in enumerate(found.faces["picture"]):
        key = found.pictures[picture].sha256
        if change is not None:
            key = key_of(key, edges[row] if EDGES[0] in found.faces else np.array([change.height]))
        rows.setdefault(key, []).append(row)
    return rows


def _table(
    detector: PictureDetector,
    faces: PictureSet,
    negatives: PictureSet,
    values: np.ndarray,
    free: Mapping[int, float],
    seed: int,
) -> pd.DataFrame:
    theirs = faces.faces.drop(columns=["picture", *EDGES]).assign(label=1, dataset=faces.name, score=values)
    pictures = negatives.faces["picture"]
    none = pd.DataFrame(
        {
            "image_id": negatives.faces["image_id"].iloc[list(free)],
            "label": 0,
            "dataset": [half_of(negatives.pictures[pictures.iloc[row]].sha256, seed) for row in free],
            "score": list(free.values()),
        }
    )
    table = pd.concat([theirs[theirs["score"].notna()], none], ignore_index=True)
    shipped = _least(table["score"]) if detector.shipped is None else detector.shipped
    score = (table["score"] - shipped).where(table["score"] > NEVER, NEVER)
    table = table.assign(run_id=detector.name, model=detector.name, seed=0, score=score)
    own = [name for name in table if name not in PREDICTION_COLUMNS]
    return table[[*PREDICTION_COLUMNS, *own]].fillna(dict.fromkeys(own, ""))


def _least(scores: pd.Series) -> float:
    return float(scores[scores > NEVER].min())


def half_of(key: str, seed: int) -> str:
    """Which half a face-free picture belongs to, by its hash and a seed: of HELD_OUT."""
    return HELD_OUT[hashlib.sha256(f"{seed} {key}".encode()).digest()[0] & 1]


def refuse_mixed(faces: PictureSet, negatives: PictureSet, seed: int) -> None:
    """Refuse face-free pictures that show a face of the set, or too few of them to fix a threshold and to measure it.

    Args:
        faces: pictures with faces.
        negatives: pictures without.
        seed: of the draw of halves.

    Raises:
        FacebiasError: either.
    """
    shown = {picture.sha256: picture.place.path.name for picture in faces.pictures}
    both = [picture for picture in negatives.pictures if picture.sha256 in shown]
    if both:
        what = f"{len(both)} of the face-free pictures show faces, the first as {shown[both[0].sha256]}"
        raise FacebiasError("NEGATIVES", both[0].place.path, what, "Name pictures without faces")
    if len({half_of(picture.sha256, seed) for picture in negatives.pictures}) < len(HELD_OUT):
        what = f"{len(negatives.pictures)} face-free picture(s): one half fixes thresholds, and the other measures them"
        raise FacebiasError("NEGATIVES", negatives.name, what, "Give hundreds, or some thousands for 0.1 %")
