"""Whole pictures audited from what somebody asked to what is read: tables, figures, report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from facebias.analyses.whole_pictures.audited import PictureAudit, audit_detectors
from facebias.analyses.whole_pictures.figures import PictureFigures
from facebias.analyses.whole_pictures.find import Spec
from facebias.analyses.whole_pictures.known_sets import SETS, known_negatives, known_set
from facebias.analyses.whole_pictures.matching import RULES
from facebias.analyses.whole_pictures.own_set import own_set
from facebias.analyses.whole_pictures.sets import PictureSet, face_free
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.kept import keep, known
from facebias.core.manifest import fingerprint
from facebias.core.outputs import OutputFolder
from facebias.plots import FigureFolder
from facebias.report.pictures_page import write_pictures_report


@dataclass(frozen=True)
class PictureQuestion:
    """What is to be audited on what; the same words as the options of ``facebias audit-pictures``.

    Attributes:
        detectors: as `facebias.analyses.whole_pictures.find.Spec.text`.
        pictures: a data set by name, or a folder or zip.
        labels: the CSV of a folder.
        negatives: pictures without faces; those of `Config.data_root` unless told.
        groups: columns to group by, two joined by "+"; all unless told.
        match: rule of matching that sentences are about.
        faces: "central" where the CSV has no boxes.
        names: of the detectors, in order.
        threshold: of functions, as shipped.
        batch: whether functions take a list of pictures.
        conditions: properties of the pictures to change, one at a time.
    """

    detectors: tuple[str, ...]
    pictures: str = "fairface-1.25"
    labels: Path | None = None
    negatives: Path | None = None
    groups: tuple[str, ...] = ()
    match: str = RULES[0]
    faces: str = ""
    names: tuple[str, ...] = ()
    threshold: float | None = None
    batch: bool = False
    conditions: tuple[str, ...] = ()

    def specs(self) -> list[Spec]:
        """The detectors, by name.

        Raises:
            FacebiasError: more names than detectors, or words on functions where none is.
        """
        if len(self.names) > len(self.detectors):
            what = f"{len(self.names)} names for {len(self.detectors)} detectors"
            raise FacebiasError("NAME", self.names[-1], what, "Give --name once for each detector, in order")
        pairs = zip_longest(self.detectors, self.names, fillvalue="")
        found = [Spec(text.strip(), name, self.batch, self.threshold) for text, name in pairs]
        if (self.batch or self.threshold is not None) and all(spec.is_known for spec in found):
            word, what = "--batch" if self.batch else "--threshold", "is for functions and files, and none is named"
            raise FacebiasError("DETECTOR", word, what, "Leave it out: each of these detectors has its own")
        return found

    def sets(self, config: Config) -> tuple[PictureSet, PictureSet]:
        """The pictures with faces, and those without.

        Raises:
            FacebiasError: a fault of either.
        """
        if self.labels is None and self.pictures not in SETS:
            raise FacebiasError(
                "LABELS", self.pictures, "no labels say who is in them", f"Give --labels, or one of {', '.join(SETS)}"
            )
        free = face_free(self.negatives) if self.negatives else known_negatives(config, self.pictures)
        if self.labels is None:
            return known_set(config, self.pictures), free
        return own_set(self.pictures, self.labels, self.faces), free

    def answer(self, config: Config, out: Path) -> PictureAudit:
        """Audit, and write tables, figures and report.html into a folder.

        Raises:
            FacebiasError: a fault of any part.
        """
        audit = audit_detectors(config, self.specs(), *self.sets(config), self.groups, self.match, self.conditions)
        figures = figures_of_pictures(audit, out)
        outputs, key = figures.files.outputs, figures.files.key
        if (found := known(out, "answer", key, headline=list)) is not None:
            outputs.add(*map(outputs.path, found["files"]))
            return replace(audit, told_before=tuple(found["headline"]))
        written = audit.write_tables(outputs)  # a figure that fails leaves them
        drawn = figures.all()
        written.append(audit.write_verdict(outputs))
        page = write_pictures_report(audit, [one.path for one in drawn], out / "report.html")
        outputs.add(page)
        files = [file for one in drawn for file in one.files]
        keep(out, "answer", key, [*files, *written, page], headline=audit.headline)
        return audit


def figures_of_pictures(audit: PictureAudit, folder: Path) -> PictureFigures:
    """The figures of an audit of whole pictures, and the folder that they go to."""
    outputs = OutputFolder(folder, f"{audit.faces.name}: {' and '.join(one.name for one in audit.detectors)}")
    return PictureFigures(audit, FigureFolder(outputs, audit.faces.name == "synthetic", key=_key(audit)))


def _key(audit: PictureAudit) -> str:
    """Fingerprint of what tables and figures are made of; "" with changed pictures: then they are made each time."""
    if audit.changed:
        return ""
    tables = [audit.faces.faces, *(one.predictions[rule] for one in audit.found for rule in RULES)]
    asked = [(one.name, one.shipped, one.card) for one in audit.detectors]
    found = [(one.seconds, one.errors, one.unreadable) for one in audit.found]
    sets = (audit.faces, audit.negatives)
    shown = [(one.name, one.truth, [picture.sha256 for picture in one.pictures]) for one in sets]
    about = repr([asked, found, shown, audit.groupings, audit.match, audit.rates])
    return fingerprint({"about": about, "tables": [table.to_csv() for table in tables]}, 64)
