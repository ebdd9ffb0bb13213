"""What the report says: its first screen and its tables against the audit's."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from facebias.core.arms import arm_name
from facebias.core.errors import FacebiasError
from facebias.core.outputs import OutputFolder
from facebias.report.page import AuditFolder, write_report
from report_pages import HOSTILE, forget, study, table_of, words


def test_the_first_sentence_is_the_primary_comparison_and_the_second_the_verdicts_headline(audited, report_page):
    sentence = report_page[report_page.index('id="sentence"') :]
    first, second = (words(part.partition("</p>")[0]) for part in sentence.split("<p", 3)[1:3])
    assert first.partition(">")[2].strip() == audited.verdict["primary"]
    assert second.partition(">")[2].strip() == audited.verdict["headline"]


def test_the_primary_comparison_is_told_in_one_line_and_has_a_table(tmp_path):
    audited = study(tmp_path, arms="cnn,vae,dbvae-0.01", seeds=2)
    text = write_report(audited, tmp_path / "primary.html").read_text()
    told = audited.table("primary")
    line = words(text[text.index('class="primary"') : text.index('class="tally"')])
    assert "Primary comparison, of recall of brown and dark skin tone, DB-VAE alpha 0.01: against the VAE" in line
    assert line.count("after Holm: not judged") == 2 == len(told)
    rows = table_of(text, "Primary comparison")[1:]
    assert [row[4] for row in rows] == ["2", "2"] and {row[10] for row in rows} == {"not judged"}
    assert audited.verdict["primary"].startswith("Primary comparison, written down before the run")


def test_the_four_numbers_are_those_of_the_audits_tables(audited, report_page):
    summary, measures = audited.tables["summary"], audited.tables["measures"]
    numbers = words(report_page[report_page.index('id="numbers"') : report_page.index('id="not-shown"')])
    summary, measures = (table[table["model"].isin(["cnn", "dbvae-0.01"])] for table in (summary, measures))
    at = (summary["dataset"] == "fairface") & (summary["grouping"] == "all faces") & (summary["metric"] == "TPR")
    expected = list(summary[at]["value"])
    expected += list(summary[summary["metric"] == "FPR"]["value"])
    for metric in ("worst", "gap"):
        at = (measures["dataset"] == "fairface") & (measures["grouping"] == "race")
        expected += list(measures[at & (measures["metric"] == metric)]["value"])
    assert len(expected) == 8
    for value in expected:
        assert f" {100 * value:.1f} " in numbers
    assert numbers.count("[") == 12  # an interval for each number of both detectors, and for each change


def test_all_comparisons_are_counted_beside_the_one_in_the_headline(audited, report_page, tmp_path):
    judged = int((audited.tables["findings"]["worst"] != "").sum())
    assert f"Of all {judged} comparisons" in report_page and judged > 1
    ours = int((audited.tables["findings"].query("worst != ''")["arm"] == "dbvae-0.01").sum())
    shutil.copytree(audited.folder, tmp_path / "more")
    findings = audited.tables["findings"].assign(claim="none", judged=True)
    other = findings.assign(arm="balanced", claim="reduced", sentence="made")
    OutputFolder(tmp_path / "more", audited.folder.name).csv(pd.concat([findings, other]), "findings.csv")
    told = write_report(AuditFolder(tmp_path / "more", audited.runs), tmp_path / "report.html").read_text()
    assert (
        f"{2 * judged} comparisons (every detector with CNN, every audit set and grouping), {judged} show a change "
        f"(less bias {judged}); of the {ours} with DB-VAE, 0 show a change."
    ) in words(told)


def test_worst_group_and_gap_are_shown_as_seen_and_corrected_beside_the_interval_of_the_latter(audited, report_page):
    measures = audited.tables["measures"].query(
        "dataset == 'fairface' and grouping == 'race' and model in ['cnn', 'dbvae-0.01']"
    )
    numbers = words(report_page[report_page.index('id="numbers"') : report_page.index('id="not-shown"')])
    for row in measures[measures["metric"].isin(["worst", "gap"])].itertuples():
        assert (
            f"{100 * row.value:.1f} [{100 * row.low:.1f}, {100 * row.high:.1f}] for corrected "
            f"{100 * row.corrected:.1f} "
        ) in numbers


def test_with_one_seed_nothing_is_judged_and_the_first_screen_says_why(tmp_path):
    text = write_report(study(tmp_path, seeds=1, lift=2.0), tmp_path / "one.html").read_text()
    first = words(text[: text.index("</header>")])
    assert "On FairFace, by skin tone, at FPR 1 %" in first and "FairFace by skin tone, FPR 1 %" in first
    assert (
        "is not judged here, only one seed is shared and 6 are needed" in first
        and "comparisons none is judged" in first
    )
    assert "one seed, not judged" in first and "includes 0" not in first
    assert {row[3] for row in table_of(text, "What each comparison allows to be said")[1:]} == {"not judged"}


def test_findings_of_an_older_version_are_refused_in_one_line(audited, tmp_path):
    shutil.copytree(audited.folder, tmp_path / "old")
    OutputFolder(tmp_path / "old", audited.folder.name).csv(
        audited.tables["findings"].drop(columns="judged"), "findings.csv"
    )
    with pytest.raises(FacebiasError, match="older version wrote it, without judged"):
        write_report(AuditFolder(tmp_path / "old", audited.runs), tmp_path / "report.html")


def test_recalls_misses_and_n_of_every_cell_are_there(audited, report_page):
    summary = audited.tables["summary"]
    rows = summary[(summary["dataset"] == "fairface") & (summary["grouping"] == "race x gender")]
    shown = table_of(report_page, "FairFace: recall by race x gender")[1:]
    assert len(shown) == len(rows) == 18  # of which twelve are shown at first
    assert {tuple(row[:2]) for row in shown} == {(row.group, arm_name(row.model)) for row in rows.itertuples()}
    assert {row[1] for row in shown[:12]} == {"CNN", "DB-VAE alpha 0.01"}  # the headline's detectors come first
    first = rows.iloc[0]
    assert shown[0][:5] == [
        first["group"],
        "CNN",
        f"{first['n']:.0f}",
        f"{first['n'] * (1 - first['value']):.1f}",
        f"{100 * first['value']:.1f} [{100 * first['low']:.1f}, {100 * first['high']:.1f}]",
    ]


def test_accuracy_is_the_share_of_the_test_split_that_is_decided_rightly(audited, report_page):
    report, images = audited.tables["group_report"], audited.images
    limit = report[(report["rule"] == "fpr=0.01") & (report["run_id"] == audited.run_ids[0])]["threshold"].iloc[0]
    test = images[images["dataset"] == "test"]
    first = float(((test["score"] >= limit) == (test["label"] == 1)).mean())
    told = table_of(report_page, "Accuracy, false positive rate and recall of all faces")[1][1]
    seeds = [float(number) for number in re.findall(r"[\d.]+", told)][1:]
    assert min(abs(100 * first - seed) for seed in seeds) < 0.051


def test_every_training_stands_with_its_own_gap(audited, report_page):
    rows = table_of(report_page, "FairFace: every training, groups by race")[1:]
    report = audited.tables["group_report"]
    cells = report[
        (report["rule"] == audited.rule)
        & (report["metric"] == "TPR")
        & (report["dataset"] == "fairface")
        & (report["race"] != "all")
        & (report["gender"] == "all")
        & (report["skin_tone"] == "all")
    ]
    gaps = cells.groupby(["model", "seed"])["value"].agg(np.ptp)
    arms = {"cnn": "CNN", "dbvae-0.01": "DB-VAE alpha 0.01", "vae": "VAE, uniform sampling"}
    assert {(row[0], row[1], row[-1]) for row in rows} == {
        (arms[arm], f"{seed:.0f}", f"{100 * gap:.1f}") for (arm, seed), gap in gaps.items()
    }


def test_p_values_and_the_moved_threshold_are_shown(report_page):
    head = table_of(report_page, "FairFace: change from CNN")[0]
    assert head[6:8] == ["p", "p, Holm"]
    assert len(table_of(report_page, "FairFace: CNN at p = 0.5 with its threshold moved")) == 1 + 2 * (3 + 1)


def test_an_audit_without_moved_thresholds_gives_a_page_without_them(audited, tmp_path):
    shutil.copytree(audited.folder, tmp_path / "old")
    forget(tmp_path / "old", "moved.csv")
    text = write_report(AuditFolder(tmp_path / "old", audited.runs), tmp_path / "report.html").read_text()
    assert "threshold moved" not in text and 'href="#moved"' not in text


def test_a_subset_is_said_first_and_loudly(report_page):
    banner = report_page[report_page.index('class="banner"') : report_page.index('id="sentence"')]
    assert "SUBSET: FairFace 240 of 97,698 faces" in words(banner) and "SYNTHETIC" not in banner


def test_rendered_faces_are_said_first_and_loudly(audited, tmp_path):
    shutil.copytree(audited.runs, tmp_path / "runs")
    for file in (tmp_path / "runs").glob("*/config.json"):
        file.write_text(file.read_text().replace('"folder"', '"synthetic"'))
    text = write_report(AuditFolder(audited.folder, tmp_path / "runs"), tmp_path / "report.html").read_text()
    assert text.index("SYNTHETIC: faces drawn by a program") < text.index('id="sentence"')


def test_one_line_tells_where_the_numbers_come_from(report_page):
    line = words(report_page[report_page.index('id="source"') : report_page.index("</header>")])
    for part in (
        "FairFace, n = 240 faces",
        "smallest cell",
        "n = 80",
        "FPR 1 % on 2,000 held-out non-faces",
        "6 seeds an arm",
        "2026-01-02",
        "facebias 0.",
    ):
        assert part in line


def test_one_detector_alone_and_groups_too_small_to_compare_still_give_a_page(tmp_path):
    alone = write_report(study(tmp_path / "one", arms="cnn", seeds=1), tmp_path / "one.html").read_text()
    assert "change</th>" not in alone and alone.count('scope="col">CNN</th>') == 1
    small = write_report(study(tmp_path / "small", seeds=1, per_cell=3), tmp_path / "small.html").read_text()
    assert "left out" in small[: small.index("</header>")]


def test_the_slider_carries_the_audits_recall_and_stands_at_the_studys_threshold(audited, report_page):
    carried = re.search(r'id="rate-numbers">(.*?)</script>', report_page, flags=re.S)
    told, table = json.loads(carried[1]), audited.table("recall_by_rate")
    assert told["rates"][told["study"]] == "1" and told["rates"][-1] == "10"
    assert [group["name"] for group in told["groups"]] == [*sorted(HOSTILE), "all faces"]
    for group in told["groups"]:
        for place, arm in enumerate(("cnn", "dbvae-0.01")):
            rows = table[(table["group"] == group["name"]) & (table["model"] == arm)].sort_values("fpr")
            np.testing.assert_allclose(group["recall"][place], 100 * rows["value"], atol=0.0051)
    assert "There alone are intervals known and claims made" in words(report_page)


def test_an_audit_without_other_rates_gives_a_page_without_the_slider(audited, tmp_path):
    shutil.copytree(audited.folder, tmp_path / "old")
    forget(tmp_path / "old", "recall_by_rate.csv")
    text = write_report(AuditFolder(tmp_path / "old", audited.runs), tmp_path / "report.html").read_text()
    assert 'id="rates"' not in text and 'href="#rates"' not in text
