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
    detector: PictureDetector, faces: PictureSet, negatives: PictureSet, stores: tuple[Store, Store], seed: int = 0
) -> Scored:
    """Match what was found.

    Args:
        detector: whose answers are in `stores`.
        faces: pictures with faces.
        negatives: pictures without.
        stores: of the answers to each of the two.
        seed: of the draw of the half that fixes thresholds.

    Raises:
        FacebiasError: nothing was found in any picture, or none could be read.
    """
    here = _by_key(faces)
    values = {rule: np.full(len(faces.faces), np.nan) for rule in RULES}
    edges, seconds, errors, unreadable = faces.faces[list(EDGES)].to_numpy(dtype=float), [], [], []
    for one in stores[0].answers(set(here)):
        if one.error.startswith(UNREADABLE):
            unreadable.append(one.key)
            continue
        errors += [(one.key, one.error)] if one.error else []
        seconds.append(one.seconds)
        for row in here[one.key]:
            for rule in RULES:
                values[rule][row] = best(one.found, edges[row], (one.width, one.height), rule)
    free = {
        one.key: float(one.found.scores.max(initial=NEVER))
        for one in stores[1].answers(set(_by_key(negatives)))
        if not one.error.startswith(UNREADABLE)
    }
    if not seconds or not free:
        raise FacebiasError("PICTURES", faces.name, "no picture could be read", "Get the pictures again")
    if max(max(free.values()), *(float(np.nanmax(scores)) for scores in values.values())) == NEVER:
        raise FacebiasError(
            "DETECTOR", detector.name, "found nothing in any picture", "Try it on one picture; it may want BGR or 0..1"
        )
    tables = {rule: _table(detector, faces, negatives, values[rule], free, seed) for rule in RULES}
    return Scored(tables, float(np.median(seconds)), tuple(errors), tuple(unreadable))


def _by_key(found: PictureSet) -> dict[str, list[int]]:
    """Rows of the faces in the picture of each hash."""
    rows: dict[str, list[int]] = {}
    for row, picture in enumerate(found.faces["picture"]):
        rows.setdefault(found.pictures[picture].sha256, []).append(row)
    return rows


def _table(
    detector: PictureDetector,
    faces: PictureSet,
    negatives: PictureSet,
    values: np.ndarray,
    free: Mapping[str, float],
    seed: int,
) -> pd.DataFrame:
    theirs = faces.faces.drop(columns=["picture", *EDGES]).assign(label=1, dataset=faces.name, score=values)
    keys = {key: rows[0] for key, rows in _by_key(negatives).items() if key in free}  # the same picture twice is one
    none = pd.DataFrame(
        {
            "image_id": [negatives.faces["image_id"].iloc[row] for row in keys.values()],
            "label": 0,
            "dataset": [half_of(key, seed) for key in keys],
            "score": [free[key] for key in keys],
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
