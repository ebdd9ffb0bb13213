"""The one way from bytes to pixels, for training, encoding and audit alike.

Reading is strict (nothing is guessed, filled or silently converted): a truncated JPEG is an error, not a face
with a grey half. What had to be mended (orientation, 16 bits, transparency) is noted on the picture, so that
packing can count it.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from facebias.core.errors import FacebiasError
from facebias.core.formats import found_format
from facebias.data.sources.base import Box, Crop

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MAX_PIXELS = 25_000_000
_EIGHT_BIT = {"1", "L", "P", "RGB", "CMYK", "YCbCr"}
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
        except (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, ArithmeticError) as error:
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
    image.load()
    # libjpeg fills a missing tail with grey when a marker happens to end the data early: look for the end mark
    if image.format == "JPEG" and b"\xff\xd9" not in data[-65536:]:
        raise FacebiasError("IMAGE_BROKEN", where, "truncated JPEG (no end-of-image mark)", "Get the file again")
    return image


def _rgb(image: Image.Image, where: str) -> Image.Image:
    mended = []
    if image.getexif().get(0x0112, 1) not in (0, 1):
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
        image = image.convert("RGB")
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
        FacebiasError: a side that is not positive.
    """
    if isinstance(crop, int | float):
        side = crop * min(width, height)
        box = Box((width - side) / 2, (height - side) / 2, side)
    else:
        box = crop if isinstance(crop, Box) else crop.box(width, height)
    if not box.side > 0:
        raise FacebiasError("CROP", "crop", f"side {box.side} of {crop}", "Give a crop with a positive side")
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
