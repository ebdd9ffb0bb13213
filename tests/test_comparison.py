"""Any runs side by side: names, shared images, changes and their flags, figures, and the command."""

from __future__ import annotations

import json
from functools import cache

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from audit_tables import predictions
from facebias import audit
from facebias.audit.hits import Decisions
from facebias.audit.noise import ALONE, APART, SHARED
from facebias.comparison import compare_runs, find_runs, models_of, published_table, settings_table
from facebias.comparison.changes import pair_of
from facebias.comparison.text import WIDTH, aligned, heads
from facebias.config import Config
from facebias.errors import FacebiasError
from facebias.plots.comparison import group_changes, recall_beside_published
from facebias.runs import PREDICTIONS_SCHEMA, Run

BASE = Config(audit_sets="fairface", train_faces="celeba", negatives="folder")


def made(folder, config, table):
    """A run's folder as training and scoring leave it; `table` are predictions of any run."""
    run = Run(folder / config.run_id)
    run.path.mkdir(parents=True)
    run.start(config.with_(runs_dir=str(folder)))
    (run.path / "DONE.json").write_text(json.dumps({"train_sha256": "abcdef0123", "code_version": "1"}))
    table = table.assign(run_id=run.id, model=config.arm, seed=config.seed)
    run.write_parquet("predictions.parquet", table, PREDICTIONS_SCHEMA, "key")
    return run


@cache
def scored(lift):
    """Without skin tones, which would double the groupings."""
    return predictions(seeds=6, lift=lift, penalty=4.0, negatives=300).assign(skin_tone="")


class Shelf:
    """Runs in one folder; scores of (arm, seed) come from `predictions` with the arm's lift for Black faces."""

    def __init__(self, folder):
        self.folder = folder
        self.config = BASE.with_(runs_dir=str(folder))

    def add(self, arm, *seeds, lift=0.0, change=lambda table: table, **settings):
        scores, model = scored(lift), "dbvae-0.01" if lift else "cnn"
        return [made(self.folder, BASE.for_arm(arm, seed).with_(**settings), change(
            scores[(scores["model"] == model) & (scores["seed"] == seed)])) for seed in seeds]


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "runs")


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    shelf = Shelf(tmp_path_factory.mktemp("compared"))
    return compare_runs([*shelf.add("cnn", 0, 1, 2), *shelf.add("dbvae-0.01", 0, 1, 2, lift=4.0)])


def change_of(found, **where):
    rows = found.changes
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


# --- names --------------------------------------------------------------------------------------------------------
def test_runs_that_differ_in_their_seed_alone_are_one_model_with_seeds(shelf):
    models = models_of([*shelf.add("cnn", 2, 0), *shelf.add("vae", 1), *shelf.add("cnn", 1)])
    assert [(model.name, model.seeds) for model in models] == [("cnn", (0, 1, 2)), ("vae", (1,))]


def test_models_of_one_arm_are_named_by_what_sets_them_apart_and_others_by_their_arm(shelf):
    runs = [*shelf.add("cnn", 0, epochs=10), *shelf.add("cnn", 0, epochs=20), *shelf.add("dbvae-0.01", 0, epochs=20)]
    models = models_of(runs)
    assert [model.name for model in models] == ["cnn epochs=10", "cnn epochs=20", "dbvae-0.01"]
    assert [model.label for model in models] == ["CNN, epochs 10", "CNN, epochs 20", "DB-VAE alpha 0.01"]
    table = settings_table(models).set_index("setting")
    assert table.loc["epochs"].tolist() == ["10", "20", "20"]
    assert list(table.index) == ["epochs"]  # what the arm stands for is in its name


def test_many_differing_settings_are_cut_to_those_that_tell_the_models_apart(shelf):
    other = {"epochs": 9, "batch_size": 32, "bins": 20, "flip": False}
    models = models_of([*shelf.add("cnn", 0), *shelf.add("cnn", 0, **other), *shelf.add("cnn", 0, **other, latents=9)])
    names = [model.name for model in models]
    assert len(set(names)) == 3 and all(name.endswith("\N{HORIZONTAL ELLIPSIS}") for name in names)
    assert "latents=9" in names[2] and "flip" not in "".join(names)
    assert set(settings_table(models)["setting"]) == {*other, "latents"}


def test_an_idle_setting_that_an_arm_leaves_open_is_told(shelf):
    # the standard CNN has no alpha, but two of its runs may have been started with different ones
    models = models_of([*shelf.add("cnn", 0, alpha=0.01), *shelf.add("cnn", 0, alpha=0.1)])
    assert [model.name for model in models] == ["cnn alpha=0.01", "cnn alpha=0.1"]
    assert list(settings_table(models)["setting"]) == ["alpha"]


def test_other_bytes_and_other_code_are_differences_too(shelf):
    runs = [*shelf.add("cnn", 0), *shelf.add("vae", 0)]
    (runs[1].path / "DONE.json").write_text(json.dumps({"train_sha256": "ffff", "code_version": "2"}))
    table = settings_table(models_of(runs)).set_index("setting")
    assert table.loc["training images"].tolist() == ["abcdef01", "ffff"]
    assert table.loc["trained by code"].tolist() == ["1", "2"]


def test_an_ambiguous_beginning_is_one_line_with_the_candidates(shelf):
    runs = [*shelf.add("cnn", 0), *shelf.add("cnn", 0, epochs=9)]
    with pytest.raises(FacebiasError, match="begins 2 runs") as caught:
        find_runs(["cnn-s0"], shelf.config)
    assert all(run.id in str(caught.value) for run in runs) and "\n" not in str(caught.value)


def test_a_run_named_twice_counts_once_and_one_from_two_folders_is_refused(shelf, tmp_path):
    run, = shelf.add("cnn", 0)
    assert find_runs([run.id, str(run.path)], shelf.config) == [run]
    twin, = Shelf(tmp_path / "elsewhere").add("cnn", 0)
    with pytest.raises(FacebiasError, match="the same training as"):
        models_of([run, twin])


def test_a_run_without_predictions_and_a_folder_that_is_no_run_are_refused(shelf, tmp_path):
    run, = shelf.add("cnn", 0)
    (run.path / "predictions.parquet").unlink()
    with pytest.raises(FacebiasError, match=r"not scored.*facebias score cnn-s0"):
        find_runs([run.id], shelf.config)
    with pytest.raises(FacebiasError, match="no run: it has no config"):
        find_runs([str(tmp_path)], shelf.config)


def test_one_model_alone_and_an_unknown_baseline_are_refused(shelf):
    runs = shelf.add("cnn", 0, 1)
    with pytest.raises(FacebiasError, match="one model at most, with 2 run"):
        compare_runs(runs)
    both = [*runs, *shelf.add("vae", 0)]
    for text, says in (("resnet", "names none of the models: cnn; vae"), ("", ""), ("vae-s0", "")):
        if says:
            with pytest.raises(FacebiasError, match=says):
                compare_runs(both, text)
        else:
            assert compare_runs(both, text).names[0] == (text[:3] or "cnn")
    with pytest.raises(FacebiasError, match="no such threshold rule"):
        compare_runs(both, rule="1 %")


# --- images -------------------------------------------------------------------------------------------------------
def test_only_images_that_all_runs_scored_are_compared_and_it_is_said(shelf):
    fewer = shelf.add("vae", 0, change=lambda t: t[~((t["race"] == "Black") & (t["image_id"] < "1/00020"))])
    found = compare_runs([*shelf.add("cnn", 0), *fewer])
    black = change_of(found, grouping="race", group="Black", metric="TPR", dataset="fairface")
    assert black["n"] == 60
    assert any("FairFace: compared on the 220 images that all runs scored, of 240" in note for note in found.notes)


def test_other_images_under_the_same_names_are_refused(shelf):
    other = shelf.add("vae", 0, change=lambda t: t.assign(ita=t["ita"] + 1))
    with pytest.raises(FacebiasError, match=r"ita .* in vae-s0-.* but .* in cnn-s0-.*other images under the same"):
        compare_runs([*shelf.add("cnn", 0), *other])


def test_an_audit_set_that_not_all_scored_is_left_out_and_named(shelf):
    both = shelf.add("cnn", 0, change=lambda t: pd.concat([t, t[t["dataset"] == "fairface"].assign(dataset="utkface")]))
    found = compare_runs([*both, *shelf.add("vae", 0)])
    assert set(found.changes["dataset"]) == {"test", "fairface"}
    assert "UTKFace: left out, as only 1 of 2 runs scored it." in found.notes


def test_runs_without_a_common_audit_image_are_refused(shelf):
    apart = shelf.add("vae", 0, change=lambda t: t.replace({"dataset": {"fairface": "utkface"}}))
    with pytest.raises(FacebiasError, match="no audit image was scored by all"):
        compare_runs([*shelf.add("cnn", 0), *apart])


def test_with_other_training_data_held_out_faces_are_left_out_since_another_run_may_have_trained_on_them(shelf):
    found = compare_runs([*shelf.add("cnn", 0, 1), *shelf.add("cnn", 0, 1, train_size=900)])
    assert set(found.changes["dataset"]) == {"fairface"}
    assert set(found.summary.loc[found.summary["dataset"] == "test", "metric"]) == {"FPR"}
    assert any("not on the same ones" in note for note in found.notes)


def test_nothing_is_flagged_at_a_rate_of_other_kinds_of_non_faces(shelf):
    runs = [*shelf.add("cnn", 0, 1, 2), *shelf.add("cnn", 0, 1, 2, lift=4.0, negatives="lab")]
    found = compare_runs(runs)
    row = change_of(found, grouping="race", group="Black", metric="TPR", dataset="fairface")
    assert row["low"] > 0 and not found.changes["flagged"].any()
    assert found.notes[0].startswith("Nothing is flagged")


# --- changes ------------------------------------------------------------------------------------------------------
def test_a_true_change_is_flagged_in_the_group_that_has_it_and_nowhere_else(compared):
    races = compared.changes.query("grouping == 'race' and metric == 'TPR'").set_index("group")
    assert races["flagged"].to_dict() == {"Black": True, "East Asian": False, "White": False}
    assert races.loc["Black", "change"] > 0.3
    assert change_of(compared, grouping="race", metric="gap")["change"] < 0
    excludes = (compared.changes["low"] > 0) | (compared.changes["high"] < 0)
    assert (excludes | ~compared.changes["flagged"]).all()


def test_worst_group_and_gap_are_those_of_the_study_with_the_same_intervals(compared):
    study = audit.compare(compared.shared.predictions, "cnn").query("metric in ('worst', 'gap') and groups > 1")
    ours = compared.changes.query("metric in ('worst', 'gap')")
    merged = ours.merge(study, on=["dataset", "grouping", "metric"], suffixes=("", "_study"))
    assert len(merged) == len(ours) == len(study)
    for name in ("before", "after", "low", "high"):
        np.testing.assert_allclose(merged[name], merged[f"{name}_study"], atol=1e-12)
    clear = merged.query("grouping == 'race' and metric == 'worst'").iloc[0]
    assert clear["low"] < clear["low_study"] and clear["flagged"]


def test_an_equal_model_has_no_change_and_an_interval_with_a_width(shelf):
    found = compare_runs([*shelf.add("cnn", 0, 1, 2), *shelf.add("vae", 0, 1, 2)])
    groups = found.changes.query("metric == 'TPR' and n > 0")
    assert groups["change"].eq(0).all() and not found.changes["flagged"].any()
    assert (groups["low"] < 0).all() and (groups["high"] > 0).all()


def test_one_seed_flags_nothing_and_says_that_its_interval_speaks_for_images_alone(shelf):
    found = compare_runs([*shelf.add("cnn", 0), *shelf.add("dbvae-0.01", 0, lift=4.0)])
    row = change_of(found, grouping="race", group="Black", metric="TPR")
    assert row["low"] > 0 and row["drawn"] == ALONE
    assert not found.changes["flagged"].any()
    assert any("images alone" in note and "Nothing is flagged" in note for note in found.notes)


@pytest.mark.parametrize("seeds, drawn, says", [
    ((0, 1, 2), SHARED, "Changes are paired"), ((3, 4, 5), APART, "seeds are not shared"),
    ((2, 3, 4), APART, "seeds are not shared"), ((1, 2, 3, 4), SHARED, "over the shared seeds 1-2 alone"),
    ((5,), ALONE, "images alone")])
def test_what_the_interval_was_drawn_over_follows_from_the_seeds(shelf, seeds, drawn, says):
    found = compare_runs([*shelf.add("cnn", 0, 1, 2), *shelf.add("dbvae-0.01", *seeds, lift=4.0)])
    assert set(found.changes["drawn"]) == {drawn}
    assert any(says in note for note in found.notes)
    flag = change_of(found, grouping="race", group="Black", metric="TPR")["flagged"]
    assert flag == (len(seeds) == 3)  # over two seeds even such a change is not told: their spread is all but unknown


def test_decisions_of_a_pair_are_on_the_same_images(compared):
    decisions = Decisions(compared.shared.predictions, compared.rule)
    pair = pair_of(decisions, "cnn", "dbvae-0.01", "fairface", ("race",))
    for number, name in enumerate(("cnn", "dbvae-0.01")):
        rows = compared.summary.query("dataset == 'fairface' and grouping == 'race'")
        rows = rows[rows["model"] == name]
        np.testing.assert_allclose(pair.rates()[number], rows["value"])


def test_small_and_unknown_groups_are_never_flagged(shelf):
    def few(table):
        keep = (table["race"] != "Black") | (table["gender"] != "Male") | (table["image_id"] > "1/00139")
        return table[keep | (table["dataset"] != "fairface")].assign(
            race=table["race"].where(table["race"] != "White", ""))

    found = compare_runs([*shelf.add("cnn", 0, 1, 2, change=few),
                          *shelf.add("dbvae-0.01", 0, 1, 2, lift=4.0, change=few)])
    row = change_of(found, grouping="race x gender", group="Black \N{MIDDLE DOT} Male", metric="TPR")
    assert row["n"] < 30 and not row["flagged"]
    assert not found.changes.query("group == 'unknown'")["flagged"].any()
    assert any("Groups under 30 images" in note for note in found.notes)


def test_flags_of_equal_models_are_rare():
    """Type I error of a group's flag, three seeds, 60 faces a group, where seeds vary as much as images do."""
    from facebias.audit.cells import cells_of
    from facebias.audit.hits import Hits
    from facebias.comparison.changes import Pair, group_intervals

    rng = np.random.default_rng(5)
    faces = pd.DataFrame({"race": np.repeat([f"{k:02d}" for k in range(60)], 60)})
    cells, wrong = cells_of(faces, ("race",)), 0
    for _ in range(4):
        shift = np.repeat(rng.normal(0, 0.3, (2, 3, 60)), 60, axis=2)
        hits = 1.2 + rng.normal(0, 1, len(faces)) + shift + rng.normal(0, 0.6, (2, 3, len(faces))) > 0
        low, high = group_intervals(Pair(Hits(("a",), (0, 1, 2), cells, hits[:1]), *hits, SHARED))
        wrong += int(((low > 0) | (high < 0)).sum())
    assert 0 < wrong <= 0.07 * 4 * 60


def test_a_moved_threshold_is_a_change_at_one_half_and_none_at_a_matched_rate(shelf):
    runs = [*shelf.add("cnn", 0, 1, 2), *shelf.add("vae", 0, 1, 2, change=lambda t: t.assign(score=t["score"] + 2))]
    fixed, matched = compare_runs(runs, rule="p=0.5"), compare_runs(runs)
    assert change_of(fixed, grouping="race", metric="gap")["change"] < -0.05
    assert abs(change_of(matched, grouping="race", metric="gap")["change"]) < 0.005
    assert change_of(fixed, metric="FPR")["flagged"] and not change_of(matched, metric="FPR")["flagged"]
    assert any("may be a moved threshold" in note for note in fixed.notes)


# --- tables, text, figures ----------------------------------------------------------------------------------------
def test_levels_have_three_columns_a_model_and_raw_and_corrected_measures(compared):
    table = compared.levels
    assert list(table.columns[:5]) == ["dataset", "grouping", "metric", "group", "n"]
    assert list(table.columns[5:8]) == ["cnn", "cnn low", "cnn high"]
    row = table.query("grouping == 'race' and group == 'Black'").iloc[0]
    same = compared.summary.query("model == 'cnn' and grouping == 'race' and group == 'Black'").iloc[0]
    assert tuple(row[["n", "cnn", "cnn low", "cnn high"]]) == tuple(same[["n", "value", "low", "high"]])
    metrics = list(table.query("grouping == 'race'")["metric"])
    assert metrics == ["TPR"] * 3 + ["worst", "worst_corrected", "gap", "gap_corrected", "null_gap", "variance",
                                     "variance_corrected"]
    assert table["metric"].iloc[0] == "FPR"


def test_the_published_numbers_are_the_papers_and_labelled_as_such():
    table = published_table().set_index("group")
    assert set(table["dataset"]) == {"PPB (published)"}
    assert table.loc["dark \N{MIDDLE DOT} Male", ["n", "no debiasing", "alpha 0.001"]].tolist() == [318, 0.874, 0.9232]
    assert table.loc["variance of Table 1, %\N{SUPERSCRIPT TWO}", "alpha 0.01"] == 9.49
    assert table.loc["variance of the bars, %\N{SUPERSCRIPT TWO}", "alpha 0.001"] == pytest.approx(11.15, abs=0.05)
    corrected = table.loc["variance of the bars, %\N{SUPERSCRIPT TWO}, corrected"]
    assert (corrected[5:] < table.loc["variance of the bars, %\N{SUPERSCRIPT TWO}"][5:]).all()


def test_the_text_is_aligned_flags_what_the_table_flags_and_fits_its_width(compared):
    lines = compared.text.splitlines()
    change = lines[next(n for n, line in enumerate(lines) if line.startswith("Change from cnn")):]
    flagged = compared.changes.query("flagged")
    assert "".join(change).count("] *") == len(flagged) > 0
    assert any(line.startswith("  Black") and line.endswith("*") for line in change)
    head = next(n for n, line in enumerate(lines) if line.startswith("Recall, %"))
    rows = [line for line in lines[head + 2:head + 20] if "[" in line]
    assert len({line.index("[", 30) - len(line[:line.index("[", 30)].split()[-1]) for line in rows}) == 1
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
    compared.write(tmp_path)
    names = {"models", "settings", "levels", "measures", "changes", "deltas", "published"}
    assert {path.stem for path in tmp_path.glob("*.csv")} == names
    assert (tmp_path / "comparison.txt").read_text(encoding="utf-8") == compared.text + "\n"
    deltas = audit.read_csv(tmp_path / "deltas.csv", ["dbvae-0.01", "dbvae-0.01 low"])
    assert deltas.query("grouping == 'race' and group == 'Black'")["dbvae-0.01 flagged"].tolist() == ["True"]


def test_the_command_writes_figures_and_tables_and_leaves_with_status_0(shelf, tmp_path):
    from facebias.__main__ import _mount, app

    _mount()
    runs = [*shelf.add("cnn", 0, 1), *shelf.add("dbvae-0.01", 0, 1, lift=4.0)]
    words = ["compare", *(run.id for run in runs), "--runs-dir", str(shelf.folder), "--baseline", "dbvae",
             "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "changes are from dbvae-0.01" in done.output
    made_files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"recall-fairface-race-x-gender.png", "recall-fairface-race-x-gender.csv", "comparison.txt",
            "change-fairface-race-x-gender.png"} <= made_files


def test_rendered_faces_are_called_so(shelf):
    rendered = {"train_faces": "synthetic", "negatives": "synthetic"}
    found = compare_runs([*shelf.add("cnn", 0, **rendered), *shelf.add("vae", 0, **rendered)])
    assert found.synthetic and any("nothing about people" in note for note in found.notes)


def test_a_model_trained_on_the_audit_sets_own_source_is_named(shelf):
    found = compare_runs([*shelf.add("cnn", 0), *shelf.add("cnn", 0, train_faces="fairface")])
    assert any("FairFace is the training source of cnn train_faces=fairface" in note for note in found.notes)


def test_comparing_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, facebias.comparison; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
