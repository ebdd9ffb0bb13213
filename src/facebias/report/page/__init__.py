"""An audit as one HTML file that needs nothing else: no network, no folder beside it, no script to be read.

`write_report` reads what `facebias study` or `facebias audit` wrote (tables, figures, verdict) and the runs behind
it; it computes no result anew, so the page cannot disagree with the folder. No torch.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.files import write_text
from facebias.core.paths import code_version
from facebias.core.words import dataset_name
from facebias.report.page import figures as pictures
from facebias.report.page import first_screen as first
from facebias.report.page import outcomes, tables
from facebias.report.page.dots import dots_of
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import subject
from facebias.report.page.html import model_card, render

__all__ = ["AuditFolder", "write_report"]

_CELLS, _MARGINS = ("race x gender", "skin tone x gender"), ("race", "skin tone", "gender", "all faces")


def write_report(audited: AuditFolder, out: str | Path, date: str = "") -> Path:
    """Write the page.

    Args:
        audited: the folder of an audit and that of its runs.
        out: where the page goes.
        date: of the report, as it is to be printed; today's (UTC) unless told.

    Returns:
        The path of the page.

    Raises:
        FacebiasError: the folder holds no finished audit, a run is missing, or the page would be too large.
    """
    out, date = Path(out), date or datetime.now(UTC).strftime("%Y-%m-%d")
    about = subject(audited)
    sets = [dataset_name(name) for name in audited.datasets if name != "test"]
    page = render(
        title=f"Bias audit: trained on {dataset_name(audited.source)}, audited on {' and '.join(sets)}",
        about=about,
        tally=first.tally(audited),
        numbers=first.four_numbers(audited, about),
        names=[arm_name(arm) for arm in about.arms],
        dots=dots_of(audited, about),
        provenance=first.provenance(audited, about, date),
        warnings=first.warnings_of(audited),
        not_shown=first.not_shown(audited),
        verdict=audited.verdict,
        place=f"{dataset_name(about.dataset)} by {about.grouping}, {rule_text(audited.rule)}",
        sections=[
            ("Who is in the data", "composition", tables.composition(audited)),
            ("Recall of each cell", "cells", tables.recalls(audited, _CELLS, about.dataset, about.grouping)),
            ("Margins", "margins", tables.recalls(audited, _MARGINS, about.dataset)),
            ("Gaps and worst groups", "gaps", outcomes.gaps(audited)),
            ("Changes from the baseline", "changes", outcomes.changes(audited)),
            ("Overall cost", "cost", outcomes.cost(audited)),
            ("Variation over seeds", "seeds", outcomes.seeds(audited, about.grouping)),
            ("Moved threshold", "moved", outcomes.moved(audited, about.grouping)),
        ],
        findings=tables.findings(audited),
        figures=pictures.gather(audited.files, saliency=False),
        saliency=pictures.gather(audited.files, saliency=True),
        card=model_card(),
        runs=tables.trainings(audited),
        downloads=pictures.downloads(audited.files),
        versions=(str(audited.verdict["code_version"]), code_version()),
        date=date,
    )
    write_text(out, page)
    return out
