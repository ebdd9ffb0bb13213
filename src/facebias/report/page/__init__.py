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
from facebias.report.page import first_screen as first
from facebias.report.page import outcomes, tables
from facebias.report.page.dots import NARROW, WIDE, dots_of
from facebias.report.page.figures import beside, gather
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import subject
from facebias.report.page.html import model_card, render
from facebias.report.page.rates import rates_of

__all__ = ["AuditFolder", "write_report"]


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
    sections = [
        ("Recall of each group", "groups", "Groups", tables.recalls(audited, about)),
        ("Gaps and worst groups", "gaps", "Gaps", outcomes.gaps(audited, about)),
        ("Changes from the baseline", "changes", "Changes", outcomes.changes(audited, about)),
        ("Overall cost", "cost", "Cost", outcomes.cost(audited)),
        ("Variation over seeds", "seeds", "Seeds", outcomes.seeds(audited, about)),
        ("The threshold moved at p = 0.5", "moved", "p = 0.5", outcomes.moved(audited, about)),
        ("Who is in the data", "composition", "Data", tables.composition(audited, about)),
    ]
    page = render(
        title=f"Bias audit: trained on {dataset_name(audited.source)}, audited on {' and '.join(sets)}",
        about=about,
        tally=first.tally(audited),
        numbers=first.four_numbers(audited, about),
        names=[arm_name(arm) for arm in about.arms],
        dots=[dots_of(audited, about, layout) for layout in (WIDE, NARROW)],
        rates=rates_of(audited, about),
        provenance=first.provenance(audited, about, date),
        warnings=first.warnings_of(audited),
        not_shown=first.not_shown(audited),
        verdict=audited.verdict,
        place=f"{dataset_name(about.dataset)} by {about.grouping}, {rule_text(audited.rule)}",
        rule=rule_text(audited.rule),
        findings=tables.findings(audited, about),
        sections=[section for section in sections if section[-1]],
        figures=gather(audited.files, about),
        card=model_card(),
        runs=tables.trainings(audited),
        beside=beside(audited.files),
        versions=(str(audited.verdict["code_version"]), code_version()),
        date=date,
    )
    write_text(out, page)
    return out
