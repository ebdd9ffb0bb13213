"""Downloads of what may be downloaded freely, with checksums, resume and a progress bar.

pooch checks what came, but neither continues a download nor notices that the file has changed since; with files of
gigabytes both matter, so the transfer is written here.

A published checksum is checked where there is one: CelebA's MD5s as torchvision holds them, FairFace's SHA-256 as
the Hugging Face hub lists them. Where none is published (the lab's file) the SHA-256 of the first download is
written to `checksums.json` beside the file and later ones are held to it; that is said, not hidden.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pooch

from facebias.core.errors import FacebiasError
from facebias.core.formats import found_format
from facebias.core.manifest import sha256
from facebias.core.paths import inside
from facebias.core.progress import bar, say
from facebias.core.records import read_record, write_record

PINS = "checksums.json"
_AGAIN = "Run again; it goes on from there where the server allows it"
_PIECE = 1 << 18
_TIMEOUT = 60  # seconds without a byte
_LAB = "https://www.dropbox.com/s/hlz8atheyozp1yx/train_face.h5?dl=1"
_HUB_SET = "datasets/HuggingFaceM4/FairFace"
_DRIVE = "https://drive.usercontent.google.com/download?id={}&export=download&confirm=t"

BY_HAND = {
    "celeba": "Google Drive limits downloads by quota. Open mmlab.ie.cuhk.edu.hk/projects/CelebA.html in a browser, "
    "take img_align_celeba.zip, list_attr_celeba.txt, identity_CelebA.txt and list_eval_partition.txt, and "
    "put them in data/raw/celeba as they are",
    "fairface": "Open github.com/joojs/fairface in a browser, take the padding 0.25 archive and the two label files, "
    "and put them in data/raw/fairface as they are",
    "lab": "Open github.com/MITDeepLearning/introtodeeplearning in a browser, lab 2, part 2, and put train_face.h5 in "
    "data/raw/lab",
    "utkface": "Its authors ask for non-commercial use and share it through a page: open susanqq.github.io/UTKFace, "
    "take the aligned and cropped faces, and unpack them to data/raw/utkface/UTKFace",
    "ppb": "It is given on request: fill in the form at gendershades.org, and unpack it to data/raw/ppb "
    "(PPB-2017-metadata.csv beside imgs/)",
    "nonfaces": "ImageNet wants a registration (image-net.org); its subset Imagenette is open "
    "(github.com/fastai/imagenette). Put folders of pictures without people in data/raw/nonfaces",
}


@dataclass(frozen=True, slots=True)
class Remote:
    """A file to be had: `algorithm` ("md5", "sha256") and `digest` as published, or "" where they are not."""

    url: str
    name: str
    algorithm: str = ""
    digest: str = ""


def _celeba() -> list[Remote]:
    from torchvision.datasets import CelebA  # keeps the ids and the MD5s of the official files

    return [Remote(_DRIVE.format(id_), name, "md5", md5) for id_, md5, name in CelebA.file_list]


def _fairface(padding: str) -> list[Remote]:
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    listing, files = f"{hub}/api/{_HUB_SET}/tree/main/{padding}", f"{hub}/{_HUB_SET}/resolve/main"
    by_hand = BY_HAND["fairface"]
    with _open(listing, {}, by_hand) as answer:
        try:
            return [
                Remote(f"{files}/{entry['path']}", entry["path"], "sha256", entry["lfs"]["oid"])
                for entry in json.load(answer)
                if entry["path"].endswith(".parquet")
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise FacebiasError("FETCH", listing, f"not the hub's list of files ({error!r})", by_hand) from error


SETS: dict[str, tuple[str, Callable[[], list[Remote]]]] = {
    "celeba": ("celeba", _celeba),
    "fairface": ("fairface", lambda: _fairface("0.25")),
    "fairface-1.25": ("fairface", lambda: _fairface("1.25")),
    "lab": ("lab", lambda: [Remote(_LAB, "train_face.h5")]),
}


def fetch(name: str, root: str | Path) -> list[Path]:
    """Download a set to its folder under `root`; files that are there and right are kept, parts are continued.

    Args:
        name: one of `SETS`.
        root: the folder of raw data, as `Config.data_root`.

    Raises:
        FacebiasError: a set that wants a form (what to do by hand is said), an unknown one, no connection, a file
            that is gone, a quota, an interrupted transfer, or a checksum that differs.
    """
    if name not in SETS:
        if name in BY_HAND:
            raise FacebiasError("BY_HAND", name, "cannot be downloaded by a program", BY_HAND[name])
        raise FacebiasError("CONFIG", "name", f"no set {name!r}", f"Use one of {', '.join([*SETS, *BY_HAND])}")
    subfolder, remotes = SETS[name]
    return [download(remote, Path(root) / subfolder, BY_HAND[subfolder]) for remote in remotes()]


def download(remote: Remote, folder: Path, by_hand: str = "Try again later") -> Path:
    """One file to `folder / remote.name`, which appears under that name only when whole and checked.

    Args:
        remote: what to get.
        folder: where to; a part of an earlier attempt there is continued where the server allows it.
        by_hand: what else can be done, for messages.

    Raises:
        FacebiasError: see `fetch`.
    """
    target = inside(folder, remote.name)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        _transfer(remote.url, part, by_hand)
        _check(remote, part, folder, f"Run again; if it differs again: {by_hand}", discard=True)
        os.replace(part, target)
        _validator(part).unlink(missing_ok=True)
    else:
        _check(remote, target, folder, "Delete it and run again", discard=False)
    _pin(remote, target, folder)
    return target


def _transfer(url: str, part: Path, by_hand: str) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {}
    if have and _validator(part).exists():
        # If-Range: a file that has changed since is sent whole, never appended to the old beginning
        headers = {"Range": f"bytes={have}-", "If-Range": _validator(part).read_text(encoding="utf-8")}
    try:
        answer = _open(url, headers, by_hand)
    except FacebiasError as error:
        if not (headers and getattr(error.__cause__, "code", 0) == 416):
            raise
        answer = _open(url, {}, by_hand)  # the part is no beginning of that file: take it from the start
    with answer:
        have = have if answer.status == 206 else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        _refuse_full_disk(part, total, have)
        _keep_validator(part, answer)
        _receive(answer, part, have, total, by_hand)


def _receive(answer: http.client.HTTPResponse, part: Path, have: int, total: int | None, by_hand: str) -> None:
    try:
        with part.open("ab" if have else "wb") as file, bar(total=total, desc=part.stem, unit="byte") as progress:
            progress.update(have)
            while piece := answer.read(_PIECE):
                if not file.tell() and found_format(piece[:4096]) == "an HTML page":
                    raise FacebiasError("QUOTA", answer.url, "a web page came instead of the file", by_hand)
                file.write(piece)
                progress.update(len(piece))
            file.flush()
            os.fsync(file.fileno())
    except (http.client.HTTPException, OSError) as error:
        raise FacebiasError("INTERRUPTED", part, f"{error!r} at {part.stat().st_size:,} bytes", _AGAIN) from error
    if total is not None and (size := part.stat().st_size) < total:
        raise FacebiasError("INTERRUPTED", part, f"has {size:,} bytes, needs {total:,}", _AGAIN)


def _open(url: str, headers: dict[str, str], by_hand: str) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "facebias", **headers})
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        raise FacebiasError("FETCH", url, f"the server answers {error.code} {error.reason}", by_hand) from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise FacebiasError(
            "NETWORK",
            url,
            f"no connection ({getattr(error, 'reason', error)})",
            f"Check the network, or by hand: {by_hand}",
        ) from error


def _validator(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _keep_validator(part: Path, answer: http.client.HTTPResponse) -> None:
    version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    if version and not version.startswith("W/"):  # a weak tag does not promise the same bytes
        _validator(part).write_text(version, encoding="utf-8")
    else:
        _validator(part).unlink(missing_ok=True)


def _refuse_full_disk(part: Path, total: int | None, have: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - have > free:
        raise FacebiasError("DISK", part.parent, f"{total - have:,} bytes needed, {free:,} free", "Free space there")


def _check(remote: Remote, file: Path, folder: Path, mend: str, discard: bool) -> None:
    pinned = _pins(folder).get(remote.name, {})
    for algorithm, expected in ((remote.algorithm, remote.digest), ("sha256", pinned.get("sha256", ""))):
        if expected and (found := pooch.file_hash(str(file), alg=algorithm)) != expected:
            if discard:
                file.unlink()
            source = "published" if expected == remote.digest else f"pinned in {PINS}"
            raise FacebiasError("CHECKSUM", file, f"{algorithm} is {found}, {source} is {expected}", mend)


def _pins(folder: Path) -> dict[str, dict[str, str | int]]:
    if not (folder / PINS).exists():
        return {}
    pins = read_record(folder / PINS)
    if wrong := [name for name, pin in pins.items() if not (isinstance(pin, dict) and "sha256" in pin)]:
        raise FacebiasError("RECORD", folder / PINS, f"no sha256 of {wrong[0]}", "Delete it and run again")
    return pins


def _pin(remote: Remote, file: Path, folder: Path) -> None:
    pins = _pins(folder)
    if remote.name in pins:
        return
    published = f"{remote.algorithm} {remote.digest}" if remote.digest else ""
    pins[remote.name] = {
        "url": remote.url,
        "bytes": file.stat().st_size,
        "sha256": sha256(file),
        "published": published,
    }
    write_record(folder / PINS, pins)
    if not published:
        say(f"{file.name}: no checksum is published; its SHA-256 {pins[remote.name]['sha256']} is now pinned in {PINS}")
