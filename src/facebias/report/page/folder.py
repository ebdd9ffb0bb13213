"""What the report reads: the folder that an audit wrote, and the runs behind it. No torch, nothing computed anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from facebias.audit import read_predictions
from facebias.audit.predictions import validate
from facebias.core.config import Config
from facebias.core.csv import read_csv
from facebias.core.errors import FacebiasError
from facebias.core.outputs import recorded
from facebias.core.records import read_record
from facebias.core.words import dataset_name
from facebias.training.run import Run

TABLES = ("summary", "measures", "changes", "findings", "group_report")
# Pictures in the whole published set, a source each (data/README.md); packing leaves out a few
PUBLISHED = {"celeba": 202_599, "fairface": 97_698, "utkface": 23_700, "ppb": 1_270}
_FLAGS = ("small", "distinguishable", "judged")
_WORDS = (
    "run_id",
    "model",
    "baseline",
    "arm",
    "dataset",
    "rule",
    "grouping",
    "metric",
    "group",
    "race",
    "skin_tone",
    "gender",
    "note",
    "worst",
    "claim",
    "sentence",
    "direction",
    "answer",
    "withheld",
    "agrees",
    "column",
    "level",
    "kind",
    "region",
)


@dataclass(frozen=True)
class AuditFolder:
    """An audit on disk: `Audit.write`'s tables, the figures beside them, and the runs that were audited.

    Attributes:
        folder: tables and figures.
        runs: folder that holds the runs; settings and sizes are read from there.
    """

    folder: Path
    runs: Path

    @cached_property
    def files(self) -> dict[str, Path]:
        """What belongs to the audit, by name; whatever else lies in the folder is not looked at.

        Raises:
            FacebiasError: no record of it, a file that is missing, or one that was changed since.
        """
        return {path.name: path for path in recorded(self.folder)}

    def table(self, name: str) -> pd.DataFrame:
        """A table of the audit, numbers as numbers; empty where there is no such table."""
        path = self.files.get(f"{name}.csv")
        return read_numbers(path) if path else pd.DataFrame()

    @cached_property
    def verdict(self) -> Mapping[str, Any]:
        """verdict.json, which an audit writes last.

        Raises:
            FacebiasError: the folder holds no finished audit.
        """
        missing = [f for f in ("verdict.json", *(f"{name}.csv" for name in TABLES)) if f not in self.files]
        if missing:
            raise FacebiasError(
                "REPORT",
                self.folder,
                f"holds no finished audit: {missing[0]} is missing",
                "Run facebias study with the same options, or facebias audit, first",
            )
        return read_record(self.files["verdict.json"])

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The audit's tables by name (TABLES).

        Raises:
            FacebiasError: the folder holds no finished audit, or one that an older version wrote.
        """
        found = {name: self.table(name) for name in TABLES} if self.verdict else {}
        if missing := {"judged", "p_holm"} - set(found["findings"]):
            raise FacebiasError(
                "REPORT",
                self.folder / "findings.csv",
                f"an older version wrote it, without {' and '.join(sorted(missing))}",
                "Run facebias study with the same options, or facebias audit, again",
            )
        return found

    @property
    def rule(self) -> str:
        """The threshold rule of the comparison."""
        return str(self.verdict["rule"])

    @property
    def source(self) -> str:
        """The training source."""
        return str(self.verdict["source"])

    @property
    def arms(self) -> list[str]:
        """The arms, the baseline first."""
        return list(self.verdict["arms"])

    @property
    def datasets(self) -> list[str]:
        """Sets of faces, the audit sets in order and then "test"."""
        found = [str(name) for name in self.tables["summary"]["dataset"].unique()]
        return sorted(found, key=lambda name: name == "test")

    @property
    def group_columns(self) -> list[str]:
        """The columns that name groups, those of somebody's own data set among them."""
        names = list(self.tables["group_report"])
        return names[names.index("metric") + 1 : names.index("n")]

    @property
    def run_ids(self) -> list[str]:
        """The runs that were audited."""
        return [str(name) for name in self.tables["group_report"]["run_id"].unique()]

    @cached_property
    def configs(self) -> dict[str, Config]:
        """The settings of each run; what was brought by others has none."""
        return {
            name: Run(self.runs / name).config for name in self.run_ids if (self.runs / name / "config.json").exists()
        }

    @cached_property
    def images(self) -> pd.DataFrame:
        """One row a scored image, as one run or brought detector has them: dataset, label, what is known of each.

        Raises:
            FacebiasError: the predictions of none of the runs are there.
        """
        for name in self.configs:
            return validate(Run(self.runs / name).predictions)
        for file in [path for name, path in self.files.items() if name.endswith(".parquet")]:
            return read_predictions(file)
        raise FacebiasError(
            "MISSING",
            self.runs,
            f"holds none of the {len(self.run_ids)} audited runs",
            "Name the folder of the runs with --runs-dir",
        )

    def faces(self, dataset: str) -> pd.DataFrame:
        """Faces of a set."""
        return self.images[(self.images["dataset"] == dataset) & (self.images["label"] == 1)]

    @property
    def held_out_negatives(self) -> int:
        """Non-faces that fixed the thresholds."""
        return int(((self.images["dataset"] == "validation") & (self.images["label"] == 0)).sum())

    @property
    def seeds(self) -> int:
        """Trainings of each arm, the fewest."""
        runs = self.tables["group_report"].drop_duplicates("run_id")
        return int(runs.groupby("model").size().min())

    @property
    def training_faces(self) -> int:
        """Faces of the training split; 0 where the folder has no composition of it."""
        who = self.table("who-training")
        return int(who.groupby("column")["n"].sum().max()) if len(who) else 0

    @property
    def synthetic(self) -> bool:
        """Whether any image behind the audit is rendered."""
        return any(config.synthetic for config in self.configs.values()) or "synthetic" in self.datasets

    @property
    def subsets(self) -> list[str]:
        """In words, each set of which clearly less than the published pictures were used."""
        sizes = {name: len(self.faces(name)) for name in self.datasets if name != "test"}
        if self.training_faces:
            held_out = len(self.faces("validation")) + len(self.faces("test"))
            sizes = {self.source: self.training_faces + held_out, **sizes}
        return [
            f"{dataset_name(name)} {n:,} of {PUBLISHED[name]:,} faces"
            for name, n in sizes.items()
            if name in PUBLISHED and n < 0.95 * PUBLISHED[name]
        ]


def read_numbers(path: Path) -> pd.DataFrame:
    """A CSV of this project with its columns typed: flags, words as they are, all else numbers where they are."""
    table = read_csv(path)
    for name in table:
        if name in _FLAGS:
            table[name] = table[name] == "True"
        elif name not in _WORDS:
            numbers = pd.to_numeric(table[name].replace("", None), errors="coerce")
            if numbers.isna().sum() == (table[name] == "").sum():
                table[name] = numbers.astype(float)
    return table
