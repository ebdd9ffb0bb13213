from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageOps

from facebias.analyses.pictures.detect import COLUMNS, detect, detect_pictures, score_windows, scorer, table_of
from facebias.core.errors import FacebiasError
from facebias.data.rendering import blocks, render_negatives
from facebias.data.user_pictures import gather
from facebias.detectors.inference import logits
from facebias.detectors.networks import build_model
from facebias.detectors.windows import Scan
from made import encoded, picture, pixels, write
from scored_runs import command, scored

FACE = (68, 44, 90)  # left, top and side of the pasted face
SCAN = Scan.parse("64:128:1.1@0.125")


@pytest.fixture(scope="module")
def scene():
    """A rendered background with a rendered face at FACE, and a scorer that knows that face."""
    face = next(iter(blocks("faces", 1, 3, workers=1))).images[0]
    background = Image.fromarray(render_negatives(1, 5).images[0]).resize((240, 180), Image.Resampling.BICUBIC)
    left, top, side = FACE
    background.paste(Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC), (left, top))

    def score(crops):
        return 20 - np.abs(crops.astype(float) - face).mean(axis=(1, 2, 3))

    return background, score


def overlap(box, left, top, side):
    width = min(box[2], left + side) - max(box[0], left)
    height = min(box[3], top + side) - max(box[1], top)
    inside = max(width, 0) * max(height, 0)
    return inside / ((box[2] - box[0]) * (box[3] - box[1]) + side**2 - inside)


def test_a_pasted_face_is_found_where_it_is(scene):
    image, score = scene
    found = detect(image, score, SCAN, 0.0)
    assert len(found.scores) == 1
    assert overlap(found.boxes[0], *FACE) > 0.75
    moved = image.transform(image.size, Image.Transform.AFFINE, (1, 0, -60, 0, 1, -30))
    assert overlap(detect(moved, score, SCAN, 0.0).boxes[0], FACE[0] + 60, FACE[1] + 30, FACE[2]) > 0.75


def test_a_turned_jpeg_gives_the_boxes_of_the_upright_picture(scene, tmp_path):
    image, score = scene
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right to see it
    write(tmp_path / "turned.jpg", encoded(image.transpose(Image.Transpose.ROTATE_90), quality=95, exif=exif))
    write(tmp_path / "grey.png", encoded(ImageOps.grayscale(image), "PNG"))
    made = detect_pictures(gather([tmp_path]), score, SCAN, -10.0, tmp_path / "out", {})
    table = pd.read_csv(tmp_path / "out" / "detections.csv")
    turned = table[table["image"].str.contains("turned")].sort_values("score").iloc[-1]
    assert overlap(turned[list(COLUMNS[1:5])].to_numpy(), *FACE) > 0.75
    assert [(line["width"], line["height"]) for line in made["pictures"]] == [(240, 180)] * 2


def test_overlapping_windows_leave_the_best_and_distant_ones_stay():
    image = Image.new("RGB", (200, 100))

    def score(crops):  # every window is called a face, each one less than the one before
        return -np.arange(len(crops)) / 100

    everything = detect(image, score, Scan.parse("1:1:1.1@0.25"), -9, overlap=1)
    assert len(everything.scores) == 5
    kept = detect(image, score, Scan.parse("1:1:1.1@0.25"), -9, overlap=0.3)
    assert [box[0] for box in kept.boxes] == [0, 75] and (np.diff(kept.scores) < 0).all()
    assert len(detect(image, score, Scan.parse("1:1:1.1@0.25"), 1).boxes) == 0


def test_scores_of_windows_are_those_of_their_crops_and_each_is_cut_once(tiny):
    image = Image.fromarray(pixels(7, 150, 90))
    places, seen = Scan.parse("coarse").places(150, 90), []
    model = build_model(tiny).eval()

    def remember(crops):
        seen.append(crops)
        return np.zeros(len(crops))

    found = score_windows(image, places, [scorer(model), remember])
    crops = torch.from_numpy(np.concatenate(seen)).permute(0, 3, 1, 2)
    np.testing.assert_allclose(np.sort(found[0]), np.sort(logits(model, crops).numpy()), rtol=1e-4, atol=1e-6)
    assert len(crops) == len(places) and (found[1] == 0).all()


@pytest.mark.parametrize(
    "answer",
    [lambda crops: np.zeros((len(crops), 1)), lambda crops: np.zeros(1), lambda crops: np.full(len(crops), np.nan)],
)
def test_a_detector_that_does_not_answer_as_it_should_is_one_line(answer):
    image = Image.new("RGB", (80, 80))
    with pytest.raises(FacebiasError, match="one finite score a crop") as caught:
        score_windows(image, Scan.parse("0.5:1:2@0.5").places(80, 80), [answer])
    assert "\n" not in str(caught.value)


def test_the_table_has_a_probability_for_each_logit():
    found = detect(Image.new("RGB", (64, 64)), lambda crops: np.full(len(crops), np.log(3)), Scan(1, 1, 2, 1), 0)
    table = table_of("a.jpg", found)
    assert tuple(table) == COLUMNS and table["probability"].to_numpy() == pytest.approx([0.75])
    assert table.loc[0, ["x0", "y0", "x1", "y1"]].tolist() == [0, 0, 64, 64]


def test_pictures_that_cannot_be_searched_are_listed_and_the_rest_drawn(scene, tmp_path):
    image, score = scene
    write(tmp_path / "in" / "good.png", encoded(image, "PNG"))
    write(tmp_path / "in" / "page.jpg", "<html>")
    picture(tmp_path / "in" / "small.jpg", 1, 50, 300)
    made = detect_pictures(gather([tmp_path / "in"]), score, SCAN, 0.0, tmp_path / "out", {"rule": "mine"})
    rejects = pd.read_csv(tmp_path / "out" / "rejects.csv")
    assert rejects["code"].tolist() == ["IMAGE_FORMAT", "WINDOW"] and made["rejected"] == 2
    assert [line["faces"] for line in made["pictures"]] == [1] and made["rule"] == "mine"
    with Image.open(tmp_path / "out" / "good.jpg") as drawn:
        changed = np.abs(np.asarray(drawn).astype(int) - np.asarray(image)).max(axis=2) > 100
    assert drawn.size == image.size and changed.any() and not changed[:, :30].any()
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["windows"] == "64:128:1.1@0.125"
    with pytest.raises(FacebiasError, match="none of 1 pictures can be searched"):
        detect_pictures(gather([tmp_path / "in" / "page.jpg"]), score, SCAN, 0.0, tmp_path / "out", {})


def test_the_command_fixes_its_threshold_on_held_out_crops_and_names_bad_files(tmp_path, tiny):
    run = scored(tiny)
    picture(tmp_path / "in" / "a.jpg", 1, 120, 80)
    write(tmp_path / "in" / "b.jpg", "text")
    words = ("detect", tmp_path / "in", "--run", run.id, "--runs-dir", tiny.path("runs"), "--out", tmp_path / "out")
    result = command(*words, "--rule", "fpr=0.05", "--windows", "coarse")
    assert result.exit_code == 0, result.output
    made = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert made["threshold"] == pytest.approx(np.linspace(-1, 1, 200)[-11]) and made["held_out_negatives"] == 200
    assert "1 left out" in result.output and "[IMAGE_FORMAT]" in result.stderr and result.stderr.count("\n") == 1
    for flags in (("--rule", "fdr=1"), ("--windows", "medium")):
        assert isinstance(command(*words, *flags).exception, FacebiasError)
