"""An audit as one HTML file that needs nothing else: no network, no folder beside it, no script to be read.

`write_report` reads what `facebias study` or `facebias audit` wrote (tables, figures, verdict) and the runs behind
it; it computes no result anew, so the page cannot disagree with the folder. `tables_page` puts any other tables into
a page of the same dress. No torch.
"""

from __future__ import annotations

from facebias.report.page.cells import Cell, Section, Table
from facebias.report.page.folder import AuditFolder
from facebias.report.page.writing import tables_page, write_report

__all__ = ["AuditFolder", "Cell", "Section", "Table", "tables_page", "write_report"]
