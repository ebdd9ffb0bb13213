"""A folder of somebody's own, with a CSV of who is in it; `facebias.core.folder_sets` says what it looks like.

Framing: the square that the CSV gives, else the central square of the picture. Whether it is as tight as the training
faces nobody has checked, so the framing is called "as given", and scoring says that it differs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from facebias.core.errors import FacebiasError
from facebias.core.folder_sets import BOX, FolderSet, content_of, rows
from facebias.core.group_names import one_spelling
from facebias.core.label_files import Row
from facebias.data.archive import pictures
from facebias.data.sources.base import Box, Sample

_KNOWN = ("race", "gender", "age", "skin_tone")  # columns that every set has
_NO_GROUPS = ("file", "person", *BOX)


class UserFolder:
    """Faces with whatever groups the CSV has; columns that other sets do not have are in `Sample.more`.

    Args:
        given: the set, with the hash of what it held when it was named.

    Raises:
        FacebiasError: while iterating: what it holds has changed since, a picture without a row, a box that is none, or
            a fault of its CSV (`facebias.core.folder_sets.rows`).
    """

    framing = "as given"

    def __init__(self, given: FolderSet) -> None:
        self.given = given
        self.name = f"{given.name}-{given.content[:8]}"  # another content is another source
        self.rule = "the square that its CSV gives, else the central square"
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Sample]:
        labels = self.given.labels
        if content_of(labels) != self.given.content:
            raise FacebiasError(
                "HASH", labels.parent, "holds something else than when it was named", "Name it again, without #..."
            )
        found = list(rows(labels))
        self._refuse_unnamed(labels, {picture for _, picture in found})
        spelled = {
            name: one_spelling((row.values[name] for row, _ in found), name)
            for name in found[0][0].values
            if name not in _NO_GROUPS
        }
        for row, picture in found:
            groups = {name: mapped[row.values[name]] for name, mapped in spelled.items()}
            yield self._sample(Row(row.where, {**row.values, **groups}), picture)

    def _sample(self, row: Row, picture: Path) -> Sample:
        values = row.values
        known = {name: values[name] for name in _KNOWN if name in values}
        more = tuple((name, text) for name, text in values.items() if name not in (*_NO_GROUPS, *_KNOWN))
        # without the folder: the same pictures elsewhere are the same data, to the byte
        where = f"{self.given.name}/{row.where.rpartition('/')[2]}"
        identity = values.get("person") or values["file"]
        return Sample(values["file"], 1, identity, where, picture, crop=_crop(row), more=more, change=None, **known)

    def _refuse_unnamed(self, labels: Path, named: set[Path]) -> None:
        loose = [name for name in pictures(labels.parent) if labels.parent / name not in named]
        if loose:
            what = f"{len(loose)} pictures have no row in {labels.name}, the first {loose[0]}"
            raise FacebiasError("LABELS", labels.parent, what, "Add their rows, or move them away")


def _crop(row: Row) -> Box | float:
    if BOX[0] not in row.values:
        return 1.0
    try:
        box = Box(*(float(row.values[name]) for name in BOX))
    except ValueError as error:
        raise FacebiasError("CSV_ROW", row.where, f"no box ({error})", "Mend or remove that row") from error
    if not (0 < box.side < math.inf and math.isfinite(box.left) and math.isfinite(box.top)):
        what = f"a box of left {box.left:g}, top {box.top:g} and side {box.side:g}"
        raise FacebiasError("CSV_ROW", row.where, what, "Mend or remove that row")
    return box
