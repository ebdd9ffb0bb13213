"""What a comparison writes: tables, text, figures, and the command."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
import pytest
from typer.testing import CliRunner

from facebias.core.arms import parse_arm
from facebias.core.csv import read_csv
from facebias.core.errors import FacebiasError
from facebias.core.outputs import recorded
from facebias.report.comparison import compare_runs, published_table, reproduction_table
from facebias.report.comparison.plots import group_changes, recall_beside_published
from facebias.report.comparison.terminal import WIDTH, aligned, heads


def test_levels_have_three_columns_a_model_and_raw_and_corrected_measures(compared):
    table = compared.levels
    assert list(table.columns[:5]) == ["dataset", "grouping", "metric", "group", "n"]
    assert list(table.columns[5:8]) == ["cnn", "cnn low", "cnn high"]
    row = table.query("grouping == 'race' and group == 'Black'").iloc[0]
    same = compared.summary.query("model == 'cnn' and grouping == 'race' and group == 'Black'").iloc[0]
    assert tuple(row[["n", "cnn", "cnn low", "cnn high"]]) == tuple(same[["n", "value", "low", "high"]])
    metrics = list(table.query("grouping == 'race'")["metric"])
    assert metrics == ["TPR"] * 3 + [
        "worst",
        "worst_corrected",
        "gap",
        "gap_corrected",
        "null_gap",
        "variance",
        "variance_corrected",
    ]
    assert table["metric"].iloc[0] == "FPR"


def test_the_published_numbers_are_the_papers_and_labelled_as_such():
    table = published_table().set_index("group")
    assert set(table["dataset"]) == {"PPB (published)"}
    assert table.loc["dark \N{MIDDLE DOT} Male", ["n", "no debiasing", "alpha 0.001"]].tolist() == [318, 0.874, 0.9232]
    assert table.loc["variance of Table 1, %\N{SUPERSCRIPT TWO}", "alpha 0.01"] == 9.49
    assert table.loc["variance of the bars, %\N{SUPERSCRIPT TWO}", "alpha 0.001"] == pytest.approx(11.15, abs=0.05)
    corrected = table.loc["variance of the bars, %\N{SUPERSCRIPT TWO}, corrected"]
    assert (corrected[5:] < table.loc["variance of the bars, %\N{SUPERSCRIPT TWO}"][5:]).all()


def test_a_reproduction_stands_beside_them_with_the_false_alarms_that_its_recall_cost(compared):
    table = reproduction_table().set_index(["arm", "group"])
    assert parse_arm(table.index[-1][0])["resampling"] == "gaussian" and len(table) == 13 * 6
    gained, plain = table.loc["dbvae-0.01"], table.loc["vae"]
    assert plain.loc["dark \N{MIDDLE DOT} Male", ["value", "trainings"]].tolist() == [
        pytest.approx(0.8503, abs=1e-4),
        5,
    ]
    assert gained.loc["dark \N{MIDDLE DOT} Male", "low"] > plain.loc["dark \N{MIDDLE DOT} Male", "high"]
    assert gained.loc["false alarms", "low"] > plain.loc["false alarms", "high"]
    assert "Mitnik et al. (2020), a reproduction (MIT licence)" in compared.text
    assert "DB-VAE, five largest alpha 0.05" in compared.text


def test_the_text_is_aligned_flags_what_the_table_flags_and_fits_its_width(compared):
    lines = compared.text.splitlines()
    change = lines[next(n for n, line in enumerate(lines) if line.startswith("Change from cnn")) :]
    flagged = compared.changes.query("flagged")
    assert "".join(change).count("] *") == len(flagged) > 0
    assert any(line.startswith("  Black") and line.endswith("*") for line in change)
    head = next(n for n, line in enumerate(lines) if line.startswith("Recall, %"))
    rows = [line for line in lines[head + 2 : head + 20] if "[" in line]
    assert len({line.index("[", 30) - len(line[: line.index("[", 30)].split()[-1]) for line in rows}) == 1
    assert all(len(line) <= WIDTH for line in lines if "  " in line.strip())
    assert "false positive rate that the paper does not state" in compared.text


def test_many_models_go_on_in_further_blocks_that_repeat_the_rows():
    names = [f"cnn epochs={number} batch_size=32" for number in range(9)]
    rows = [*heads(["", "n"], names), ["Black", "85", *["91.0 [84.4, 96.6]"] * 9]]
    lines = aligned(rows, 2)
    assert sum(line.startswith("Black") for line in lines) == lines.count("") + 1 == 2
    assert all(len(line) <= WIDTH for line in lines)
    assert "\n".join(lines).count("91.0") == "\n".join(lines).count("epochs=") == 9


def drawn(figure):
    figure.draw_without_rendering()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= -0.01 and box.y0 >= -0.01 and box.x1 <= width + 0.01 and box.y1 <= height + 0.01
    return "\n".join(text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_visible())


def test_the_papers_bars_are_hollow_and_in_a_panel_of_their_own_on_the_same_scale(compared):
    figure = recall_beside_published(compared.summary, "fairface", "race x gender")
    ours, theirs = figure.axes
    marks = [line for line in theirs.lines if len(line.get_xdata()) == 4]
    assert len(marks) == 5 and {line.get_markerfacecolor() for line in marks} == {"none"}
    assert len({line.get_marker() for line in marks}) == 5
    assert ours.get_xlim() == theirs.get_xlim()
    text = drawn(figure)
    assert "PPB, sliding windows, FPR not stated" in text and "Black \N{MIDDLE DOT} Female" in text


def test_a_flagged_change_is_filled_and_another_hollow(compared):
    figure = group_changes(compared.changes, "fairface", "race x gender")
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "s" and len(line.get_xdata())]
    filled = {line.get_markerfacecolor() != "white": len(line.get_xdata()) for line in marks}
    shown = compared.changes.query("dataset == 'fairface' and grouping in ('race x gender', 'all faces')")
    assert filled == {True: shown["flagged"].sum(), False: (~shown["flagged"]).sum()}
    assert "worst group" in drawn(figure)
    with pytest.raises(FacebiasError, match="no such rows"):
        group_changes(compared.changes, "ppb", "race")


def test_more_models_than_colours_are_still_told_apart(compared):
    rows = compared.summary.query("model == 'cnn'")
    many = pd.concat([rows.assign(model=f"m{number}") for number in range(11)])
    figure = recall_beside_published(many, "fairface", "race x gender")
    looks = {(line.get_color(), line.get_marker()) for line in figure.axes[0].lines if line.get_label()[0] == "m"}
    assert len(looks) == 11
    drawn(figure)


def test_every_table_is_written_and_the_text_last(compared, tmp_path):
    page = compared.write(tmp_path)
    drawn = {f"{kind}-fairface-race-x-gender" for kind in ("recall", "change")}
    names = {"by_group", "models", "settings", "studies", "measures", "changes", "published", "reproduced", *drawn}
    assert {path.stem for path in tmp_path.glob("*.csv")} == names
    assert (tmp_path / "comparison.txt").read_text(encoding="utf-8") == compared.text + "\n"
    table = read_csv(tmp_path / "by_group.csv", ["dbvae-0.01", "dbvae-0.01 change low"])
    assert table.query("grouping == 'race' and group == 'Black'")["dbvae-0.01 flagged"].tolist() == ["True"]
    assert page in recorded(tmp_path)


def test_the_command_writes_figures_and_tables_and_leaves_with_status_0(shelf, tmp_path):
    from facebias.cli import app

    runs = [*shelf.add("cnn", 0, 1), *shelf.add("dbvae-0.01", 0, 1, lift=4.0)]
    words = [
        "compare",
        *(run.id for run in runs),
        "--runs-dir",
        str(shelf.folder),
        "--baseline",
        "dbvae",
        "--out",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "changes are from dbvae-0.01" in done.output
    made_files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {
        "recall-fairface-race-x-gender.png",
        "recall-fairface-race-x-gender.csv",
        "comparison.txt",
        "change-fairface-race-x-gender.png",
    } <= made_files


def test_rendered_faces_are_called_so(shelf):
    rendered = {"train_faces": "synthetic", "negatives": "synthetic"}
    found = compare_runs([*shelf.add("cnn", 0, **rendered), *shelf.add("vae", 0, **rendered)])
    assert found.synthetic and any("nothing about people" in note for note in found.notes)


def test_a_model_trained_on_the_audit_sets_own_source_is_named(shelf):
    found = compare_runs([*shelf.add("cnn", 0), *shelf.add("cnn", 0, train_faces="fairface")])
    assert any("FairFace is the training source of cnn train_faces=fairface" in note for note in found.notes)
