"""The one way from bytes to pixels, for training, encoding and audit alike.

Reading is strict (nothing is guessed, filled or silently converted): a truncated JPEG is an error, not a face
with a grey half. What had to be mended (orientation, 16 bits, transparency) is noted on the picture, so that
packing can count it.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib

import numpy as np
import simplejpeg
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from facebias.core.errors import FacebiasError
from facebias.core.formats import found_format
from facebias.data.sources.base import Box, Crop

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MAX_PIXELS = 25_000_000
_MARK = re.compile(rb"\xff[^\x00\xff]")
_ALONE = (0x01, *range(0xD0, 0xD9))  # marks without a length: restarts among them, inside of the data
_FILLING = b"\xb6\xdb\x6d" * 5000  # no marks; bits that begin otherwise than the zeros that libjpeg fills with
_EIGHT_BIT = {"1", "L", "P", "RGB", "CMYK", "YCbCr"}
_LARGEST = 4  # longer sides of the picture: what is outside is black, and a face box of 1e12 has no pixels
_UNDECODABLE = (
    *(OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, ArithmeticError, AttributeError),
    *(EOFError, RuntimeError, struct.error, zlib.error),
)
_SIXTEEN_BIT = {"I;16", "I;16B", "I;16L", "I;16N"}


def read_rgb(data: bytes, where: str) -> Image.Image:
    """Decode a picture to 8-bit RGB, upright.

    EXIF orientation is applied, 16-bit grey scaled to 8, transparency composited on white, grey and palettes
    expanded; of an animation the first frame is taken. `info["mended"]` of the result names which were needed.

    Args:
        data: the file's bytes.
        where: file or file:row, for the message.

    Raises:
        FacebiasError: not one of `FORMATS` (the format found is named), more than 25 megapixels (seen in the
            header, before anything is decoded), truncated, corrupt, or of a mode without a safe conversion.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own size and EXIF warnings: the checks below are stricter
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            _refuse_large(image, where)
            return _rgb(_decoded(image, data, where), where)
        except FacebiasError:
            raise
        except UnidentifiedImageError as error:
            raise FacebiasError(
                "IMAGE_FORMAT",
                where,
                f"found {found_format(data)}, expected one of {', '.join(FORMATS)}",
                "Replace the file or leave it out",
            ) from error
        except Image.DecompressionBombError as error:
            raise _too_large(where, str(error)) from error
        # Pillow's decoders raise many kinds for broken bytes; MemoryError and interrupts still pass
        except _UNDECODABLE as error:
            raise FacebiasError("IMAGE_BROKEN", where, f"cannot be decoded ({error})", "Get the file again") from error


def _refuse_large(image: Image.Image, where: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(where, f"{image.width} x {image.height} pixels")


def _too_large(where: str, found: str) -> FacebiasError:
    return FacebiasError(
        "IMAGE_SIZE",
        where,
        f"{found}, over the limit of {MAX_PIXELS // 10**6} megapixels",
        "Scale it down or leave it out",
    )


def _decoded(image: Image.Image, data: bytes, where: str) -> Image.Image:
    # Another library in the process may have switched filling on; a grey half would then pass as a face
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    jpeg = image.format in ("JPEG", "MPO")
    if jpeg and image.mode == "RGB" and (whole := _whole_jpeg(image, data)):
        return whole
    image.load()
    if jpeg and (missing := _missing_of_jpeg(image, data)):
        raise FacebiasError("IMAGE_BROKEN", where, f"truncated JPEG ({missing})", "Get the file again")
    return image


def _whole_jpeg(image: Image.Image, data: bytes) -> Image.Image | None:
    """A JPEG that is whole beyond doubt, decoded once; None of any other.

    The same decoder as Pillow's, to the bit, but it tells of every warning: where the end mark comes too early, too.
    """
    end, coarse, _ = _end_of_jpeg(data)
    if end < 0 or coarse:
        return None
    try:
        pixels = simplejpeg.decode_jpeg(data)
    except ValueError:
        return None
    found = Image.frombuffer("RGB", (pixels.shape[1], pixels.shape[0]), pixels)
    found.info = image.info  # its orientation among it
    return found


def _missing_of_jpeg(image: Image.Image, data: bytes) -> str:
    """What a JPEG lacks; "" of a whole one, whatever follows it.

    libjpeg fills what is missing with grey where the end mark comes too early. It warns of that as of faults that cost
    nothing, and Pillow tells neither. So the picture is decoded once more with other bytes in place of its end mark: a
    whole one does not read them.
    """
    end, coarse, restart = _end_of_jpeg(data)
    if end < 0:
        return "no end-of-image mark"
    if coarse:
        return "the last of its progressive scans are missing"
    for before in {b"", restart}:
        other = Image.open(io.BytesIO(data[:end] + before + _FILLING + b"\xff\xd9"), formats=("JPEG",))
        other.load()
        if (other.size, other.tobytes()) != (image.size, image.tobytes()):
            return "the end-of-image mark comes before the last row"
    return ""


def _end_of_jpeg(data: bytes) -> tuple[int, bool, bytes]:
    """Where the end mark of a JPEG begins, thumbnails inside of it and all that follows passed over; -1 without one.

    Also whether it is progressive and lacks bits of some coefficient, and the restart mark that would be next, b""
    where it has none.
    """
    at, restart = 2, b""
    bits: dict[tuple[int, int], int] = {}  # of a component's coefficient: those that are still to come
    while mark := _MARK.search(data, at):
        kind, at = mark[0][-1], mark.end()
        if kind == 0xD9:
            # any mark may be preceded by further 0xff
            return len(data[: mark.start()].rstrip(b"\xff")), any(bits.values()), restart
        if kind in _ALONE:
            restart = bytes((0xFF, 0xD0 + (kind - 0xCF) % 8)) if kind >= 0xD0 else restart
            continue
        body = data[at + 2 : at + int.from_bytes(data[at : at + 2], "big")]
        if kind == 0xC2 and len(body) > 5:  # a progressive frame: all coefficients of its components
            bits = {(one, number): 1 for one in body[6::3] for number in range(64)}
        elif kind == 0xDA and bits and len(body) > 3:
            first, last, low = body[-3], body[-2], body[-1] & 15
            bits |= {(one, number): low for one in body[1:-3:2] for number in range(first, min(last, 63) + 1)}
        restart = b"\xff\xd0" if kind == 0xDD and any(body) else restart
        at += max(2, len(body) + 2)
    return -1, False, b""


def _rgb(image: Image.Image, where: str) -> Image.Image:
    mended = []
    if image.getexif().get(0x0112, 1) in range(2, 9):  # others mean nothing
        image = ImageOps.exif_transpose(image)
        mended.append("orientation")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
        mended.append("transparency")
    elif image.mode in _SIXTEEN_BIT:
        image = Image.fromarray((np.asarray(image).astype(np.uint32) * 255 // 65535).astype(np.uint8)).convert("RGB")
        mended.append("16 bits")
    elif image.mode in _EIGHT_BIT:
        mended += [] if image.mode == "RGB" else [f"mode {image.mode}"]
        image = image if type(image) is Image.Image and image.mode == "RGB" else image.convert("RGB")
    else:
        raise FacebiasError(
            "IMAGE_MODE",
            where,
            f"pixels of mode {image.mode}; floats and 32 bits have no agreed white",
            "Save it as 8-bit RGB",
        )
    image.info = {"mended": tuple(mended)}
    return image


def box_of(crop: Box | float | Crop, width: int, height: int) -> Box:
    """The square in pixels that a crop means on a picture of `width` x `height`.

    Raises:
        FacebiasError: a side that is not positive, or a square outside of the picture or far larger than it.
    """
    if isinstance(crop, int | float):
        side = crop * min(width, height)
        box = Box((width - side) / 2, (height - side) / 2, side)
    else:
        box = crop if isinstance(crop, Box) else crop.box(width, height)
    if not box.side > 0:
        raise FacebiasError("CROP", "crop", f"side {box.side} of {crop}", "Give a crop with a positive side")
    inside = -box.side < box.left < width and -box.side < box.top < height  # false of what is no number, too
    if not (inside and box.side <= _LARGEST * max(width, height)):
        what = f"left {box.left:g}, top {box.top:g}, side {box.side:g} of a picture of {width} x {height}"
        raise FacebiasError("CROP", "crop", what, "Give a square that holds a part of the picture")
    return box


def square(image: Image.Image, crop: Box | float | Crop, size: int) -> np.ndarray:
    """Cut a square and resize it in one antialiased step (Lanczos over the source pixels; no nearest neighbour).

    Args:
        image: upright RGB.
        crop: what to cut; outside the picture is black.
        size: side of the result in pixels.

    Returns:
        uint8 (size, size, 3) RGB.
    """
    box = box_of(crop, image.width, image.height)
    left, top, right, bottom = box.left, box.top, box.left + box.side, box.top + box.side
    if left < 0 or top < 0 or right > image.width or bottom > image.height:
        x, y = int(np.floor(left)), int(np.floor(top))
        image = image.crop((x, y, int(np.ceil(right)), int(np.ceil(bottom))))  # pads with black
        left, top, right, bottom = left - x, top - y, right - x, bottom - y
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, right, bottom)))
