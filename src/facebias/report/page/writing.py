"""The pages put together: the report of an audit, and any other tables in the same dress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facebias.audit.thresholds import rule_text
from facebias.core.arms import arm_name
from facebias.core.files import write_text
from facebias.core.paths import code_version
from facebias.core.words import dataset_name
from facebias.report.page import first_screen as first
from facebias.report.page import outcomes, planned, tables
from facebias.report.page.cells import Section
from facebias.report.page.claims import claims
from facebias.report.page.dots import NARROW, WIDE, dots_of
from facebias.report.page.figures import beside, gather
from facebias.report.page.folder import AuditFolder
from facebias.report.page.headline import HeadlineSubject, subject
from facebias.report.page.html import brought_card, model_card, render
from facebias.report.page.rates import rates_of


def write_report(audited: AuditFolder, out: str | Path, date: str = "") -> Path:
    """Write the report of an audit as one page.

    Args:
        audited: the folder of an audit and that of its runs.
        out: where the page goes.
        date: of the report, as it is to be printed; today's (UTC) unless told.

    Returns:
        The path of the page.

    Raises:
        FacebiasError: the folder holds no finished audit, a run is missing, or the page would be too large.
    """
    date = date or datetime.now(UTC).strftime("%Y-%m-%d")
    about = subject(audited)
    page = render(
        "page.html.j2",
        **_first_screen(audited, about, date),
        verdict=audited.verdict,
        findings=tables.findings(audited, about),
        rates=rates_of(audited, about),
        sections=[section for section in _sections(audited, about) if section.tables],
        figures=gather(audited.files, about),
        card=model_card() if audited.configs else brought_card(audited),
        runs=tables.trainings(audited),
        beside=beside(audited.files),
        versions=(str(audited.verdict["code_version"]), code_version()),
        date=date,
    )
    write_text(Path(out), page)
    return Path(out)


def _first_screen(audited: AuditFolder, about: HeadlineSubject, date: str) -> dict[str, Any]:
    """What the templates call the parts of the first screen."""
    sets = [dataset_name(name) for name in audited.datasets if name != "test"]
    return {
        "title": _title(audited, " and ".join(sets)),
        "about": about,
        "primary": first.primary(audited),
        "tally": first.tally(audited),
        "numbers": first.four_numbers(audited, about),
        "names": [arm_name(arm) for arm in about.arms],
        "dots": [dots_of(audited, about, layout) for layout in (WIDE, NARROW)],
        "provenance": first.provenance(audited, about, date),
        "warnings": first.warnings_of(audited),
        "not_shown": first.not_shown(audited),
        "place": f"{dataset_name(about.dataset)} by {about.grouping}",
        "rule": rule_text(audited.rule),
    }


def _title(audited: AuditFolder, sets: str) -> str:
    if not audited.configs:
        return f"Bias audit of {' and '.join(map(arm_name, audited.arms))}: crops of {sets}"
    return f"Bias audit: trained on {dataset_name(audited.source)}, audited on {sets}"


def _sections(audited: AuditFolder, about: HeadlineSubject) -> list[Section]:
    return [
        Section("Recall of each group", "groups", "Groups", tables.recalls(audited, about)),
        Section("Gaps and worst groups", "gaps", "Gaps", outcomes.gaps(audited, about)),
        Section("The primary comparison", "primary", "Primary", planned.primary(audited)),
        Section("Do the groups differ?", "claims", "Claims", claims(audited)),
        Section("Changes from the baseline", "changes", "Changes", outcomes.changes(audited, about)),
        Section("Which change would have been seen", "power", "Power", planned.power(audited, about)),
        Section("Overall cost", "cost", "Cost", outcomes.cost(audited)),
        Section("Variation over seeds", "seeds", "Seeds", outcomes.seeds(audited, about) if audited.configs else []),
        Section("The threshold moved at p = 0.5", "moved", "p = 0.5", outcomes.moved(audited, about)),
        Section("Who is in the data", "composition", "Data", tables.composition(audited, about)),
    ]


def tables_page(
    title: str, lead: Sequence[str], sections: Sequence[Section], figures: Mapping[str, Path] | None = None
) -> str:
    """Any tables as a page like the report: sorted, searched, opened on demand, on a phone and on paper.

    Args:
        title: of the page.
        lead: paragraphs at its top.
        sections: tables under their headings, made of `Table` and `Cell`.
        figures: by file name, shown as far as there is room.

    Raises:
        FacebiasError: the page would be too large.
    """
    shown = gather(figures or {}, HeadlineSubject("", "", "", "", "", ""))
    return render("tables.html.j2", title=title, lead=lead, sections=sections, figures=shown)
