from __future__ import annotations

import math
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from facebias.core.errors import FacebiasError
from facebias.data.pixels import box_of, read_rgb, square
from facebias.data.sources.base import Box
from made import encoded, pixels


def refused(data: bytes, code: str) -> str:
    with pytest.raises(FacebiasError) as caught:
        read_rgb(data, "set.csv:3")
    assert caught.value.code == code and caught.value.where == "set.csv:3"
    return str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_reads_lossless_pixels_exactly(kind):
    assert np.array_equal(np.asarray(read_rgb(encoded(pixels(1), kind), "x")), pixels(1))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_reads_each_allowed_format(kind):
    image = read_rgb(encoded(pixels(1), kind), "x")
    assert image.mode == "RGB" and abs(np.asarray(image).astype(int) - pixels(1)).mean() < 12


@pytest.mark.parametrize(
    "data, found",
    [
        (b"<!DOCTYPE html><html>gone</html>", "an HTML page"),
        (b"not a picture", "text"),
        (b"", "an empty file"),
        (b"%PDF-1.7", "a PDF"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (b"\x93\xfa\x00\x12", "unknown"),
        (encoded(np.zeros((4, 4, 3), np.uint8), "TIFF"), "TIFF"),
        (encoded(np.zeros((4, 4, 3), np.uint8), "PPM"), "PPM"),
    ],
)
def test_names_the_format_found_where_it_is_not_allowed(data, found):
    assert f"found {found}" in refused(data, "IMAGE_FORMAT")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_rejects_a_truncated_picture(kind, share):
    data = encoded(np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8), kind)
    refused(data[: int(len(data) * share)], "IMAGE_BROKEN")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
def test_rejects_a_jpeg_cut_anywhere(options):
    data = encoded(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8), **options)
    for length in range(2, len(data), 5):
        with pytest.raises(FacebiasError):
            read_rgb(data[:length], "x")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
def test_rejects_a_jpeg_cut_anywhere_that_an_end_mark_was_put_to(options):
    data = encoded(pixels(3, 97, 60), quality=90, **options)
    for length in range(40, len(data) - 4, 7):
        with pytest.raises(FacebiasError):
            read_rgb(data[:length] + b"\xff\xd9", "x")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("highest", [255, 256])
def test_takes_a_whole_jpeg_whatever_follows_it(options, highest):
    data, plain = encoded(pixels(4, 97, 60), **options), read_rgb(encoded(pixels(4, 97, 60), **options), "x")
    video = b"\0\0\0\x18ftypmp42" + bytes(np.random.default_rng(0).integers(0, highest, 150_000, np.uint8))
    assert np.array_equal(np.asarray(read_rgb(data + video, "x")), np.asarray(plain))


def test_a_second_picture_behind_the_first_is_passed_over_and_a_cut_first_one_refused():
    first, second = (Image.fromarray(pixels(i, 90, 60)) for i in (1, 2))
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    assert np.array_equal(np.asarray(read_rgb(data, "x")), np.asarray(read_rgb(encoded(first), "x")))
    refused(data[: len(data) // 4], "IMAGE_BROKEN")


def test_rejects_a_truncated_jpeg_even_where_filling_was_switched_on():
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        data = encoded(np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8))
        refused(data[: len(data) // 2], "IMAGE_BROKEN")
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def test_rejects_a_jpeg_whose_end_mark_is_gone():
    data = encoded(pixels(1))
    assert data.endswith(b"\xff\xd9")
    refused(data[:-2], "IMAGE_BROKEN")


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
    )


@pytest.mark.parametrize("side", [5001, 12_000, 60_000])
def test_refuses_over_25_megapixels_from_the_header(side):
    start = time.perf_counter()
    assert "25 megapixels" in refused(png_header(side, side), "IMAGE_SIZE")
    assert time.perf_counter() - start < 1


def test_applies_every_exif_orientation_and_notes_it():
    base = pixels(3, 60, 40)
    transposed = {
        1: base,
        2: base[:, ::-1],
        3: base[::-1, ::-1],
        4: base[::-1],
        5: base.transpose(1, 0, 2),
        6: np.rot90(base, -1),
        7: base.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(base, 1),
    }
    for orientation, expected in transposed.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = read_rgb(encoded(base, "PNG", exif=exif), "x")
        assert np.array_equal(np.asarray(image), expected), orientation
        assert image.info["mended"] == (("orientation",) if orientation > 1 else ())


def test_scales_16_bit_grey_to_8():
    grey = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1040
    image = read_rgb(encoded(Image.fromarray(grey), "PNG"), "x")
    assert np.array_equal(np.asarray(image)[..., 0], (grey.astype(int) * 255 // 65535).astype(np.uint8))
    assert image.info["mended"] == ("16 bits",)


def test_composites_transparency_on_white():
    rgba = np.dstack([pixels(4, 8, 8), np.zeros((8, 8), np.uint8)])
    rgba[:4, :, 3] = 255
    image = np.asarray(read_rgb(encoded(rgba, "PNG"), "x"))
    assert np.array_equal(image[:4], rgba[:4, :, :3]) and (image[4:] == 255).all()


def test_expands_grey_and_palette():
    assert np.asarray(read_rgb(encoded(Image.new("L", (8, 8), 77), "PNG"), "x")).tolist() == [[[77] * 3] * 8] * 8
    palette = Image.fromarray(pixels(5, 8, 8)).quantize(4)
    assert np.array_equal(np.asarray(read_rgb(encoded(palette, "PNG"), "x")), np.asarray(palette.convert("RGB")))


def test_square_of_a_central_share():
    assert box_of(0.5, 200, 100) == Box(75, 25, 50)


def test_square_of_a_box_in_place_is_a_plain_cut():
    image = Image.fromarray(pixels(6, 90, 80))
    assert np.array_equal(square(image, Box(10, 5, 64), 64), pixels(6, 90, 80)[5:69, 10:74])


def test_square_outside_the_picture_is_black():
    out = square(Image.new("RGB", (64, 64), "white"), Box(-32, -32, 64), 64)
    assert (out[:30] == 0).all() and (out[:, :30] == 0).all() and (out[34:, 34:] > 250).all()


@pytest.mark.parametrize(
    "box",
    [
        *(Box(0, 0, side) for side in (1e6, 1e12, math.inf, math.nan, -1)),
        *(Box(left, top, 5) for left, top in ((64, 0), (0, -5), (math.inf, 0), (0, math.nan))),
        Box(-1e12, 0, 2e12),
        *(0.0, -1.0, 1e9),
    ],
)
def test_refuses_a_square_that_no_picture_has(box):
    with pytest.raises(FacebiasError, match=r"\[CROP\]"):
        square(Image.new("RGB", (64, 64)), box, 64)


def test_resize_is_antialiased():
    """A one-pixel chequerboard becomes even grey; nearest neighbour would keep black and white."""
    board = ((np.indices((512, 512)).sum(0) % 2) * 255).astype(np.uint8)
    out = square(Image.fromarray(np.dstack([board] * 3)), 1.0, 64)[4:-4, 4:-4].astype(int)
    assert abs(out - 127.5).max() < 8


def test_resize_keeps_positions():
    """The centre of gravity of a spot stays at the same share of the side."""
    image = np.zeros((300, 300, 3), np.uint8)
    image[90:110, 190:210] = 255
    out = square(Image.fromarray(image), 1.0, 64)[..., 0].astype(float)
    y, x = np.indices(out.shape) + 0.5
    assert abs((out * x).sum() / out.sum() / 64 - 200 / 300) < 0.002
    assert abs((out * y).sum() / out.sum() / 64 - 100 / 300) < 0.002


@pytest.mark.parametrize("crop", [0.0, -1.0, Box(0, 0, 0), float("nan")])
def test_refuses_a_crop_without_area(crop):
    with pytest.raises(FacebiasError, match="CROP"):
        square(Image.new("RGB", (9, 9)), crop, 64)
