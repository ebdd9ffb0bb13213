"""The report as a page: hostile names, addresses, policy, outline, size, and the command that writes it."""

from __future__ import annotations

import html
import re

import pytest
from typer.testing import CliRunner

from facebias.core.errors import FacebiasError
from facebias.report.page import figures as pictures
from facebias.report.page import html as page
from facebias.report.page import write_report
from report_pages import HOSTILE, Outline, words


@pytest.fixture(scope="module")
def outline(report_page) -> Outline:
    return Outline(report_page)


def test_hostile_names_are_text(report_page, outline):
    assert [tag for tag, _ in outline.tags].count("script") == 1
    assert not any(name.startswith("on") for _, values in outline.tags for name in values)
    for name in HOSTILE:
        assert words(html.escape(name)) in words(report_page)
        assert name not in report_page


def test_every_address_is_inside_the_page(report_page, outline):
    assert outline.addresses
    for address in outline.addresses:
        assert address.startswith("data:") or address[1:] in outline.ids, address[:60]
    assert not re.search(r"@import|url\(", report_page)


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


def test_alt_texts_tell_numbers_and_unknown_figures_are_shown_too(audited, outline, report_page):
    row = audited.tables["summary"].query("dataset == 'fairface' and grouping == 'all faces'").iloc[0]
    assert f"FairFace {100 * row['value']:.1f} %" in outline.alts[0]
    assert "Further figures" in report_page and 'href="#saliency"' in report_page


def test_a_large_figure_is_shown_smaller_and_the_page_refuses_to_grow_without_bound(audited, monkeypatch, tmp_path):
    ((_, (picture,)),) = pictures.gather(audited.folder, saliency=True)
    assert (audited.folder / f"{picture.name}.png").stat().st_size > 200_000
    assert picture.width == 1200 and len(picture.source) < 400_000
    monkeypatch.setattr(page, "LIMIT", 10_000)
    with pytest.raises(FacebiasError, match="more than 10,000"):
        write_report(audited, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_the_same_audit_gives_the_same_bytes_and_no_path_of_this_machine(audited, report_page, tmp_path):
    again = write_report(audited, tmp_path / "again.html", "2026-01-02").read_text()
    assert again == report_page and str(audited.folder.parent) not in report_page


# --- the command -----------------------------------------------------------------------------------------------
def run_command(*more: str):
    from facebias.cli import app

    return CliRunner().invoke(app, ["report", *more])


def test_the_command_finds_a_study_by_its_options_and_refuses_another_ones_figures(audited):
    options = [
        "--train-faces",
        "celeba",
        "--negatives",
        "folder",
        "--audit-sets",
        "fairface",
        "--arms",
        "cnn,dbvae-0.01",
        "--runs-dir",
        str(audited.runs),
        "--studies-dir",
        str(audited.folder.parent),
    ]
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
