from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.core.words import IMAGE_SIZE
from facebias.data.pixels import square
from facebias.data.sources.base import Box
from facebias.detectors.windows import GRIDS, NAMED, Scan, batches, boxes_of
from made import pixels

SIZES = [(448, 448), (256, 171), (171, 256), (300, 41), (64, 64), (33, 50)]


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("size", SIZES)
def test_windows_are_square_and_inside_and_the_last_ends_at_the_edge(size, name):
    places = Scan.parse(name).places(*size)
    boxes = boxes_of(places, *size)
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    np.testing.assert_allclose(width, height, rtol=1e-9)
    assert boxes.min() >= 0 and boxes[:, 2].max() <= size[0] and boxes[:, 3].max() <= size[1]
    for pixels_ in np.unique(places[:, 0]):
        mine = boxes[places[:, 0] == pixels_]
        np.testing.assert_allclose((mine[:, 2].max(), mine[:, 3].max()), size, rtol=1e-9)
    assert len(np.unique(places, axis=0)) == len(places)


@pytest.mark.parametrize("size", [(90, 64), (64, 90), (70, 70)])
def test_windows_of_every_size_cover_the_picture(size):
    places = Scan(0.3, 0.9, 1.5, 1.0).places(*size)
    boxes = boxes_of(places, *size)
    for pixels_ in np.unique(places[:, 0]):
        seen = np.zeros(size[::-1], bool)
        for x0, y0, x1, y1 in boxes[places[:, 0] == pixels_]:
            seen[int(np.floor(y0 + 1e-6)) : int(np.ceil(y1)), int(np.floor(x0 + 1e-6)) : int(np.ceil(x1))] = True
        assert seen.all()


@pytest.mark.parametrize("size", SIZES)
def test_a_window_holds_the_pixels_of_its_box_resized_alone(size):
    image = Image.fromarray(pixels(4, *size))
    places = Scan(0.4, 1, 1.6, 0.25).places(*size)
    boxes, seen = boxes_of(places, *size), []
    for rows, crops in batches(image, places, 50):
        assert crops.shape[1:] == (IMAGE_SIZE, IMAGE_SIZE, 3) and crops.dtype == np.uint8 and len(crops) <= 50
        seen += rows.tolist()
        for row, crop in zip(rows, crops, strict=True):
            x0, y0, x1, _ = boxes[row]
            alone = square(image, Box(x0, y0, (x1 - x0) * (1 - 1e-9)), IMAGE_SIZE)
            assert np.abs(alone.astype(int) - crop).max() <= 2  # rounding, and overshoot clipped between two passes
    assert sorted(seen) == list(range(len(places)))


def test_batches_are_full_but_for_the_last():
    image = Image.fromarray(pixels(1, 120, 80))
    lengths = [len(rows) for rows, _ in batches(image, Scan.parse("coarse").places(120, 80), 32)]
    assert set(lengths[:-1]) == {32} and 0 < lengths[-1] <= 32


@pytest.mark.parametrize("size", [(448, 448), (333, 500)])
def test_windows_of_coarse_and_narrow_are_among_those_of_fine(size):
    fine = set(map(tuple, Scan.parse("fine").places(*size).tolist()))
    for name in ("coarse", "narrow"):
        assert set(map(tuple, Scan.parse(name).places(*size).tolist())) < fine


def test_sizes_are_shares_of_the_shorter_side_or_pixels():
    shares = boxes_of(Scan.parse("0.25:1:2@0.5").places(400, 200), 400, 200)
    pixel = boxes_of(Scan.parse("50:200:2@0.5").places(400, 200), 400, 200)
    np.testing.assert_allclose(np.unique((shares[:, 2] - shares[:, 0]).round(6)), [50, 100, 200])
    np.testing.assert_array_equal(shares, pixel)


def test_the_stride_is_a_share_of_the_window():
    boxes = boxes_of(Scan.parse("0.5:0.5:1.1@0.25").places(200, 200), 200, 200)
    np.testing.assert_allclose(np.unique(boxes[:, 0]), [0, 25, 50, 75, 100])


def test_windows_larger_than_the_picture_are_left_out_and_none_left_is_one_line():
    boxes = boxes_of(Scan.parse("40:160:2@0.5").places(100, 300), 100, 300)
    np.testing.assert_allclose(np.unique((boxes[:, 2] - boxes[:, 0]).round()), [40, 80])
    with pytest.raises(FacebiasError, match="no window of 40 pixels or more fits a picture of 30 x 300") as caught:
        Scan.parse("40:160:2@0.5").places(30, 300)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(100, 100), (60, 130), (130, 90), (101, 75), (9, 20), (1, 1)])
def test_the_labs_windows_are_those_of_its_published_loops(size):
    image = Image.fromarray(pixels(2, *size))
    expected = windows_of_the_lab(np.array(image))
    places = Scan.parse("lab").places(*size)
    found = {}
    for rows, crops in batches(image, places, 7):
        for box, crop in zip(boxes_of(places[rows], *size).tolist(), crops, strict=True):
            found[tuple(box)] = crop
    assert found.keys() == expected.keys() and len(found) == len(places)
    for box, crop in expected.items():
        np.testing.assert_array_equal(found[box], crop)


def windows_of_the_lab(image: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    """By box, MIT 6.S191's loops over sizes, rows and columns; each pixel is the one that INTER_NEAREST takes."""
    (height, width), found = image.shape[:2], {}
    for side in map(int, np.linspace(width / 2, width, 5)):
        side = side or 1  # of a picture of one pixel, in which the lab's code fails
        nearest = np.floor(np.arange(IMAGE_SIZE) * (side / IMAGE_SIZE)).astype(int)
        for top in range(0, height - side + 1, int(0.2 * side) or 1):
            for left in range(0, width - side + 1, int(0.2 * side) or 1):
                found[left, top, left + side, top + side] = image[top + nearest][:, left + nearest]
    return found


def test_the_labs_windows_and_ours_are_searched_together():
    size = (150, 200)
    image, grids = Image.fromarray(pixels(3, *size)), [Scan.parse(name).places(*size) for name in ("lab", "coarse")]
    together = {tuple(row): number for number, row in enumerate(np.concatenate(grids).tolist())}
    places = np.array(list(together))
    crops = np.empty((len(places), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    for rows, cut in batches(image, places):
        crops[rows] = cut
    for grid in grids:
        for rows, cut in batches(image, grid):
            np.testing.assert_array_equal(crops[[together[tuple(row)] for row in grid[rows].tolist()]], cut)


def test_a_picture_too_low_for_the_labs_windows_is_one_line():
    with pytest.raises(FacebiasError, match=r"no window of 0\.5 of its width or more fits a picture of 640 x 100"):
        Scan.parse("lab").places(640, 100)


@pytest.mark.parametrize("text", ["lab", "coarse", "64:300:1.2@0.25", "32:64:3x@0.5"])
def test_a_protocol_reads_back_as_it_is_spelled(text):
    scan = Scan.parse(text)
    assert Scan.parse(str(scan)) == scan and (text in NAMED or str(scan) == text)


@pytest.mark.parametrize(
    "text",
    [
        "medium",
        "0.5:1:0x@0.2",
        "0.5:1:-2x@0.2",
        "0.5:1:x@0.2",
        "0.5:1:2.5x@0.2",
        "0.5:0.2:1.2@0.5",
        "0.5:100:1.2@0.5",
        "0.2:1:1@0.5",
        "0.2:1:1.2@0",
        "0.2:1:1.2@2",
        "0.2:1@0.5",
        "0.2:1:x@0.5",
        "nan:1:1.2@0.5",
        "64:inf:1.2@0.5",
    ],
)
def test_a_protocol_that_is_none_is_one_line(text):
    with pytest.raises(FacebiasError, match="SMALLEST:LARGEST:RATIO@STRIDE") as caught:
        Scan.parse(text)
    assert "\n" not in str(caught.value)
