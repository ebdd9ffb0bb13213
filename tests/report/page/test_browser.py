"""The report in a browser: three widths, light, dark and paper, by mouse and by keyboard, and nothing asked for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from chromium import CHROMIUM, Browser
from facebias.core.numbers import NONE
from facebias.report.page import Cell, Section, Table, tables_page
from report_pages import HOSTILE

WIDTHS = (1280, 768, 390)
_LONG = "FairFace: recall by race x gender"
_ROWS = f"[...document.querySelectorAll('#groups details')].find(one => one.textContent.includes('{_LONG}'))"
_BOX = "(box => [box.left, box.top, box.right, box.bottom])(document.getElementById({!r}).getBoundingClientRect())"


@pytest.fixture(scope="module")
def page(report_page, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("browser") / "report.html"
    path.write_text(report_page)
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium on the PATH")
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def test_the_first_screen_holds_its_five_parts_at_1280_by_800_without_scrolling(browser, page):
    browser.open(page)
    for name in ("sentence", "numbers", "dots", "source", "not-shown"):
        left, top, right, bottom = browser.run(_BOX.format(name))
        assert left >= 0 and top >= 0 and right <= 1280 and bottom <= 800, (name, bottom)
        assert bottom - top > 10, name


@pytest.mark.parametrize("width", WIDTHS)
def test_no_part_of_the_page_is_wider_than_the_window(browser, page, width):
    browser.open(page, width)
    assert browser.run("innerWidth") == width
    assert browser.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_no_text_of_a_drawing_is_smaller_than_nine_pixels(browser, page, width):
    browser.open(page, width)
    sizes = browser.run(
        "[...document.querySelectorAll('svg text')].filter(one => one.getClientRects().length).map(one => "
        "parseFloat(getComputedStyle(one).fontSize) * one.ownerSVGElement.getScreenCTM().a)"
    )
    assert len(sizes) > 10 and min(sizes) >= 9


@pytest.mark.parametrize("width", WIDTHS)
def test_no_heading_is_behind_the_navigation_when_a_link_leads_to_it(browser, page, width):
    browser.open(page, width)
    links = browser.run("[...document.querySelectorAll('nav a')].map(one => one.hash.slice(1))")
    assert len(links) > 8
    for name in links[1:]:
        browser.run(f"document.querySelector(`nav a[href='#{name}']`).click()")
        below = browser.run("document.querySelector('nav').getBoundingClientRect().bottom")
        heading = browser.run(f"document.querySelector('#{name} h2').getBoundingClientRect().top")
        assert below <= heading < 800, name


def test_no_request_leaves_the_page_and_no_name_is_run(browser, page):
    browser.open(page)
    browser.run("filter.value = 'script'; search()")
    assert browser.requests == [] and browser.run("refused") == []
    assert browser.run("alerted") is False


@pytest.mark.parametrize(("width", "scheme"), list(product(WIDTHS, ("light", "dark"))))
def test_axe_finds_no_serious_or_critical_violation(browser, page, width, scheme):
    spec = importlib.util.find_spec("axe_core_python")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs axe-core-python")
    browser.open(page, width, scheme=scheme)
    browser.run((Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text())
    browser.run("tables.forEach(table => { table.details.open = true; })")
    found = browser.run("axe.run().then(one => one.violations.map(v => [v.impact, v.id, v.nodes[0].html]))")
    assert not [one for one in found if one[0] in ("serious", "critical")]


def test_in_the_dark_the_page_is_dark_and_its_text_is_light(browser, page):
    told = "getComputedStyle(document.body).{}.match(/\\d+/g).reduce((sum, one) => sum + Number(one), 0)"
    browser.open(page, scheme="dark")
    assert browser.run(told.format("backgroundColor")) < 200 and browser.run(told.format("color")) > 600
    browser.open(page, scheme="light")
    assert browser.run(told.format("backgroundColor")) > 700 and browser.run(told.format("color")) < 200


def test_on_paper_it_is_ten_sheets_at_most_with_what_is_unfolded_alone(browser, page):
    browser.open(page, scheme="dark")
    pdf, sheets = browser.paper()
    assert pdf.startswith(b"%PDF") and 2 <= sheets <= 10
    browser.call("Emulation.setEmulatedMedia", media="print")
    hidden = "getComputedStyle(document.querySelector({!r})).display == 'none'"
    for name in ("nav", "#slider", "#card", ".rest button", "details:not([open])"):
        assert browser.run(hidden.format(name)), name
    for name in ("#sentence", "#dots", "#groups details[open] table", "figure:not(.screen) img"):
        assert not browser.run(hidden.format(name)), name
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.call("Emulation.setEmulatedMedia", media="")


# --- tables ----------------------------------------------------------------------------------------------------
def test_tables_are_sorted_by_number_both_ways_and_totals_stay_last(browser, page):
    browser.open(page)
    column = "document.querySelectorAll('#gaps thead')[0].rows[0].cells[5]"
    values = "[...document.querySelector('#gaps tbody').rows].map(row => row.cells[5].textContent)"
    for order, backwards in (("ascending", False), ("descending", True)):
        browser.run(f"{column}.querySelector('button').click()")
        assert browser.run(f"{column}.getAttribute('aria-sort')") == order
        found = browser.run(values)
        defined = [float(value) for value in found if value != NONE]
        assert len(set(defined)) > 1 and defined == sorted(defined, reverse=backwards)
        assert found[len(defined) :] == [NONE] * (len(found) - len(defined))
    counts = "document.querySelector('#composition table:has(tfoot)')"
    browser.run(f"{counts}.querySelector('th button').click()")
    assert browser.run(f"[...{counts}.rows].at(-1).cells[0].textContent") == "all"


def test_a_long_table_shows_its_first_rows_and_all_of_them_by_the_keyboard(browser, page):
    browser.open(page)
    browser.run(f"{_ROWS}.open = true; {_ROWS}.querySelector('.rest button').focus()")
    count = f"{_ROWS}.querySelectorAll('tbody tr').length"
    assert browser.run(count) == 12 and browser.run("document.activeElement.textContent") == "Show all 18 rows"
    browser.press("Enter")
    assert browser.run(count) == 18
    browser.press("Enter")
    assert browser.run(count) == 12


def test_a_carried_row_is_sorted_with_the_others(browser, page):
    browser.open(page)
    browser.run(f"{_ROWS}.querySelectorAll('thead button')[1].click()")
    detectors = browser.run(f"[...{_ROWS}.querySelectorAll('tbody tr')].map(row => row.cells[1].textContent)")
    assert detectors == ["CNN"] * 6 + ["DB-VAE alpha 0.01"] * 6
    browser.run(f"{_ROWS}.querySelectorAll('thead button')[1].click()")
    first = f"{_ROWS}.querySelector('tbody tr')"
    assert browser.run(f"{first}.cells[1].textContent") == "VAE, uniform sampling"  # of the rows that were carried
    assert browser.run(f"[{first}.cells[0].tagName, {first}.cells[0].scope, {first}.cells[4].className]") == [
        "TH",
        "row",
        "n",
    ]


def test_the_search_finds_rows_of_folded_and_carried_tables_and_leads_there(browser, page):
    browser.open(page)
    unfolded = "[...document.querySelectorAll('details')].filter(one => one.open && one.checkVisibility()).length"
    before = browser.run(unfolded)
    browser.run("document.getElementById('filter').focus()")
    browser.write("dbvae race female")
    rows = browser.run(
        "[...document.querySelectorAll('details.table[open]')].filter(one => one.checkVisibility())"
        ".flatMap(one => [...one.querySelectorAll('tbody tr')].map(row => one.querySelector('caption').textContent + "
        "' ' + row.textContent))"
    )
    assert rows and all(word in row.lower() for row in rows for word in ("db-vae", "race", "female"))
    assert browser.run("document.getElementById('found').textContent").startswith(f"{len(rows)} rows in ")
    browser.press("Enter")
    top, below = browser.run(
        "[document.activeElement.parentElement.getBoundingClientRect().top, "
        "document.querySelector('nav').getBoundingClientRect().bottom]"
    )
    assert browser.run("document.activeElement.className") == "wide" and below <= top < 800
    browser.run("document.getElementById('filter').focus()")
    browser.write(" nobody")
    assert browser.run("document.getElementById('found').textContent") == "No row has all of these words"
    browser.press("Escape")
    assert browser.run(unfolded) == before and browser.run("document.getElementById('found').textContent") == ""


# --- the slider ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", WIDTHS)
def test_the_slider_moves_the_dots_to_the_recall_that_the_page_carries(browser, page, width):
    browser.open(page, width)
    drawing = "[...document.querySelectorAll('#rates svg')].find(one => one.getClientRects().length)"
    shift = f"[...{drawing}.querySelectorAll('[data-dot]')].map(one => one.getAttribute('transform'))"
    assert set(browser.run(shift)) == {"translate(0 0)"}
    browser.run("document.getElementById('rate').focus()")
    browser.press("ArrowRight", 6)
    rate = browser.run("document.getElementById('rate').value")
    told = browser.run("JSON.parse(document.getElementById('rate-numbers').textContent)")
    assert int(rate) == told["study"] + 6 and len(set(browser.run(shift))) > 1
    left, right, floor = browser.run(f"['left', 'right', 'floor'].map(name => Number({drawing}.dataset[name]))")
    wanted = left + (told["groups"][0]["recall"][0][int(rate)] - floor) / (100 - floor) * (right - left)
    dot = f"{drawing}.querySelector('[data-dot=\"0 0\"]')"
    assert browser.run(f"{dot}.getBBox().x + {dot}.getBBox().width / 2 + {dot}.transform.baseVal[0].matrix.e") == (
        pytest.approx(wanted, abs=0.2)
    )
    said = browser.run("document.getElementById('at-rate').textContent")
    assert said.startswith(f"FPR {told['rates'][int(rate)]} %, not the study's threshold: CNN from ")
    assert browser.run("document.getElementById('rate').getAttribute('aria-valuetext')") in said
    browser.press("Tab")
    browser.press("Enter")
    assert set(browser.run(shift)) == {"translate(0 0)"}
    assert "the study's threshold: CNN" in browser.run("document.getElementById('at-rate').textContent")


def test_without_a_script_the_first_rows_and_the_dots_of_the_study_stay(browser, page):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.run("document.querySelectorAll('#rates svg [data-dot]').length") > 10
    assert browser.run("document.getElementById('slider').hidden && document.getElementById('search').hidden")
    assert browser.run(f"{_ROWS}.querySelectorAll('tbody tr').length") == 12
    assert "The first 12 of 18 rows" in browser.run(f"{_ROWS}.textContent")


# --- other tables in the same dress ----------------------------------------------------------------------------
def test_any_tables_become_a_page_that_is_sorted_searched_and_opened_on_demand(browser, tmp_path):
    rows = [[Cell(f"group {number}"), Cell(f"{number / 3:.1f} [0.0, 9.9]", faint=number == 40)] for number in range(41)]
    sections = [Section("Changes & more", "changes", "Changes", [Table("Recall", ["group", "#recall"], rows)], HOSTILE)]
    page = tmp_path / "tables.html"
    page.write_text(tables_page("Two studies", ["They differ in their seeds."], sections))
    browser.open(page, 390)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert browser.requests == [] and browser.run("refused") == [] and browser.run("alerted") is False
    browser.run("tables[0].details.open = true; tables[0].heads[1].querySelector('button').click()")
    browser.run("tables[0].heads[1].querySelector('button').click()")
    first = "document.querySelector('tbody tr')"
    assert browser.run(f"{first}.textContent") == "group 4013.3 [0.0, 9.9]"
    assert browser.run(f"{first}.cells[1].className") == "n faint"
    browser.run("filter.value = 'group 40'; search()")
    assert browser.run("document.getElementById('found').textContent").startswith("1 row in 1 table;")
