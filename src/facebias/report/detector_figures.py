"""Figures of an audit of detectors that are not ours: the same ones, with theirs among the curves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from facebias.report.audit_figures import AuditFigures
from facebias.report.findings import Findings
from facebias.training.gather import Audited


@dataclass(frozen=True)
class DetectorFigures(AuditFigures):
    """`AuditFigures` for models brought by others.

    Attributes:
        brought: their names.
    """

    brought: tuple[str, ...] = ()

    @classmethod
    def of(cls, audited: Audited, fpr: float, folder: Path) -> Self:
        """The figures of an audit, groups compared at the false positive rate `fpr`."""
        findings = Findings(audited.predictions, fpr, audited.source, audited.baseline)
        return cls(findings, folder, audited.synthetic, audited.brought)

    @property
    def curves(self) -> list[str]:
        """The arms whose trade-off is drawn."""
        return list(dict.fromkeys([*super().curves, *self.brought]))
