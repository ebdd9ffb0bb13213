"""The audit in whole pictures of a finished study: window scores, tables and figures, protocol by protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from facebias.analyses.pictures.plots import protocol_answer, protocol_groups
from facebias.analyses.pictures.scan import SETS, has_pictures, scan_runs, whole_pictures
from facebias.analyses.pictures.tables import CROPS, GIVEN, PICTURES, ProtocolTables
from facebias.core.arms import arm_name, counterpart
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.words import dataset_name
from facebias.detectors.windows import GRIDS, Scan
from facebias.plots import FigureFolder, Shown
from facebias.training.study import finished_study

_GROUPINGS = ("race", "skin tone", "gender")
_METRICS = ("recall", "image FPR")
_VIEWS = "faces moved off centre in square views, which was decided after a trial on these pictures"
_CROSS_FITTED = "threshold on pictures: for each half of them from the other half's background"


@dataclass(frozen=True)
class ProtocolAudit:
    """One audit set, searched by every protocol with every run of a study.

    Attributes:
        name: of the audit set.
        tables: what was found.
        files: where figures and tables go.
        scans: the protocols.
        views: whether squares off centre were searched, not whole pictures (`facebias.analyses.pictures.scan.view`).
    """

    name: str
    tables: ProtocolTables
    files: FigureFolder
    scans: Mapping[str, Scan]
    views: bool

    def answer(self) -> list[Shown]:
        """Recall, false alarms and the gap against the protocol."""
        grouping = self._groupings()[0]
        figure = protocol_answer(self.tables.groups, self.tables.measures, grouping)
        whole = self.tables.groups["grouping"] == "all faces"
        return [self._save(figure, self.tables.groups[whole], f"protocols-{self.name}")]

    def by_group(self) -> list[Shown]:
        """Recall and false alarms of every group: baseline, and the DB-VAE that resamples most."""
        groups, found = self.tables.groups, []
        arms = list(groups["model"].unique())
        shown = tuple(filter(None, (arms[0], counterpart(arms[1:]))))
        for grouping in self._groupings():
            for metric in _METRICS:
                figure = protocol_groups(groups, metric, grouping, shown)
                table = groups[
                    groups["grouping"].isin([grouping, "all faces"])
                    & (groups["metric"] == metric)
                    & groups["model"].isin(shown)
                ]
                slug = f"{metric.replace(' ', '-').lower()}-{grouping.replace(' ', '-')}"
                found.append(self._save(figure, table, f"protocols-{self.name}-{slug}"))
        return found

    def write(self) -> None:
        """Every figure and table."""
        self.answer()
        self.by_group()
        self.tables.write(self.files.outputs, self.name)

    @property
    def text(self) -> str:
        """A line a protocol and arm, for a terminal."""
        lines = [
            f"{dataset_name(self.name)}: recall (false alarm in the background of) at 1) the threshold on crops, "
            "2) one fixed on the other half of the pictures"
        ]
        groups = self.tables.groups
        for model in groups["model"].unique():
            for protocol in groups["protocol"].unique():
                cells = [
                    self._cell(protocol, matched, model)
                    for matched in (CROPS, PICTURES)
                    if protocol != GIVEN or matched == CROPS
                ]
                lines.append(f"  {arm_name(model):<26}{protocol:<11}{'   '.join(cells)}")
        return "\n".join(lines)

    def _cell(self, protocol: str, matched: str, model: str) -> str:
        row = self.tables.row(protocol, matched, model, "recall")
        text = f"{100 * row['value']:5.1f} % [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
        if protocol == GIVEN:
            return text
        return f"{text} ({100 * self.tables.row(protocol, matched, model, 'image FPR')['value']:.1f} %)"

    def _groupings(self) -> list[str]:
        present = set(self.tables.groups["grouping"])
        return [name for name in _GROUPINGS if name in present] or ["all faces"]

    def _save(self, figure: Figure, table: pd.DataFrame, name: str) -> Shown:
        spelled = ", ".join(f"{grid} {scan}" for grid, scan in self.scans.items())
        first = table.iloc[0]
        whole = self.tables.groups["grouping"] == "all faces"
        return self.files.save(
            figure,
            table,
            name,
            f"{dataset_name(first['dataset'])}: n\u00a0=\u00a0{int(self.tables.groups.loc[whole, 'n'].max()):,}",
            f"seeds an arm: {int(table['seeds'].min())}",
            f"windows {spelled}",
            *([_VIEWS] if self.views else []),
            _CROSS_FITTED,
            behind=pd.DataFrame(),
        )


def audit_protocols(
    config: Config, scans: Mapping[str, Scan] | None = None, image_fpr: float = 0.1
) -> list[ProtocolAudit]:
    """Search the whole pictures of every audit set that has them, with every finished run of a study.

    Args:
        config: the study; its arms and seeds must be trained and scored.
        scans: grids by name; those of `windows.GRIDS` unless told.
        image_fpr: share of pictures with a false alarm in the background, at which recalls are compared.

    Raises:
        FacebiasError: no audit set has whole pictures, or a run is missing.
    """
    scans = {name: Scan.parse(name) for name in GRIDS} if scans is None else scans
    names = [name for name in config.audit_names if has_pictures(config, name)]
    if not names:
        raise FacebiasError(
            "PICTURES",
            "audit_sets",
            f"none of {', '.join(config.audit_names)} has whole pictures",
            f"Name one of {', '.join(SETS)}, or a folder of your own",
        )
    study = finished_study(config)
    predictions = study.predictions
    found = []
    for name in names:
        pictures = whole_pictures(config, name)
        scores = scan_runs(study.runs, pictures, scans, config.device)
        tables = ProtocolTables.of(scores, predictions, config.fpr, image_fpr, config.arm_names[0])
        found.append(
            ProtocolAudit(name, tables, FigureFolder(study.outputs, config.synthetic), scans, pictures.seed is not None)
        )
    return found
