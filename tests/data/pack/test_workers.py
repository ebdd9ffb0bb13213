from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.data.pack.workers import batches, decode, in_order
from facebias.data.sources.base import Block, Box, Sample
from facebias.data.sources.rendered import Render
from made import encoded, picture, pixels, write

MEASURED = ["skin_tone", "ita", "l_star", "hue"]


def sample(path, **more):
    return Sample(path.name, 0, path.name, f"set.csv:{path.stem}", path, **more)


def flesh(path):
    """A plain patch of light skin with enough noise to be no flat colour."""
    image = np.clip(np.array([205, 165, 140]) + np.random.default_rng(0).normal(0, 4, (80, 80, 3)), 0, 255).astype(
        np.uint8
    )
    return write(path, encoded(image, "PNG"))


def test_images_and_rows_stay_together(tmp_path):
    samples = [sample(picture(tmp_path / f"{i}.jpg", i), gender="Male") for i in range(4)]
    write(tmp_path / "2.jpg", "not a picture")
    found = decode(samples, 64)
    assert list(found.block.table["image_id"]) == ["0.jpg", "1.jpg", "3.jpg"]
    assert found.block.images.shape == (3, 64, 64, 3)
    expected = np.asarray(Image.open(tmp_path / "3.jpg").resize((64, 64), Image.Resampling.LANCZOS))
    assert np.array_equal(found.block.images[2], expected)
    (reject,) = found.rejects
    assert reject[:3] == ("2.jpg", "set.csv:2", "IMAGE_FORMAT") and "found text" in reject.reason


def test_all_kinds_of_broken_pictures_become_rejects(tmp_path):
    good = encoded(pixels(1))
    files = {"cut.jpg": good[:900], "gone.jpg": None, "page.jpg": b"<html></html>"}
    samples = [sample(tmp_path / name) for name in files]
    for name, data in files.items():
        if data is not None:
            write(tmp_path / name, data)
    found = decode(samples, 64)
    assert [r.code for r in found.rejects] == ["IMAGE_BROKEN", "MISSING", "IMAGE_FORMAT"]
    assert found.block.images.shape == (0, 64, 64, 3) and "label" in found.block.table


def test_a_published_hash_is_held(tmp_path):
    path = picture(tmp_path / "1.jpg", 1)
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert not decode([sample(path, sha256=right)], 64).rejects
    assert decode([sample(path, sha256="0" * 64)], 64).rejects[0].code == "HASH"


def test_mends_are_counted_once_a_picture(tmp_path):
    path = write(tmp_path / "1.png", encoded(Image.new("RGBA", (70, 70)), "PNG"))
    crops = [replace(sample(path), image_id=str(i), crop=Box(i, 0, 64)) for i in range(3)]
    assert decode(crops, 64).mended == {"transparency": 1}


def test_skin_is_measured_on_faces_alone(tmp_path):
    face = replace(sample(flesh(tmp_path / "1.png")), label=1)
    table = decode([face, replace(face, label=0)], 64).block.table
    assert table["ita"][0] > 20 and table["skin_tone"][0] in ("light", "very light", "intermediate")
    assert np.isnan(table.loc[1, MEASURED[1:]].to_numpy(float)).all() and table["skin_tone"][1] == ""


def test_skin_that_is_known_is_not_measured_again():
    table = pd.DataFrame(
        {
            "image_id": ["a"],
            "label": [1],
            "identity": ["a"],
            "where": ["w"],
            "race": [""],
            "gender": [""],
            "age": [""],
            "skin_tone": ["tan"],
            "ita": [12.5],
            "l_star": [50.0],
            "hue": [60.0],
        }
    )
    block = decode(Block(np.full((1, 64, 64, 3), 200, np.uint8), table), 64).block
    assert block.table["ita"][0] == 12.5 and block.table["skin_tone"][0] == "tan"


@pytest.mark.parametrize("images", [np.zeros((1, 32, 32, 3), np.uint8), np.zeros((1, 64, 64, 3), np.float32)])
def test_a_block_of_another_size_or_type_is_refused(images):
    with pytest.raises(FacebiasError, match="expected uint8"):
        decode(Block(images, pd.DataFrame({"label": [0]})), 64)


def test_batches_keep_order_and_pass_tasks_through(tmp_path):
    samples = [sample(tmp_path / f"{i}.jpg") for i in range(5)]
    task = Render("faces", 1, 0, 0, None, 0.5)
    assert list(batches([*samples, task], 2)) == [samples[:2], samples[2:4], task, samples[4:]]


def test_processes_give_what_one_gives_in_order(tmp_path):
    lists = [[sample(picture(tmp_path / f"{i}.jpg", i))] for i in range(9)]
    one, two = (list(in_order(lists, 64, workers)) for workers in (1, 2))
    assert [d.block.table["image_id"][0] for d in two] == [f"{i}.jpg" for i in range(9)]
    assert [d.pixels for d in one] == [d.pixels for d in two]


def test_a_sources_own_scale_of_skin_type_is_kept_beside_the_measured_angle(tmp_path):
    own, none = flesh(tmp_path / "own.png"), flesh(tmp_path / "none.png")
    faces = [replace(sample(own, skin_tone="Darker"), label=1), replace(sample(none), label=1)]
    table = decode(faces, 64).block.table
    assert table["skin_tone"].iloc[0] == "Darker"
    assert table["skin_tone"].iloc[1] not in ("", "Darker")
    assert table["ita"].notna().all()
