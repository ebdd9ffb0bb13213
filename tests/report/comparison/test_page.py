"""A comparison as HTML: the numbers of the one table, nothing that runs, nothing that is fetched."""

from __future__ import annotations

import re
from html import unescape

from facebias.report.comparison import compare_runs
from facebias.report.comparison.page import page, rows_by_group


def cells(html):
    return [unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", html)]


def test_terminal_notebook_and_page_say_the_same_numbers(compared):
    black = compared.table.query("grouping == 'race' and group == 'Black'").iloc[0]
    shown = cells(compared._repr_html_())
    level, change = f"{100 * black['dbvae-0.01']:.1f} [", f"+{100 * black['dbvae-0.01 change']:.1f} ["
    for text in (compared.text, "\n".join(shown), page(compared)):
        assert change in text and (level in text or text is compared.text)
    rows = [row for part in rows_by_group(compared) for row in part["rows"]]
    assert len(rows) == len(compared.table) == len(compared.levels)
    flagged = sum(told for row in rows for _, told in row["changes"])
    told = compared._repr_html_().count('class="flagged"'), sum(cell.endswith("] *") for cell in cells(page(compared)))
    assert told == (flagged, flagged) and flagged == compared.changes["flagged"].sum() > 0


def test_the_page_is_whole_small_and_asks_for_nothing(compared):
    html = page(compared)
    assert html.lower().startswith("<!doctype html>") and html.rstrip().endswith("</html>") and len(html) < 200_000
    assert not re.search(r"<script[^>]* src|https?:|url\(|@import|unsafe-inline", html)
    assert "default-src 'none'" in unescape(html) and len(re.findall(r"<h1\b", html)) == 1


def test_names_that_a_data_set_brings_are_escaped(shelf):
    def hostile(table):
        return table.assign(race=table["race"].replace({"White": "<img src=x onerror=alert(1)>", "Black": "</table>"}))

    runs = [*shelf.add("cnn", 0, 1, change=hostile), *shelf.add("dbvae-0.01", 0, 1, change=hostile)]
    found = compare_runs(runs)
    for html in (page(found), found._repr_html_()):
        assert "<img" not in html and html.count("</table>") == len(re.findall(r"<table\b", html))
        assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_groups_of_somebodys_own_are_compared_too(shelf):
    def own(table):
        return table.assign(hat=table["image_id"].str[-1].map(lambda digit: "yes" if digit < "5" else "no"))

    found = compare_runs([*shelf.add("cnn", 0, 1, change=own), *shelf.add("dbvae-0.01", 0, 1, lift=4.0, change=own)])
    rows = found.table.query("grouping == 'hat' and metric == 'TPR' and dataset == 'fairface'")
    assert rows["group"].tolist() == ["no", "yes"] and rows["n"].sum() == 240
    assert "FairFace, hat" in found.text and "FairFace, hat" in page(found)
