"""Mean pictures of the faces that a detector finds and of those that it misses; never of fewer than 30, never one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from facebias.analyses.whole_pictures.sets import EDGES, PictureSet
from facebias.audit.groups import SMALL, groups_of
from facebias.data.archive import read_bytes
from facebias.data.pixels import read_rgb, square
from facebias.data.sources.base import Box
from facebias.data.user_pictures import spell

SIDE = 64
_ROUND = 1.5  # sides of the face in a side of the picture that is averaged: with chin and hair


def face_crops(faces: PictureSet, side: int, sides: float = 1.0) -> Iterator[np.ndarray]:
    """Each face of a set in turn, cut from its picture: uint8 (side, side, 3) RGB.

    Args:
        faces: with boxes.
        side: of the result, pixels.
        sides: of the face in a side of what is cut.

    Raises:
        FacebiasError: a picture cannot be read.
    """
    for row in faces.faces[["picture", *EDGES]].itertuples():
        place = faces.pictures[row.picture].place
        cut = sides * max(row.x2 - row.x1, row.y2 - row.y1)
        box = Box((row.x1 + row.x2 - cut) / 2, (row.y1 + row.y2 - cut) / 2, cut)
        yield square(read_rgb(read_bytes(place), spell(place)), box, side)


def mean_pictures(
    faces: PictureSet, found: Mapping[str, pd.Series], by: tuple[str, ...]
) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Means over the found and over the missed faces of each group, where both are 30 or more.

    Args:
        faces: with boxes.
        found: of each detector, by `image_id`, whether it finds that face.
        by: grouping.

    Returns:
        A row each: model, group, found, missed (faces), light_found, light_missed (means of all pixels, 0..255). And of
        each row uint8 (2, SIDE, SIDE, 3): the mean of the found and of the missed. Both empty where there is none.
    """
    members = _members(faces.faces, found, by)
    sizes = members.groupby(["model", "group"], sort=False)["found"].agg(found="sum", n="size")
    sizes = sizes.assign(missed=sizes["n"] - sizes["found"]).drop(columns="n")
    sizes = sizes[sizes.min(axis=1) >= SMALL]
    totals = {key: np.zeros((2, SIDE, SIDE, 3)) for key in sizes.index}
    shown = members.set_index(["model", "group"]).loc[sizes.index].reset_index().groupby("row")
    needed = replace(faces, faces=faces.faces.iloc[list(shown.groups)])
    for (_, mine), crop in zip(shown, face_crops(needed, SIDE, _ROUND), strict=True):
        for one in mine.itertuples():
            totals[one.model, one.group][int(not one.found)] += crop
    means = [totals[key] / sizes.loc[key].to_numpy()[:, None, None, None] for key in sizes.index]
    light = pd.DataFrame([mean.mean(axis=(1, 2, 3)) for mean in means], columns=["light_found", "light_missed"])
    return pd.concat([sizes.reset_index(), light], axis=1), [mean.round().astype(np.uint8) for mean in means]


def _members(faces: pd.DataFrame, found: Mapping[str, pd.Series], by: tuple[str, ...]) -> pd.DataFrame:
    """A row a detector and face that it was asked about: model, group, row (of the faces), found."""
    cells = groups_of(faces, by)
    if cells is None or faces[EDGES[0]].isna().any():
        return pd.DataFrame(columns=["model", "group", "row", "found"]).astype({"found": bool})
    known = cells.comparable[cells.codes]
    group = cells.table["label"].to_numpy()[cells.codes]
    parts = [
        pd.DataFrame({"model": model, "group": group, "row": range(len(faces)), "found": faces["image_id"].map(one)})
        for model, one in found.items()
    ]
    asked = pd.concat([part[known] for part in parts], ignore_index=True).dropna()  # unreadable pictures have no answer
    return asked.astype({"found": bool})
