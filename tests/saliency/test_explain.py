from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from facebias.cli import app
from facebias.core.errors import FacebiasError
from facebias.core.manifest import sha256
from facebias.data.user_pictures import gather
from facebias.saliency import FullGrad, method
from facebias.saliency.explain import explain_pictures, maps_of, overlay, scores
from facebias.saliency.subjects import Normalised, Subject, find_subject, read_weights
from facebias.training.run import Run
from made import encoded, picture, pixels, untrained_run, write
from scored_runs import audited

runner = CliRunner()


def command(*words):
    return runner.invoke(app, [str(word) for word in words])


class Small(nn.Module):
    """Three logits of a 32-pixel picture."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 5, stride=2)
        self.head = nn.Linear(4, 3)

    def forward(self, images):
        return self.head(torch.relu(self.convolution(images)).mean((2, 3)))


@pytest.fixture
def subject():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Subject("small", Small().eval(), 32, "0" * 64, "small")


def test_explain_writes_overlay_map_and_manifest_of_a_run(tmp_path, tiny):
    run = untrained_run(tiny)
    picture(tmp_path / "in" / "a.jpg", 1, 120, 80)
    picture(tmp_path / "in" / "b" / "a.png", 2)
    result = command(
        "explain", tmp_path / "in", "--model", run.id[:6], "--runs-dir", tiny.path("runs"), "--out", tmp_path / "out"
    )
    assert result.exit_code == 0, result.output
    made = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert made["model"] == {"name": run.id, "weights_sha256": sha256(run.path / "weights.pt"), "side": 64}
    assert made["method"] == "fullgrad" and made["psi"]["scope"] == "layer" and made["code_version"]
    assert [line["name"] for line in made["pictures"]] == ["a", "a-2"]
    for line in made["pictures"]:
        plane = np.load(tmp_path / "out" / f"{line['name']}.npy")
        assert plane.shape == (64, 64) and plane.dtype == np.float32 and plane.min() >= 0 and plane.max() > 0
        with Image.open(tmp_path / "out" / f"{line['name']}.png") as shown:
            assert shown.size == (256, 256) and shown.mode == "RGB"
        assert 0 <= line["relative_error"] < 1e-4
    assert pd.read_csv(tmp_path / "out" / "rejects.csv").empty
    assert not list((tmp_path / "out").glob(".*"))


def test_the_map_is_that_of_the_pictures_central_square(tmp_path, subject):
    image = pixels(3, 64, 32)
    write(tmp_path / "wide.png", encoded(image, "PNG"))
    explain_pictures(gather([tmp_path / "wide.png"]), subject, "fullgrad", tmp_path / "out", target=2)
    square = torch.from_numpy(image[:, 16:48].copy()).permute(2, 0, 1)[None].float() / 255
    expected = FullGrad(subject.model).saliency(square, 2)[0, 0].numpy()
    np.testing.assert_allclose(np.load(tmp_path / "out" / "wide.npy"), expected, rtol=1e-4, atol=1e-5)


def test_unreadable_pictures_are_listed_and_the_rest_explained(tmp_path, subject):
    picture(tmp_path / "good.jpg", 1)
    write(tmp_path / "=cut.jpg", encoded(pixels(2))[:600])
    made = explain_pictures(gather([tmp_path]), subject, "input_gradient", tmp_path / "out")
    rejects = pd.read_csv(tmp_path / "out" / "rejects.csv")
    assert [line["name"] for line in made["pictures"]] == ["good"] and made["rejected"] == 1
    assert rejects["code"].tolist() == ["IMAGE_BROKEN"] and "=cut.jpg" in rejects["where"][0]
    assert made["pictures"][0]["relative_error"] is None and made["psi"] is None


def test_no_readable_picture_is_an_error_with_the_list_written(tmp_path, subject):
    write(tmp_path / "page.jpg", "<html>")
    with pytest.raises(FacebiasError, match="none of 1 pictures can be read"):
        explain_pictures(gather([tmp_path]), subject, "fullgrad", tmp_path / "out")
    assert "HTML" in (tmp_path / "out" / "rejects.csv").read_text()


def test_an_old_manifest_does_not_outlive_a_run_that_fails(tmp_path, subject):
    picture(tmp_path / "a.jpg", 1)
    places = gather([tmp_path / "a.jpg"])
    explain_pictures(places, subject, "fullgrad", tmp_path / "out")
    with pytest.raises(FacebiasError, match="3 output"):
        explain_pictures(places, subject, "fullgrad", tmp_path / "out", target=7)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_other_methods_and_scores_are_those_of_the_registry(subject):
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    maps, exact = maps_of("input_gradient", subject.model, images)
    assert exact is None and torch.equal(maps, method("input_gradient", subject.model)(images))
    score, index = scores(subject.model, images)
    with torch.no_grad():
        expected = subject.model(images).max(1)
    assert torch.allclose(score, expected.values) and torch.equal(index, expected.indices)


def test_an_overlay_is_brightest_where_the_map_is():
    plane = np.zeros((32, 32), np.float32)
    plane[4, 6] = 3
    shown = overlay(np.full((32, 32, 3), 100, np.uint8), plane).astype(int).sum(2)
    assert shown.shape == (256, 256) and divmod(int(shown.argmax()), 256) == (4 * 8, 6 * 8)
    assert (overlay(np.zeros((32, 32, 3), np.uint8), 0 * plane) < 10).all()


def test_a_torchvision_network_takes_pixels_and_a_file_of_weights(tmp_path, tiny):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torchvision.models.squeezenet1_1().eval()
    torch.save(model.state_dict(), tmp_path / "w.pt")
    found = find_subject("torchvision:squeezenet1_1", tiny, tmp_path / "w.pt")
    assert found.side == 224 and found.weights_sha256 == sha256(tmp_path / "w.pt")
    pixels_ = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        assert torch.allclose(found.model(pixels_), model((pixels_ - mean) / std), atol=1e-5)
    assert isinstance(found.model, Normalised)
    picture(tmp_path / "a.jpg", 1)
    made = explain_pictures(gather([tmp_path / "a.jpg"]), found, "fullgrad", tmp_path / "out")
    # this network ends in a ReLU: an output may be exactly 0, the highest is not
    assert made["pictures"][0]["score"] > 0 and made["pictures"][0]["relative_error"] < 1e-4


def test_weights_that_are_no_tensors_or_do_not_fit_are_one_line(tmp_path, tiny):
    torch.save({"a": print}, tmp_path / "code.pt")
    write(tmp_path / "text.pt", "no weights")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    for name, said in (("code", "not a file of tensors"), ("text", "not a file of tensors"), ("list", "found a list")):
        with pytest.raises(FacebiasError, match=said) as caught:
            read_weights(tmp_path / f"{name}.pt")
        assert "\n" not in str(caught.value)
    with pytest.raises(FacebiasError, match="does not fit the network"):
        find_subject("torchvision:squeezenet1_1", tiny, tmp_path / "other.pt")
    with pytest.raises(FacebiasError, match="no such file"):
        read_weights(tmp_path / "none.pt")


def test_a_network_that_does_not_exist_is_refused(tmp_path, tiny):
    with pytest.raises(FacebiasError, match="no classifier 'resnet19'"):
        find_subject("torchvision:resnet19", tiny)
    with pytest.raises(FacebiasError, match="which has its own"):
        find_subject("cnn-s0", tiny, tmp_path / "w.pt")
    with pytest.raises(FacebiasError, match="expected one of fullgrad"):
        explain_pictures([], Subject("m", Small(), 32, "", "m"), "magic", tmp_path / "out")


def test_explain_groups_draws_the_study_that_is_named(tmp_path, tiny, monkeypatch):
    seen = {}

    def figures(study):
        seen["study"] = study
        return SimpleNamespace(
            all=lambda: seen.update(drawn=True),
            saliency_arms=["cnn", "dbvae-0.01"],
            files=SimpleNamespace(folder=tmp_path / "figures"),
        )

    monkeypatch.setattr("facebias.training.study.run_study", lambda config: config)
    monkeypatch.setattr("facebias.analyses.saliency.figures.SaliencyFigures.of", figures)
    name = audited(tiny.with_(seeds=2))
    result = command("explain-groups", name[:-4], "--studies-dir", tiny.path("studies"), "--threads", "2")
    assert result.exit_code == 0, result.output
    assert seen["drawn"] and seen["study"] == tiny.with_(seeds=2, threads=2)
    assert f"FullGrad of cnn, dbvae-0.01, 2 seeds: {tmp_path / 'figures'}" in result.output


def test_an_ambiguous_run_is_told_with_what_sets_the_candidates_apart(tiny):
    runs = [untrained_run(tiny.with_(epochs=epochs)) for epochs in (1, 2)]
    with pytest.raises(FacebiasError, match="begins 2 runs") as caught:
        Run.find(runs[0].id[:-8], tiny)
    assert all(f"{run.id} epochs={run.config.epochs}" in str(caught.value) for run in runs)
