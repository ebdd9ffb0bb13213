"""Recall by group as one property of the pictures changes, and the paired change of the gap.

Thresholds stay where they were fixed on pictures as they are, which is what people live with ("kept"). As a second view
they move with the condition, fixed on face-free pictures changed alike ("moved").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from facebias.analyses.whole_pictures.asking import Task, ask
from facebias.analyses.whole_pictures.conditions import AS_IS, LEVELS, Condition
from facebias.analyses.whole_pictures.find import Spec
from facebias.analyses.whole_pictures.points import SHIPPED, named, rule_of
from facebias.analyses.whole_pictures.scored import key_of, scored
from facebias.analyses.whole_pictures.sets import EDGES, PictureSet
from facebias.analyses.whole_pictures.store import Store
from facebias.audit import summarise
from facebias.audit.changes import paired_changes
from facebias.audit.decisions import Decisions
from facebias.audit.groups import name_of
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.detectors.pictures import PictureDetector

_CLEAN = "clean"


def condition_scores(
    config: Config,
    spec: Spec,
    detector: PictureDetector,
    faces: PictureSet,
    negatives: PictureSet,
    names: Sequence[str],
    clean: pd.DataFrame,
    match: str,
) -> dict[tuple[str, float], pd.DataFrame]:
    """Predictions of one detector at every level of some conditions.

    Args:
        config: where answers are kept, and how many processes ask.
        spec: loads the detector.
        detector: loaded.
        faces: pictures with faces, each with its box.
        negatives: pictures without.
        names: of `LEVELS`.
        clean: predictions on the same pictures as they are, which stand for levels that change nothing.
        match: rule of matching.

    Returns:
        By condition and level.

    Raises:
        FacebiasError: an unknown condition, or faces without boxes.
    """
    edges = refuse_without_boxes(faces)
    height = float(np.median(edges[:, 3] - edges[:, 1]))
    found = {}
    for name in names:
        for level in LEVELS.get(name, (np.nan,)):
            if level == AS_IS.get(name):
                found[name, level] = clean
                continue
            change = Condition(name, level, height)
            store = Store(config.path("data") / "detections" / f"{detector.name}-{detector.key}" / change.text)
            tasks = [*_face_tasks(faces, edges), *_free_tasks(negatives, height)]
            ask(spec, tasks, store, workers=config.workers, change=change, what=f"{detector.name}, {change.text}")
            found[name, level] = scored(detector, faces, negatives, store, config.data_seed, change).predictions[match]
    return found


def refuse_without_boxes(faces: PictureSet) -> np.ndarray:
    """The boxes (n, 4) of the faces, on which a change of their pictures depends.

    Raises:
        FacebiasError: there are none.
    """
    edges = faces.faces[list(EDGES)].to_numpy(dtype=float)
    if np.isnan(edges).any():
        raise FacebiasError("BOXES", faces.name, "conditions need the box of each face", "Add x1, y1, x2, y2")
    return edges


def _face_tasks(faces: PictureSet, edges: np.ndarray) -> list[Task]:
    rows = zip(faces.faces["picture"], edges, strict=True)
    return [Task(faces.pictures[at], key_of(faces.pictures[at].sha256, box), tuple(box)) for at, box in rows]


def _free_tasks(negatives: PictureSet, height: float) -> list[Task]:
    return [Task(picture, key_of(picture.sha256, np.array([height]))) for picture in negatives.pictures]


def condition_table(
    clean: pd.DataFrame,
    changed: Mapping[tuple[str, float], pd.DataFrame],
    groupings: Sequence[tuple[str, ...]],
    points: Sequence[str | float],
) -> pd.DataFrame:
    """Recall of every group at every level, by both views of the threshold.

    Args:
        clean: predictions of one detector on pictures as they are.
        changed: by condition and level (`condition_scores`).
        groupings: what is grouped by.
        points: operating points (`facebias.analyses.whole_pictures.points.SHIPPED`, or a rate).

    Returns:
        condition, level, view ("kept", "moved"), point, model, dataset, grouping, group, n, small, value, low, high,
        false_alarms (share of face-free pictures, changed alike).
    """
    parts = []
    for (name, level), table in changed.items():
        for point in points:
            for view, fixed in (("kept", clean), ("moved", table)):
                if view == "moved" and point == SHIPPED:
                    continue  # the shipped threshold does not move
                found = summarise(_joined(table, fixed), rule_of(point), (*groupings, ()))
                rate = float(found.loc[found["metric"] == "FPR", "value"].iloc[0])
                rows = found[found["metric"] == "TPR"].assign(
                    condition=name, level=level, view=view, point=named(point), false_alarms=rate
                )
                parts.append(rows)
    names = "condition level view point model dataset grouping group n small value low high false_alarms".split()
    return pd.concat(parts, ignore_index=True)[names]


def _joined(changed: pd.DataFrame, fixed: pd.DataFrame) -> pd.DataFrame:
    """The changed pictures, with the face-free ones that fix thresholds as they are in `fixed`."""
    fixes = (fixed["label"] == 0) & (fixed["dataset"] == "validation")
    rest = ~((changed["label"] == 0) & (changed["dataset"] == "validation"))
    return pd.concat([changed[rest], fixed[fixes]], ignore_index=True)


def gap_changes(
    clean: pd.DataFrame,
    changed: Mapping[tuple[str, float], pd.DataFrame],
    groupings: Sequence[tuple[str, ...]],
    points: Sequence[str | float],
) -> pd.DataFrame:
    """Paired change of the gap, of the worst group and of recall from pictures as they are to every level.

    Returns:
        condition, level, point, model, dataset, grouping, metric ("overall", "worst", "gap"), before, after, change,
        low, high, clear (whether the 95 % interval over images and the threshold excludes 0).
    """
    rows = []
    for (name, level), table in changed.items():
        arm = _joined(table, clean).assign(model="changed", run_id="changed")
        both = pd.concat([clean.assign(model=_CLEAN, run_id=_CLEAN), arm], ignore_index=True)
        for point in points:
            decisions = Decisions(both, rule_of(point))
            for dataset in decisions.datasets:
                for by in groupings:
                    if (hits := decisions.hits((_CLEAN, "changed"), dataset, by)) is None:
                        continue
                    found = paired_changes(hits.rates, hits.errors, hits, ("overall", "worst", "gap"))
                    for metric, (before, after, low, high) in found.items():
                        key = (name, level, named(point), clean["model"].iloc[0], dataset, name_of(by), metric)
                        rows.append((*key, before, after, after - before, low, high, low > 0 or high < 0))
    names = "condition level point model dataset grouping metric before after change low high clear".split()
    return pd.DataFrame(rows, columns=names)
