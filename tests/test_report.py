"""The report: its first screen, its tables against the audit's, hostile names, accessibility, and no request."""

from __future__ import annotations

import html
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from audit_tables import RACES, predictions
from facebias.audit import write_csv
from facebias.audit_figures import AuditFigures
from facebias.config import Config
from facebias.errors import FacebiasError
from facebias.findings import Findings
from facebias.report import AuditFolder, page, pictures, write_report
from facebias.report.words import NONE
from facebias.runs import PREDICTIONS_SCHEMA, Run
from facebias.storage import write_json

HOSTILE = ('<script>alert("1")</script>', "\"' onload=alert(2) x='", "</script></title><b>=1+1")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DONE = {"device": "cpu", "seconds_of_this_process": 90.0, "torch": "2", "code_version": "0"}


def study(root: Path, names=RACES, arms="cnn,dbvae-0.01", seeds=2, **more) -> AuditFolder:
    """An audited study of made predictions, races named at will, with one figure of the audit and one of FullGrad."""
    config = Config.make(train_faces="celeba", negatives="folder", audit_sets="fairface", arms=arms, seeds=seeds,
                         runs_dir=str(root / "runs"), figures_dir=str(root / "figures"))
    table = predictions(models=config.arm_names, seeds=seeds, **more)
    table["race"] = table["race"].replace(dict(zip(RACES, names, strict=True)))
    for (arm, seed), rows in table.groupby(["model", "seed"]):
        run = Run.of(config.for_arm(arm, seed))
        table.loc[rows.index, "run_id"] = run.id
        run.start(config.for_arm(arm, seed))
        run.write_parquet("predictions.parquet", rows.assign(run_id=run.id), PREDICTIONS_SCHEMA, "made")
        write_json(run.path / "DONE.json", DONE)
    folder = config.path("figures") / config.figures_name
    findings = Findings(table, 0.01, "celeba", config.arm_names[0])
    AuditFigures(findings, folder, synthetic=False).source_recall()
    findings.write(folder)
    noise = np.random.default_rng(0).integers(0, 255, (300, 1600, 3), np.uint8)
    for name in ("saliency-means-fairface-race-x-gender-raw", "something-new"):
        Image.fromarray(noise).save(folder / f"{name}.png")
    return AuditFolder(folder, config.path("runs"))


@pytest.fixture(scope="module")
def audited(tmp_path_factory) -> AuditFolder:
    return study(tmp_path_factory.mktemp("study"), HOSTILE)


@pytest.fixture(scope="module")
def made(audited, tmp_path_factory) -> str:
    return write_report(audited, tmp_path_factory.mktemp("page") / "report.html", "2026-01-02").read_text()


class Outline(HTMLParser):
    """Headings, ids, tables with and without caption, addresses and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings, self.ids, self.addresses, self.tags, self.alts = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append((tag, values))
        self.ids += [values["id"]] if "id" in values else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.addresses += [values[name] for name in ("src", "href") if name in values]
        self.alts += [values.get("alt")] if tag == "img" else []


@pytest.fixture(scope="module")
def outline(made) -> Outline:
    return Outline(made)


def words(text: str) -> str:
    """The text of a page without its tags."""
    text = re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def table_of(made: str, caption: str) -> list[list[str]]:
    """Cells of the sortable table with this caption."""
    part = made[made.index(f'<caption class="hidden">{html.escape(caption, quote=False)}'):]
    rows = re.findall(r"<tr>(.*?)</tr>", part[: part.index("</table>")], flags=re.S)
    return [[words(cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.S)] for row in rows]


# --- what it says ----------------------------------------------------------------------------------------------
def test_the_first_sentence_is_the_verdicts_headline_word_for_word(audited, made):
    sentence = made[made.index('id="sentence"'):]
    assert words(sentence[: sentence.index("</p>")]).split(">", 1)[1].strip() == audited.verdict["headline"]


def test_the_four_numbers_are_those_of_the_audits_tables(audited, made):
    summary, measures = audited.tables["summary"], audited.tables["measures"]
    numbers = words(made[made.index('id="numbers"'):made.index('id="not-shown"')])
    at = (summary["dataset"] == "fairface") & (summary["grouping"] == "all faces") & (summary["metric"] == "TPR")
    expected = list(summary[at]["value"])
    expected += list(summary[summary["metric"] == "FPR"]["value"])
    for metric in ("worst", "gap"):
        at = (measures["dataset"] == "fairface") & (measures["grouping"] == "race x gender")
        expected += list(measures[at & (measures["metric"] == metric)]["value"])
    assert len(expected) == 8
    for value in expected:
        assert f" {100 * value:.1f} " in numbers
    assert numbers.count("[") == 12  # an interval for each number of both detectors, and for each change


def test_all_comparisons_are_counted_beside_the_one_in_the_headline(audited, made, tmp_path):
    judged = int((audited.tables["findings"]["worst"] != "").sum())
    assert f"Of all {judged} comparisons" in made and judged > 1
    shutil.copytree(audited.folder, tmp_path / "more")
    findings = audited.tables["findings"].assign(claim="none")
    other = findings.assign(arm="balanced", claim="reduced", sentence="made")
    write_csv(pd.concat([findings, other]), tmp_path / "more" / "findings.csv")
    told = write_report(AuditFolder(tmp_path / "more", audited.runs), tmp_path / "report.html").read_text()
    assert (f"{2 * judged} comparisons (every detector with CNN, every audit set and grouping), {judged} show a change "
            f"(less bias {judged}); of the {judged} with DB-VAE, 0 show a change.") in words(told)


def test_recalls_misses_and_n_of_every_cell_are_there(audited, made):
    summary = audited.tables["summary"]
    rows = summary[(summary["dataset"] == "fairface") & (summary["grouping"] == "race x gender")]
    shown = table_of(made, "FairFace: recall by race x gender")[1:]
    assert len(shown) == len(rows) == 12
    first = rows.iloc[0]
    assert shown[0][:5] == [first["group"], "CNN", f"{first['n']:.0f}", f"{first['n'] * (1 - first['value']):.1f}",
                            f"{100 * first['value']:.1f} [{100 * first['low']:.1f}, {100 * first['high']:.1f}]"]


def test_accuracy_is_the_share_of_the_test_split_that_is_decided_rightly(audited, made):
    report, images = audited.tables["group_report"], audited.images
    limit = report[(report["rule"] == "fpr=0.01") & (report["run_id"] == audited.run_ids[0])]["threshold"].iloc[0]
    test = images[images["dataset"] == "test"]
    first = float(((test["score"] >= limit) == (test["label"] == 1)).mean())
    told = table_of(made, "Accuracy, false positive rate and recall of all faces")[1][1]
    seeds = [float(number) for number in re.findall(r"[\d.]+", told)][1:]
    assert min(abs(100 * first - seed) for seed in seeds) < 0.051


def test_every_training_stands_with_its_own_gap(audited, made):
    rows = table_of(made, "FairFace: every training, groups by race x gender")[1:]
    report = audited.tables["group_report"]
    cells = report[(report["rule"] == audited.rule) & (report["metric"] == "TPR") & (report["dataset"] == "fairface")
                   & (report["race"] != "all") & (report["gender"] != "all") & (report["skin_tone"] == "all")]
    gaps = cells.groupby(["model", "seed"])["value"].agg(np.ptp)
    assert [row[-1] for row in rows] == [f"{100 * gap:.1f}" for gap in gaps]


def test_p_values_and_the_moved_threshold_are_shown(made):
    head = table_of(made, "FairFace: change from CNN")[0]
    assert head[6:8] == ["p", "p, Holm"]
    assert len(table_of(made, "FairFace: CNN at p = 0.5 with its threshold moved")) == 1 + 6 + 1


def test_a_folder_without_them_gives_a_page_without_them(audited, tmp_path):
    shutil.copytree(audited.folder, tmp_path / "old")
    (tmp_path / "old" / "moved.csv").unlink()
    old = AuditFolder(tmp_path / "old", audited.runs)
    write_csv(old.table("changes").drop(columns=["p", "p_holm"]), tmp_path / "old" / "changes.csv")
    text = write_report(old, tmp_path / "report.html").read_text()
    assert "p, Holm" not in text and "threshold moved" not in text


def test_a_subset_is_said_first_and_loudly(made):
    banner = made[made.index('class="banner"'):made.index('id="sentence"')]
    assert "SUBSET: FairFace 240 of 97,698 faces" in words(banner) and "SYNTHETIC" not in banner


def test_rendered_faces_are_said_first_and_loudly(audited, tmp_path):
    shutil.copytree(audited.runs, tmp_path / "runs")
    for file in (tmp_path / "runs").glob("*/config.json"):
        file.write_text(file.read_text().replace('"folder"', '"synthetic"'))
    text = write_report(AuditFolder(audited.folder, tmp_path / "runs"), tmp_path / "report.html").read_text()
    assert text.index("SYNTHETIC: faces drawn by a program") < text.index('id="sentence"')


def test_one_line_tells_where_the_numbers_come_from(made):
    line = words(made[made.index('id="source"'):made.index("</header>")])
    for part in ("FairFace, n = 240 faces", "smallest cell", "n = 40", "FPR 1 % on 400 held-out non-faces",
                 "2 seeds an arm", "2026-01-02", "facebias 0."):
        assert part in line


def test_one_detector_alone_and_groups_too_small_to_compare_still_give_a_page(tmp_path):
    alone = write_report(study(tmp_path / "one", arms="cnn", seeds=1), tmp_path / "one.html").read_text()
    assert "change</th>" not in alone and alone.count('scope="col">CNN</th>') == 1
    small = write_report(study(tmp_path / "small", seeds=1, per_cell=3), tmp_path / "small.html").read_text()
    assert "left out" in small[:small.index("</header>")]


# --- what it is ------------------------------------------------------------------------------------------------
def test_hostile_names_are_text(made, outline):
    assert [tag for tag, _ in outline.tags].count("script") == 1
    assert not any(name.startswith("on") for _, values in outline.tags for name in values)
    for name in HOSTILE:
        assert words(html.escape(name)) in words(made)
        assert name not in made


def test_every_address_is_inside_the_page(made, outline):
    assert outline.addresses
    for address in outline.addresses:
        assert address.startswith("data:") or address[1:] in outline.ids, address[:60]
    assert not re.search(r"@import|url\(", made)


def test_the_policy_names_the_only_script_and_the_only_style_by_hash(outline):
    policy = next(values["content"] for _, values in outline.tags if "http-equiv" in values)
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy
    assert not any("style" in values for _, values in outline.tags)


def test_headings_are_in_order_ids_single_tables_captioned_and_pictures_described(outline):
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.alts and all(outline.alts)
    # the model card's tables have no class; their region is labelled
    ours = [values for tag, values in outline.tags if tag == "table" and "class" in values]
    assert len(ours) == [tag for tag, _ in outline.tags].count("caption")


def test_alt_texts_tell_numbers_and_unknown_figures_are_shown_too(audited, outline, made):
    row = audited.tables["summary"].query("dataset == 'fairface' and grouping == 'all faces'").iloc[0]
    assert f"FairFace {100 * row['value']:.1f} %" in outline.alts[0]
    assert "Further figures" in made and 'href="#saliency"' in made


def test_a_large_figure_is_shown_smaller_and_the_page_refuses_to_grow_without_bound(audited, monkeypatch, tmp_path):
    (_, (picture,)), = pictures.gather(audited.folder, saliency=True)
    assert (audited.folder / f"{picture.name}.png").stat().st_size > 200_000
    assert picture.width == 1200 and len(picture.source) < 400_000
    monkeypatch.setattr(page, "LIMIT", 10_000)
    with pytest.raises(FacebiasError, match="more than 10,000"):
        write_report(audited, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_the_same_audit_gives_the_same_bytes_and_no_path_of_this_machine(audited, made, tmp_path):
    again = write_report(audited, tmp_path / "again.html", "2026-01-02").read_text()
    assert again == made and str(audited.folder.parent) not in made


def test_the_report_imports_no_torch():
    code = "import sys, facebias.report; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- the command -----------------------------------------------------------------------------------------------
def run_command(*more: str):
    import typer

    from facebias.report_commands import register

    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, list(more))


def test_the_command_finds_a_study_by_its_options_and_refuses_another_ones_figures(audited):
    options = ["--train-faces", "celeba", "--negatives", "folder", "--audit-sets", "fairface", "--arms",
               "cnn,dbvae-0.01", "--runs-dir", str(audited.runs), "--figures-dir", str(audited.folder.parent)]
    done = run_command(*options, "--seeds", "2")
    assert done.exit_code == 0, done.exception
    assert (audited.folder / "report.html").exists()
    other = run_command(*options, "--seeds", "3")
    assert isinstance(other.exception, FacebiasError) and "4 are among the 6" in str(other.exception)


def test_the_command_takes_any_folder_that_an_audit_wrote_and_refuses_an_empty_one(audited, tmp_path):
    where = ["--runs-dir", str(audited.runs)]
    done = run_command("--folder", str(audited.folder), "--out", str(tmp_path / "mine.html"), *where)
    assert done.exit_code == 0 and (tmp_path / "mine.html").exists()
    empty = run_command("--folder", str(tmp_path), *where)
    assert isinstance(empty.exception, FacebiasError) and "verdict.json is missing" in str(empty.exception)


# --- in a browser ----------------------------------------------------------------------------------------------
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
def measured(made, tmp_path_factory) -> dict:
    """What Chromium finds in a copy of the page that lets in our own scripts and nothing else."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium on the PATH")
    folder = tmp_path_factory.mktemp("browser")
    spec = importlib.util.find_spec("axe_core_python")
    axe = (Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text() if spec else ""
    own = "".join(f"<script>{code.replace('</script', '<' + chr(92) + '/script')}</script>" for code in (axe, MEASURE))
    trap = "<script>window.alert = () => { window.alerted = true; }; window.alerted = false;</script>"
    copy = re.sub(r"script-src [^;]*;", "script-src 'unsafe-inline';", made, count=1)
    copy = copy.replace("<title>", trap + "<title>", 1).replace("</body>", own + "</body>")
    (folder / "page.html").write_text(copy)
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={folder / 'profile'}", "--window-size=1280,800", "--virtual-time-budget=30000",
         "--dump-dom", (folder / "page.html").as_uri()], capture_output=True, text=True, timeout=300)
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
