"""Any runs side by side: which they are, what they are called, and the images that they share."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from compared_runs import Shelf, change_of
from facebias.core.errors import FacebiasError
from facebias.report.comparison import compare_runs, find_runs, models_of, settings_table


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
    other = {"epochs": 9, "batch_size": 16, "bins": 20, "flip": False}
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
    (run,) = shelf.add("cnn", 0)
    assert find_runs([run.id, str(run.path)], shelf.config) == [run]
    (twin,) = Shelf(tmp_path / "elsewhere").add("cnn", 0)
    with pytest.raises(FacebiasError, match="the same training as"):
        models_of([run, twin])


def test_a_run_without_predictions_and_a_folder_that_is_no_run_are_refused(shelf, tmp_path):
    (run,) = shelf.add("cnn", 0)
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
