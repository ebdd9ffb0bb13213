"""The report in headless Chromium: the first screen without scrolling, sorting, accessibility, and no request."""

from __future__ import annotations

import html
import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from facebias.core.numbers import NONE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MEASURE = """
const refused = [];
document.addEventListener("securitypolicyviolation", event => refused.push(event.blockedURI));
addEventListener("load", async () => {
  const result = {boxes: {}, alerted: window.alerted, refused};
  for (const id of ["sentence", "numbers", "dots", "source", "not-shown"]) {
    const box = document.getElementById(id).getBoundingClientRect();
    result.boxes[id] = [box.left, box.top, box.right, box.bottom];
  }
  result.wide = document.documentElement.scrollWidth;
  result.requests = performance.getEntriesByType("resource").map(one => one.name)
    .filter(one => !one.startsWith("data:"));
  const table = document.querySelector("#gaps table"), heads = table.querySelectorAll("th[scope=col]");
  const button = heads[5].querySelector("button");
  const values = () => [...table.tBodies[0].rows].map(row => row.cells[5].textContent);
  button.click(); result.up = values(); result.sorted = heads[5].getAttribute("aria-sort");
  button.click(); result.down = values();
  const counts = document.querySelector("#composition table:has(tfoot)");
  counts.querySelector("th button").click();
  result.last = counts.rows[counts.rows.length - 1].cells[0].textContent;
  const found = window.axe && (await axe.run(document)).violations;
  result.axe = found ? found.map(one => [one.impact, one.id, one.nodes[0].html]) : null;
  const place = document.createElement("pre");
  place.id = "measured"; place.textContent = JSON.stringify(result); document.body.append(place);
});
"""


@pytest.fixture(scope="module")
def measured(report_page, tmp_path_factory) -> dict:
    """What Chromium finds in a copy of the page that lets in our own scripts and nothing else."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium on the PATH")
    folder = tmp_path_factory.mktemp("browser")
    spec = importlib.util.find_spec("axe_core_python")
    axe = (Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text() if spec else ""
    own = "".join(f"<script>{code.replace('</script', '<' + chr(92) + '/script')}</script>" for code in (axe, MEASURE))
    trap = "<script>window.alert = () => { window.alerted = true; }; window.alerted = false;</script>"
    copy = re.sub(r"script-src [^;]*;", "script-src 'unsafe-inline';", report_page, count=1)
    copy = copy.replace("<title>", trap + "<title>", 1).replace("</body>", own + "</body>")
    (folder / "page.html").write_text(copy)
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=1280,800",
            "--virtual-time-budget=30000",
            "--dump-dom",
            (folder / "page.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    found = re.search(r'<pre id="measured">(.*?)</pre>', done.stdout, flags=re.S)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


def test_the_first_screen_holds_its_five_parts_at_1280_by_800_without_scrolling(measured):
    assert len(measured["boxes"]) == 5
    for name, (left, top, right, bottom) in measured["boxes"].items():
        assert left >= 0 and top >= 0 and right <= 1280 and bottom <= 800, (name, bottom)
        assert bottom - top > 10, name
    assert measured["wide"] <= 1280


def test_no_request_leaves_the_page_and_no_name_is_run(measured):
    assert measured["requests"] == [] and measured["refused"] == []
    assert measured["alerted"] is False


def test_tables_are_sorted_by_number_both_ways_and_totals_stay_last(measured):
    defined = [float(value) for value in measured["up"] if value != NONE]
    undefined = [NONE] * (len(measured["up"]) - len(defined))
    assert undefined and len(set(defined)) > 1  # the made audit has groups too small to compare
    for order, backwards in (("up", False), ("down", True)):
        numbers = [value if value == NONE else float(value) for value in measured[order]]
        assert numbers == [*sorted(defined, reverse=backwards), *undefined]
    assert measured["sorted"] == "ascending"
    assert measured["last"] == "all"


def test_axe_finds_no_serious_or_critical_violation(measured):
    if measured["axe"] is None:
        pytest.skip("needs axe-core-python")
    assert not [found for found in measured["axe"] if found[0] in ("serious", "critical")]
