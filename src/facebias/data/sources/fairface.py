"""FairFace (Karkkainen and Joo, WACV 2021) as its authors publish it, whole or any subset.

    train/, val/                  padding 0.25; or the authors' fairface-img-margin025-trainval.zip
    padding125/train/, .../val/   padding 1.25; or fairface-img-margin125-trainval.zip
    fairface_label_train.csv, fairface_label_val.csv    file,age,gender,race,service_test (".gz" is accepted)
or, in their place, the parquet files of the Hugging Face hub, 0.25/*.parquet: see `fairface_parquet`.

Framing: padding 0.25 is the tight convention as it is. A padding 1.25 chip is (1 + 2 * 1.25) / (1 + 2 * 0.25)
= 3.5 / 1.5 times as wide, so its central 1.5 / 3.5 is the same square. The set names no persons; each picture
is its own identity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from facebias.core.errors import FacebiasError
from facebias.core.label_files import label, read_csv
from facebias.core.words import AGE_BINS, GENDERS, TIGHT
from facebias.data.archive import Place, pictures
from facebias.data.sources import fairface_parquet
from facebias.data.sources.base import Box, Crop, Sample

RACES = ("East Asian", "Indian", "Black", "White", "Middle Eastern", "Latino_Hispanic", "Southeast Asian")
COLUMNS = ("file", "age", "gender", "race", "service_test")
SHARES = {0.25: 1.0, 1.25: 1.5 / 3.5}  # padding -> central share that is tight
_FOLDERS = {0.25: ("", "padding025"), 1.25: ("padding125",)}
_ZIPS = {0.25: "fairface-img-margin025-trainval.zip", 1.25: "fairface-img-margin125-trainval.zip"}


class FairFace:
    """Faces with age bin, gender and race.

    Args:
        folder: the layout above.
        padding: 0.25 or 1.25, which of the two published croppings to read.
        splits: "train" and "val", or one of them; a split without label file is left out if the other is there.
        crop: another framing than the tight one; then `framing` is "custom".

    Raises:
        FacebiasError: while iterating: labels missing or malformed (with line and closest label), one file with
            two different labels, or none of the listed pictures there. Listed pictures that are absent are
            counted.
    """

    name = "fairface"

    def __init__(
        self,
        folder: str | Path,
        padding: float = 0.25,
        splits: tuple[str, ...] = ("train", "val"),
        crop: Box | float | Crop | None = None,
    ) -> None:
        if padding not in SHARES:
            raise FacebiasError("CONFIG", "padding", f"{padding} was not published", "Use 0.25 or 1.25")
        self.folder, self.padding, self.splits = Path(folder), padding, splits
        self.crop = SHARES[padding] if crop is None else crop
        self.framing = TIGHT if crop is None else "custom"
        self.rule = f"padding {padding}, central share {self.crop:.4g}" if crop is None else repr(crop)
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Sample]:
        self.counts.clear()
        if packed := fairface_parquet.files(self.folder, self.padding, self.splits):
            for file in packed:
                yield from fairface_parquet.samples(file, self.crop)
            return
        tables = [table for split in self.splits if (table := self._table(split)) is not None]
        if not tables:
            raise FacebiasError(
                "MISSING",
                self.folder,
                f"no fairface_label_{self.splits[0]}.csv is there",
                "Put FairFace there as data/README.md says, or run: facebias data fetch fairface",
            )
        places = self._places()
        seen: dict[str, tuple[str, ...]] = {}
        for table in tables:
            yield from self._rows(table, places, seen)
        missing = self.counts["missing pictures"]
        if missing == len(seen):
            raise FacebiasError(
                "MISSING",
                self.folder,
                f"none of the {missing:,} listed pictures is there",
                f"Put train/ and val/ of padding {self.padding} there",
            )

    def _rows(self, table: Path, places: dict[str, Place], seen: dict[str, tuple[str, ...]]) -> Iterator[Sample]:
        for where, row in read_csv(table, COLUMNS):
            file = row["file"]
            labels = (
                label(row["race"], RACES, where),
                label(row["gender"], GENDERS, where),
                label(row["age"], AGE_BINS, where),
            )
            if file in seen:
                if seen[file] != labels:
                    raise FacebiasError(
                        "CONFLICT", where, f"{file} has labels {labels}, before {seen[file]}", "Remove the wrong line"
                    )
                self.counts["duplicate rows"] += 1
                continue
            seen[file] = labels
            if file not in places:
                self.counts["missing pictures"] += 1
                continue
            place = places[file]
            yield Sample(file, 1, file, where, place.path, place.member, self.crop, *labels)

    def _table(self, split: str) -> Path | None:
        names = (f"fairface_label_{split}.csv", f"fairface_label_{split}.csv.gz")
        return next((self.folder / name for name in names if (self.folder / name).exists()), None)

    def _places(self) -> dict[str, Place]:
        if (archive := self.folder / _ZIPS[self.padding]).exists():
            return pictures(archive)
        found = {}
        for subfolder in _FOLDERS[self.padding]:
            for split in self.splits:
                if (root := self.folder / subfolder / split).is_dir():
                    found.update({f"{split}/{name}": place for name, place in pictures(root).items()})
        return found
