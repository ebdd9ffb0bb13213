"""Pictures of somebody's own: a folder, and a CSV that says who is in them and, where it does, where the faces are.

``file`` is the picture's name from the folder. ``x1``, ``y1``, ``x2``, ``y2`` are the face's box in pixels of the
upright picture (or ``left``, ``top``, ``side`` a square); a picture with several faces has a row each. All other
columns are groups, as text; "" is unknown. Without boxes a rule must say where faces are: `CENTRAL`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from facebias.analyses.whole_pictures.sets import EDGES, PictureSet, read_pictures, refuse_outside
from facebias.core.errors import FacebiasError
from facebias.core.folder_sets import BOX, check_columns
from facebias.core.label_files import read_csv
from facebias.data.archive import pictures

CENTRAL = "central"  # any detection whose centre is in the central half and that is a tenth of the side or larger
_KNOWN = ("race", "gender", "age", "skin_tone")  # columns that every set has


def own_set(folder: str | Path, labels: str | Path, rule: str = "", name: str = "") -> PictureSet:
    """A folder or zip of pictures with its CSV.

    Args:
        folder: of the pictures.
        labels: the CSV.
        rule: CENTRAL where the CSV has no boxes.
        name: of the data set; the folder's unless told.

    Raises:
        FacebiasError: no such file, a column that means something else, boxes in part or outside of their picture, no
            boxes and no rule, names that are no pictures, a picture without a row, or one face twice.
    """
    folder, labels = Path(folder), Path(labels)
    table = _read(labels)
    places = pictures(folder)
    _refuse_other(table["file"], set(places), folder, labels)
    names = list(dict.fromkeys(table["file"]))
    found = read_pictures([places[one] for one in names], "pictures")
    order = {one: row for row, one in enumerate(names)}
    twice = table.groupby("file").cumcount()
    faces = table.drop(columns=["file", "_line"]).assign(
        image_id=table["file"].where(twice == 0, table["file"] + "#" + twice.astype(str)),
        picture=table["file"].map(order),
        ita=np.nan,
        **{column: "" for column in _KNOWN if column not in table},
    )
    where = [f"{labels}:{line}" for line in table["_line"]]
    truth = _place(faces, where, rule, labels)
    if truth != CENTRAL:
        refuse_outside(faces, found, where)
    _refuse_twice(faces, names, where)
    faces = faces.drop(columns=[column for column in BOX if column in faces])
    return PictureSet(name or folder.resolve().stem.lower(), found, faces, _words(truth))


def _words(truth: str) -> str:
    if truth == CENTRAL:
        return "not given: any detection with its centre in the central half, a tenth of the side or larger"
    return "boxes of the CSV"


def _read(labels: Path) -> pd.DataFrame:
    rows: list[dict[str, str]] = []
    lines: list[str] = []
    for row in read_csv(labels, ("file",)):
        if not rows:
            check_columns(list(row.values), labels)
        rows.append(row.values)
        lines.append(row.where.rpartition(":")[2])
    if not rows:
        raise FacebiasError("EMPTY", labels, "no rows", "Write one row a face")
    return pd.DataFrame(rows, dtype=object).assign(_line=lines)


def _refuse_other(names: pd.Series, there: set[str], folder: Path, labels: Path) -> None:
    if absent := [name for name in dict.fromkeys(names) if name not in there]:
        like = f"; its pictures are called like {min(there)!r}" if there else ""
        raise FacebiasError(
            "LABELS",
            labels,
            f"{len(absent)} of {names.nunique()} names are no picture of {folder}, the first {absent[0]!r}{like}",
            "Write the names from the folder on, with their suffix",
        )
    if loose := sorted(there - set(names)):
        what = f"{len(loose)} picture(s) have no row in {labels.name}, the first {loose[0]!r}"
        raise FacebiasError("LABELS", folder, what, "Add their rows, or move them away")


def _refuse_twice(faces: pd.DataFrame, names: Sequence[str], where: Sequence[str]) -> None:
    twice = faces.duplicated(["picture", *EDGES]).to_numpy()
    if twice.any():
        row = int(np.argmax(twice))
        name = names[faces["picture"].iloc[row]]
        raise FacebiasError("CONFLICT", where[row], f"the face of {name} is there twice", "Remove one of the rows")


def _place(faces: pd.DataFrame, where: Sequence[str], rule: str, labels: Path) -> str:
    """Fill in EDGES; what says where faces are: "boxes" or CENTRAL."""
    named = [column for column in EDGES if column in faces]
    if 0 < len(named) < len(EDGES):
        raise FacebiasError("CSV_COLUMN", f"{labels}:1", f"of {', '.join(EDGES)} only {', '.join(named)}", "Give all")
    if not named and BOX[0] not in faces:
        if rule != CENTRAL:
            raise FacebiasError(
                "BOXES",
                labels,
                "no column says where the faces are, and no rule does",
                f"Add x1, y1, x2, y2, or say --faces {CENTRAL} if each picture shows one face in its middle",
            )
        faces[list(EDGES)] = np.nan
        return CENTRAL
    columns = EDGES if named else BOX
    values = faces[list(columns)].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    if (bad := ~np.isfinite(values).all(axis=1)).any():
        row = int(np.argmax(bad))
        found = ", ".join(map(repr, faces[list(columns)].iloc[row]))
        raise FacebiasError("CSV_ROW", where[row], f"no box ({found})", "Mend or remove that row")
    faces[list(EDGES)] = values if named else np.column_stack([values[:, :2], values[:, :2] + values[:, 2:]])
    return "boxes"
