"""The audit of whole pictures: every detector asked, matched, compared; its tables and sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from facebias.analyses.whole_pictures.asking import ask, tasks_of
from facebias.analyses.whole_pictures.by_condition import (
    condition_scores,
    condition_table,
    gap_changes,
    refuse_without_boxes,
)
from facebias.analyses.whole_pictures.conditions import Condition
from facebias.analyses.whole_pictures.falling import falls_table
from facebias.analyses.whole_pictures.find import Spec
from facebias.analyses.whole_pictures.matching import RULES
from facebias.analyses.whole_pictures.points import RATES, SHIPPED, gaps_table, named, points_of, points_table, rule_of
from facebias.analyses.whole_pictures.scored import Scored, refuse_mixed, scored
from facebias.analyses.whole_pictures.sets import EDGES, PictureSet
from facebias.analyses.whole_pictures.store import Store
from facebias.analyses.whole_pictures.verdict import agreement, change_sentence, changes_table, findings_table, sentence
from facebias.audit.groups import GROUPINGS, MOST, groups_of, own_groupings
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.numbers import percent
from facebias.core.outputs import OutputFolder
from facebias.core.paths import code_version
from facebias.detectors.pictures import PictureDetector

_TABLES = ("points", "gaps", "findings", "changes", "cards")


@dataclass(frozen=True)
class PictureAudit:
    """Some detectors on the same pictures.

    Attributes:
        detectors: in order; the others are compared with the first.
        found: what each made of the pictures.
        faces: the pictures with faces.
        negatives: those without.
        groupings: what is grouped by.
        match: the rule of matching that the sentences are about.
        rates: shares of face-free pictures with a detection, the headline's first.
        changed: predictions of each detector by condition and level, where conditions were asked for.
        told_before: the headline of the very same audit, where it is known.
    """

    detectors: tuple[PictureDetector, ...]
    found: tuple[Scored, ...]
    faces: PictureSet
    negatives: PictureSet
    groupings: tuple[tuple[str, ...], ...]
    match: str = RULES[0]
    rates: tuple[float, ...] = RATES
    changed: Mapping[str, Mapping[tuple[str, float], pd.DataFrame]] = field(default_factory=dict)
    told_before: tuple[str, ...] = ()

    @cached_property
    def predictions(self) -> dict[str, pd.DataFrame]:
        """Predictions of all detectors by rule of matching, the headline's first."""
        order = sorted(RULES, key=lambda rule: rule != self.match)
        return {rule: pd.concat([one.predictions[rule] for one in self.found], ignore_index=True) for rule in order}

    @property
    def rules(self) -> dict[str, str]:
        """The audit's threshold rule of each point, by its name."""
        return {named(point): rule_of(point) for point in points_of(self.rates)}

    @cached_property
    def points(self) -> pd.DataFrame:
        """Recall by group at every point (`facebias.analyses.whole_pictures.points.points_table`)."""
        seconds = {one.name: found.seconds for one, found in zip(self.detectors, self.found, strict=True)}
        return points_table(self.predictions, self.groupings, seconds, self.rates)

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """Worst group and gap at every point (`facebias.analyses.whole_pictures.points.gaps_table`)."""
        return gaps_table(self.predictions, self.groupings, self.rates)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """What each comparison allows to be said, with its sentence."""
        table = findings_table(self.predictions, self.gaps, self.rules)
        key = ["match", "point", "model", "dataset", "grouping"]
        levels = dict(list(self.points.groupby(key)))
        return table.assign(sentence=[sentence(row, levels[tuple(row[key])]) for _, row in table.iterrows()])

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Paired changes from the first detector to the others."""
        return changes_table(self.predictions, self.groupings, self.detectors[0].name, self.rules)

    @cached_property
    def conditions(self) -> pd.DataFrame:
        """Recall by group at every level (`facebias.analyses.whole_pictures.by_condition.condition_table`)."""
        return self._by_condition(condition_table)

    @cached_property
    def condition_changes(self) -> pd.DataFrame:
        """Paired changes from pictures as they are (`facebias.analyses.whole_pictures.by_condition.gap_changes`)."""
        return self._by_condition(gap_changes)

    @cached_property
    def falls(self) -> pd.DataFrame:
        """Where recall falls under 90 % (`facebias.analyses.whole_pictures.falling.falls_table`)."""
        return self._by_condition(falls_table)

    def _by_condition(self, table: Callable[..., pd.DataFrame]) -> pd.DataFrame:
        whole, points = self.predictions[self.match], [SHIPPED, self.rates[0]]
        return pd.concat(
            [
                table(whole[whole["model"] == name], changed, self.groupings, points)
                for name, changed in self.changed.items()
            ],
            ignore_index=True,
        )

    @cached_property
    def cards(self) -> pd.DataFrame:
        """What each detector is: name, version, weights (SHA-256), licence, input, settings, own threshold."""
        rows = [
            {
                "name": one.name,
                "version": one.card.version,
                "weights": one.card.weights,
                "licence": one.card.licence,
                "input": one.card.input,
                "settings": ", ".join(f"{name} {value}" for name, value in one.card.settings.items()),
                "threshold": "all that it returns" if one.shipped is None else f"{one.shipped:g}",
                "seconds": found.seconds,
                "failed": len(found.errors),
            }
            for one, found in zip(self.detectors, self.found, strict=True)
        ]
        return pd.DataFrame(rows)

    @cached_property
    def cautions(self) -> list[str]:
        """What limits the findings."""
        lines = [
            f"{one.name} failed on {len(found.errors)} picture(s), each counted as a miss, the first: "
            f"{found.errors[0][1]}."
            for one, found in zip(self.detectors, self.found, strict=True)
            if found.errors
        ]
        if left := len({key for found in self.found for key in found.unreadable}):
            lines.append(f"{left} picture(s) could not be read and are left out.")
        whole = self.points[(self.points["match"] == self.match) & (self.points["grouping"] == "all faces")]
        for row in whole[~whole["reached"]].itertuples():
            lines.append(
                f"{row.model} cannot be set to {row.point}: its scores tie, or face-free pictures are too few. It is "
                f"judged at {percent(row.false_alarms, 2)} %."
            )
        # without boxes both rules are one
        boxes = self.faces.faces[EDGES[0]].notna().any()
        return [*lines, agreement(self.findings)] if boxes else lines

    @property
    def headline(self) -> list[str]:
        """A sentence a detector and point: the first grouping, as shipped and at the first rate."""
        if self.told_before:
            return list(self.told_before)
        points = [named(SHIPPED), named(self.rates[0])]
        mine = self.findings[(self.findings["match"] == self.match) & self.findings["point"].isin(points)]
        return list(mine[mine["grouping"] == mine["grouping"].iloc[0]]["sentence"])

    @property
    def text(self) -> str:
        """The verdict for a terminal."""
        first = self.findings["grouping"].iloc[0]
        mine = self.changes[(self.changes["match"] == self.match) & (self.changes["grouping"] == first)]
        mine = mine[(mine["metric"] == "gap") & (mine["point"] == named(self.rates[0]))]
        return "\n".join([*self.headline, *(change_sentence(row) for _, row in mine.iterrows()), *self.cautions])

    @property
    def told(self) -> dict[str, Any]:
        """The verdict for a program."""
        return {
            "headline": self.headline,
            "cautions": self.cautions,
            "detectors": [one.name for one in self.detectors],
            "pictures": self.faces.name,
            "faces": len(self.faces.faces),
            "face_free": len(self.negatives.pictures),
            "truth": self.faces.truth,
            "match": self.match,
            "code_version": code_version(),
        }

    def write_verdict(self, outputs: OutputFolder) -> Path:
        """Write verdict.json, which comes last."""
        return outputs.json(self.told, "verdict.json")

    def write_tables(self, outputs: OutputFolder) -> list[Path]:
        """Write all tables and each detector's predictions; their paths."""
        written, errors, mine = [], [], self.predictions[self.match]
        for one, found in zip(self.detectors, self.found, strict=True):
            written.append(outputs.parquet(mine[mine["model"] == one.name], f"predictions-{one.name}.parquet"))
            errors += [(one.name, *pair) for pair in found.errors]
        table = pd.DataFrame(errors, columns=["detector", "sha256", "error"], dtype=object)
        written.append(outputs.csv(table, "errors.csv"))
        more = ("conditions", "condition_changes", "falls") if self.changed else ()
        written += [outputs.csv(getattr(self, name), f"{name}.csv") for name in (*_TABLES, *more)]
        return written


def audit_detectors(
    config: Config,
    specs: Sequence[Spec],
    faces: PictureSet,
    negatives: PictureSet,
    groups: Sequence[str] = (),
    match: str = RULES[0],
    conditions: Sequence[str] = (),
) -> PictureAudit:
    """Ask every detector, where its answers are not kept yet, and compare groups.

    Args:
        config: where answers are kept (`data_dir`), how many processes ask (`workers`), and the seed of halves.
        specs: the detectors.
        faces: pictures with faces.
        negatives: pictures without.
        groups: columns to group by, or two joined by "+"; all that the set has unless told.
        match: rule of matching that the sentences are about; tables have both.
        conditions: properties of the pictures to change, of `facebias.analyses.whole_pictures.conditions.LEVELS`.

    Raises:
        FacebiasError: no detector, two of one name, one that is not there, a column that the set lacks, conditions and
            no boxes, face-free pictures that are none or too few, or a fault of a detector.
    """
    groupings = groupings_of(faces.faces, groups)
    if match not in RULES:
        raise FacebiasError("MATCH", match, "no such rule", f"Use {' or '.join(RULES)}")
    detectors = _loaded(specs)  # all before any is asked: a wrong word in the last does not cost the time of the first
    for name in conditions:
        Condition(name, 0, 0)  # refuses a name that is none
        refuse_without_boxes(faces)
    refuse_mixed(faces, negatives, config.data_seed)
    found, changed = [], {}
    for spec, one in zip(specs, detectors, strict=True):
        store = Store(config.path("data") / "detections" / f"{one.name}-{one.key}" / "clean")
        pictures = [*faces.pictures, *negatives.pictures]
        ask(spec, tasks_of(pictures), store, workers=config.workers, what=one.name)
        found.append(scored(one, faces, negatives, store, config.data_seed))
        if conditions:
            clean = found[-1].predictions[match]
            changed[one.name] = condition_scores(config, spec, one, faces, negatives, conditions, clean, match)
    return PictureAudit(detectors, tuple(found), faces, negatives, groupings, match, changed=changed)


def _loaded(specs: Sequence[Spec]) -> tuple[PictureDetector, ...]:
    if not specs:
        raise FacebiasError("DETECTOR", "--detectors", "no detector is named", "Name some, as facebias detectors does")
    detectors = tuple(spec() for spec in specs)
    names = [one.name for one in detectors]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise FacebiasError("NAME", twice, "two detectors of this name", "Tell them apart with --name")
    return detectors


def groupings_of(faces: pd.DataFrame, groups: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """What is grouped by: the columns named, two joined by "+"; else all of the set, and its own with few levels.

    Raises:
        FacebiasError: a column that the set lacks, or of one level or too many.
    """
    usual = [by for by in GROUPINGS if by and groups_of(faces, by) is not None]
    own = own_groupings(faces.drop(columns=["picture", "x1", "y1", "x2", "y2"]))[0]
    if not groups:
        found = [*((name,) for name in own), *usual]
        if not found:
            raise FacebiasError("GROUPING", "labels", "no column tells groups apart", f"Add one of 2 to {MOST} levels")
        return tuple(found)
    wanted = [tuple(text.split("+")) for text in groups]
    for name in dict.fromkeys(name for by in wanted for name in by):
        levels = faces[name].nunique() if name in faces else 0
        if not 2 <= levels <= MOST:
            what = f"{levels} levels" if name in faces else "no such column"
            raise FacebiasError(
                "GROUPING", name, what, f"Name columns of 2 to {MOST} levels, of {', '.join([*own, *_grouped(usual)])}"
            )
    return tuple(wanted)


def _grouped(groupings: Sequence[tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys(name for by in groupings for name in by))
