from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from facebias.core.errors import FacebiasError
from facebias.core.words import EYE_DISTANCE, EYE_HEIGHT
from facebias.data.pixels import square
from facebias.data.sources.base import Box
from facebias.data.sources.ppb import PPB, find_face
from made import encoded, pixels, ppb, write

EYES = ((203, 101), (246, 103))  # in scikit-image's portrait of E. Collins (public domain), pixels, by eye


@pytest.mark.parametrize("ends", ["\n", "\r", "\r\n"])
def test_boxes_become_squares(tmp_path, ends):
    samples = list(PPB(ppb(tmp_path, ends=ends)))
    assert [(s.skin_tone, s.gender) for s in samples] == [("Darker", "Female"), ("Lighter", "Male"), ("Darker", "Male")]
    assert samples[0].crop == Box(90, 50, 120) and samples[0].where.endswith("PPB-2017-metadata.csv:2")
    assert next(iter(PPB(tmp_path, margin=2.0))).crop == Box(30, -10, 240)


def test_faces_not_found_are_counted_by_group(tmp_path):
    ppb(tmp_path, boxes=False)
    write(tmp_path / "imgs/b.jpg", encoded(astronaut()))
    source = PPB(tmp_path)
    for _ in range(2):
        assert [s.image_id for s in source] == ["b.jpg"]
        assert source.counts == {"Darker Female faces not found": 1, "Darker Male faces not found": 1}
    assert "no face found in a.jpg" in source.left_out[0][1]


def test_cascade_gives_the_tight_framing():
    box = find_face(Image.fromarray(astronaut()))
    (lx, ly), (rx, ry) = EYES
    assert (rx - lx) / box.side == pytest.approx(EYE_DISTANCE, abs=0.06)
    assert ((ly + ry) / 2 - box.top) / box.side == pytest.approx(EYE_HEIGHT, abs=0.06)
    assert ((lx + rx) / 2 - box.left) / box.side == pytest.approx(0.5, abs=0.06)
    assert square(Image.fromarray(astronaut()), box, 64).mean() > 60


def test_cascade_finds_nothing_in_noise_or_a_tiny_picture():
    assert find_face(Image.fromarray(pixels(0, 200, 200))) is None
    assert find_face(Image.fromarray(np.zeros((30, 400, 3), np.uint8))) is None


@pytest.mark.parametrize(
    "file, old, new, code, say",
    [
        ("boxes.csv", "100,50,200", "100,50,90", "CSV_ROW", "boxes.csv:2: no box"),
        ("boxes.csv", "x2", "x9", "CSV_COLUMN", "Add x2"),
        ("boxes.csv", "25.5", "wide", "CSV_ROW", "boxes.csv:4"),
        ("PPB-2017-metadata.csv", "Female", "Femal", "LABEL", "closest"),
        ("PPB-2017-metadata.csv", "bi.fitz", "skin", "CSV_COLUMN", "Add bi.fitz"),
        ("PPB-2017-metadata.csv", "b.jpg", "z.jpg", "MISSING", "metadata.csv:3"),
    ],
)
def test_names_fault_and_line(tmp_path, file, old, new, code, say):
    path = ppb(tmp_path) / file
    write(path, path.read_text().replace(old, new, 1))
    with pytest.raises(FacebiasError) as caught:
        list(PPB(tmp_path))
    assert caught.value.code == code and say in str(caught.value)
