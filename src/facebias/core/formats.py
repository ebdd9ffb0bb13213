"""What a file is by its first bytes, for a message that names what was found instead of what was expected."""

from __future__ import annotations

import io
import warnings

from PIL import Image

_MAGIC = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"PAR1", "a parquet file"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)

_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
_BRANDS = (b"avif", b"heic", b"heix", b"mif1", b"msf1")


def is_picture(head: bytes) -> bool:
    """Whether a file that begins with these 16 bytes is a picture, of a format that we read or of another one."""
    if head.startswith(b"RIFF"):
        return head[8:12] == b"WEBP"
    return head.startswith(_PICTURES) or (head[4:8] == b"ftyp" and head[8:12] in _BRANDS)


def found_format(data: bytes) -> str:
    """What the bytes are, in words, for a message: "an HTML page", "TIFF", "text", "an empty file"."""
    if not data.strip():
        return "an empty file" if not data else "blanks alone"
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:512].lstrip().lower().startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(Image.open(io.BytesIO(data)).format)
    except Exception:  # any failure here only means that the bytes are no picture
        pass
    try:
        data[:512].decode("ascii")
    except UnicodeDecodeError:
        return "unknown bytes"
    return "text"
