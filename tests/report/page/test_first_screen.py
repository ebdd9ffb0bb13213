"""The report as a page: hostile names, addresses, policy, outline, size, and the command that writes it."""

from __future__ import annotations

import html
import re
import shutil

import pytest
from typer.testing import CliRunner

from facebias.core.errors import FacebiasError
from facebias.report.page import html as page
from facebias.report.page import write_report
from facebias.report.page.figures import gather
from facebias.report.page.headline import subject
from report_pages import HOSTILE, Outline, forget, words

_ARMS = ("arms-fairface-race.png", "arms-utkface-skin-tone.png")
_NEXT = ["arms-fairface-gender", "arms-utkface-race", "arms-utkface-skin-tone"]


@pytest.fixture(scope="module")
def outline(report_page) -> Outline:
    return Outline(report_page)


def test_hostile_names_are_text(report_page, outline):
    scripts = [values.get("type") for tag, values in outline.tags if tag == "script"]
    assert scripts.count(None) == 1 and set(scripts) == {None, "application/json"}  # one is run, the others are read
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


def test_what_the_headline_is_about_comes_first_and_what_finds_no_room_is_named(audited, tmp_path):
    about = subject(audited)
    files = {name: tmp_path / name for name in ("arms-utkface-race.png", "arms-fairface-gender.png", *_ARMS)}
    for path in files.values():
        shutil.copy(audited.folder / "recall-by-source.png", path)
    (arms,) = gather(files, about)
    assert [picture.name for picture in arms.pictures] == ["arms-fairface-race", *_NEXT]
    assert [picture.printed for picture in arms.pictures] == [True, False, False, False]
    size = len(arms.pictures[0].source)
    (arms,) = gather(files, about, room=2 * size)
    assert len(arms.pictures) == 2 and arms.others == [f"{name}.png" for name in _NEXT[1:]]
    (arms,) = gather(files, about, room=size - 1)
    assert arms.pictures == [] and len(arms.others) == 4


def test_a_large_figure_is_packed_smaller_and_shown_in_the_size_it_was_drawn(audited):
    group = next(group for group in gather(audited.files, subject(audited)) if group.title == "Mean maps")
    assert (audited.folder / f"{group.pictures[0].name}.png").stat().st_size > 200_000
    assert group.saliency and len(group.pictures[0].source) < 400_000
    assert (group.pictures[0].width, group.pictures[0].height) == (1600, 300)  # made without dots per inch


def test_the_page_refuses_to_grow_without_bound(audited, monkeypatch, tmp_path):
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


def test_the_command_finds_a_study_by_the_beginning_of_its_id(audited, tmp_path):
    places = ["--studies-dir", str(audited.folder.parent)]
    for name in ("celeba", str(audited.folder), ""):
        done = run_command(*([name] if name else []), "--out", str(tmp_path / "mine.html"), *places)
        assert done.exit_code == 0, done.exception
        assert (tmp_path / "mine.html").read_text().startswith("<!DOCTYPE html>")
        (tmp_path / "mine.html").unlink()
    other = run_command("fairface", *places)
    assert isinstance(other.exception, FacebiasError) and "no study 'fairface'" in str(other.exception)


def test_the_page_lies_in_the_studys_folder_unless_told(audited):
    done = run_command("celeba", "--studies-dir", str(audited.folder.parent))
    assert done.exit_code == 0 and str(audited.folder / "report.html") in done.output
    (audited.folder / "report.html").unlink()


def test_the_command_takes_any_folder_that_an_audit_wrote(audited, tmp_path):
    shutil.copytree(audited.folder, tmp_path / "audit")
    forget(tmp_path / "audit", "config.json")
    done = run_command(str(tmp_path / "audit"), "--runs-dir", str(audited.runs))
    assert done.exit_code == 0 and (tmp_path / "audit" / "report.html").exists()


def test_an_audit_that_is_not_finished_is_refused(audited, tmp_path):
    shutil.copytree(audited.folder, tmp_path / "audit")
    for name in ("config.json", "verdict.json"):
        forget(tmp_path / "audit", name)
    half = run_command(str(tmp_path / "audit"), "--runs-dir", str(audited.runs))
    assert isinstance(half.exception, FacebiasError) and "verdict.json is missing" in str(half.exception)
