"""FairFace (Karkkainen and Joo, WACV 2021) as its authors, Kaggle or the Hugging Face hub lay it out; or any subset.

    train/, val/                  padding 0.25; or the authors' fairface-img-margin025-trainval.zip
    padding125/train/, .../val/   padding 1.25; or fairface-img-margin125-trainval.zip
    fairface_label_train.csv, fairface_label_val.csv    file,age,gender,race,service_test (".gz" is accepted)
or Kaggle's train_labels.csv and val_labels.csv; all these may lie in a folder FairFace/
or, in their place, the parquet files of the Hugging Face hub, 0.25/*.parquet: see `fairface_parquet`.

However a label file spells a picture (train\\1.jpg, 1.jpg, /home/me/train/1.jpg), train/1.jpg is meant.

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
from facebias.core.rejects import Reject
from facebias.core.words import AGE_BINS, GENDERS, TIGHT
from facebias.data.archive import Place, found_in, pictures
from facebias.data.framing import Eyes
from facebias.data.sources import fairface_parquet
from facebias.data.sources.base import ABSENT, UNLISTED, Box, Crop, Sample

RACES = ("East Asian", "Indian", "Black", "White", "Middle Eastern", "Latino_Hispanic", "Southeast Asian")
COLUMNS = ("file", "age", "gender", "race")
SHARES = {0.25: 1.0, 1.25: 1.5 / 3.5}  # padding -> central share that is tight
_FOLDERS = {0.25: ("", "padding025"), 1.25: ("padding125",)}
_TABLES = ("fairface_label_{}.csv", "fairface_label_{}.csv.gz", "{}_labels.csv")
_ZIPS = {0.25: "fairface-img-margin025-trainval.zip", 1.25: "fairface-img-margin125-trainval.zip"}


class FairFace:
    """Faces with age bin, gender and race.

    Args:
        folder: the layout above.
        padding: 0.25 or 1.25, which of the two published croppings to read.
        splits: "train" and "val", or one of them; a split without label file is left out if the other is there.
        crop: another framing than the tight one; then `framing` is "custom".

    Attributes:
        absent: pictures that are listed and not there.

    Raises:
        FacebiasError: while iterating: labels missing or malformed (with line and closest label), one file with
            two different labels, or none of the listed pictures there.
    """

    name = "fairface"
    eyes = Eyes(0.30, 0.33)

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
        self.absent: list[Reject] = []

    def __iter__(self) -> Iterator[Sample]:
        self.counts.clear()
        self.absent.clear()
        if packed := fairface_parquet.files(self.folder, self.padding, self.splits):
            for file in packed:
                yield from fairface_parquet.samples(file, self.crop)
            return
        root = self.folder / "FairFace" if (self.folder / "FairFace").is_dir() else self.folder
        tables = {split: table for split in self.splits if (table := _table(root, split)) is not None}
        if not tables:
            raise FacebiasError(
                "MISSING",
                self.folder,
                f"no fairface_label_{self.splits[0]}.csv and no parquet file of padding {self.padding} is there; "
                f"{found_in(self.folder)}",
                "Put FairFace there as data/README.md says, or run: facebias data fetch fairface",
            )
        places = self._places(root)
        seen: dict[str, tuple[str, ...]] = {}
        for split, table in tables.items():
            yield from self._rows(table, split, places, seen)
        if len(self.absent) == len(seen):
            raise FacebiasError(
                "MISSING",
                self.folder,
                f"none of the {len(seen):,} listed pictures is there; {found_in(root)}",
                f"Put train/ and val/ of padding {self.padding} there",
            )
        if loose := [name for name in places if name not in seen and name.partition("/")[0] in tables]:
            self.counts[UNLISTED] = len(loose)

    def _rows(
        self, table: Path, split: str, places: dict[str, Place], seen: dict[str, tuple[str, ...]]
    ) -> Iterator[Sample]:
        for where, row in read_csv(table, COLUMNS):
            file = _meant(row["file"], split)
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
                self.counts[ABSENT] += 1
                self.absent.append(Reject(file, where, "MISSING", f"no picture {file} of padding {self.padding}"))
                continue
            place = places[file]
            yield Sample(file, 1, file, where, place.path, place.member, self.crop, *labels)

    def _places(self, root: Path) -> dict[str, Place]:
        if (archive := root / _ZIPS[self.padding]).exists():
            return pictures(archive)
        found = {}
        for subfolder in _FOLDERS[self.padding]:
            for split in self.splits:
                if (folder := root / subfolder / split).is_dir():
                    there = pictures(folder)
                    self.counts.update(there.counts)
                    found.update({f"{split}/{name}": place for name, place in there.items()})
        return found


def _table(root: Path, split: str) -> Path | None:
    places = [root / name.format(split) for name in _TABLES]
    return next((place for place in places if place.exists()), None)


def _meant(file: str, split: str) -> str:
    """The picture as the authors spell it: its split and its name."""
    parts = file.strip().replace("\\", "/").split("/")
    return "/".join(parts[-2:]) if len(parts) > 1 and parts[-2] in ("train", "val") else f"{split}/{parts[-1]}"
