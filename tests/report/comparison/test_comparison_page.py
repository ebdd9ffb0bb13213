"""The page of a comparison: the same table as in the terminal, in the report's dress."""

from __future__ import annotations

from facebias.report.comparison import terminal
from facebias.report.comparison.page import page
from report_pages import Outline, table_of


def test_the_page_says_first_what_differs_then_how_each_group_does(compared):
    text = page(compared)
    assert (
        text.index("<h2>What differs between them")
        < text.index("<h2>By group")
        < text.index("<h2>What limits the comparison")
    )
    row = compared.table.query("dataset == 'fairface' and grouping == 'race' and group == 'Black'").iloc[0]
    told = next(cells for cells in table_of(text, "FairFace, race") if cells[0] == "Black")
    assert told[1:] == [
        f"{row['n']:,}",
        terminal.level(row, "cnn"),
        terminal.level(row, "dbvae-0.01"),
        terminal.change(row, "dbvae-0.01"),
    ]
    assert told[-1].endswith(terminal.FLAG)


def test_it_asks_for_nothing_and_lets_one_style_and_one_script_run(compared):
    outline = Outline(page(compared))
    policy = next(values["content"] for _, values in outline.tags if "http-equiv" in values)
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy
    assert all(address.startswith("data:") or address[1:] in outline.ids for address in outline.addresses)
