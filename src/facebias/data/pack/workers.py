"""From samples to blocks of pixels, in as many processes as the machine has cores, in order.

A worker gets a list of samples (or a task that renders, or a block that is there already) and returns the
block, the content hashes that duplicates are found by, and the samples that could not be read.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.core.processes import process_pool
from facebias.core.rejects import Reject
from facebias.data.archive import Place, read_bytes
from facebias.data.pixels import read_rgb, square
from facebias.data.sources.base import TABLE_COLUMNS, Block, Sample, Task, block_of

MEASURED = ("skin_tone", "ita", "l_star", "hue")
Item = list[Sample] | Block | Task


@dataclass
class Decoded:
    """What a worker returns: `block` of the n readable images and, beside it, of each image `pixels`, the hash of
    its pixels, and `files`, hash and place of the picture it was cut from (empty where there is no file)."""

    block: Block
    pixels: list[bytes]
    files: list[tuple[bytes, str]]
    rejects: list[Reject] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)


def decode(item: Item, size: int, tone: str = "plain") -> Decoded:
    """Make, measure and hash one item; the skin tone of faces is measured where the table lacks it.

    Args:
        item: what to decode.
        size: side of the images in pixels.
        tone: "plain" keeps the colour of the skin as pictured, "normalised" that at a scaled exposure.

    Raises:
        FacebiasError: a block or task whose images are not of `size`. Samples that cannot be read are returned
            as rejects.
    """
    if isinstance(item, list):
        result = _decode_samples(item, size)
    else:
        block = block_of(item)
        if block.images.shape[1:] != (size, size, 3) or block.images.dtype != np.uint8:
            raise FacebiasError(
                "IMAGES",
                "source",
                f"found {block.images.dtype} {block.images.shape}, expected uint8 (n, {size}, {size}, 3)",
                "Choose images of that size",
            )
        result = Decoded(block, [], [])
    result.block = _measured(result.block, tone)
    result.pixels = [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in result.block.images]
    return result


def _decode_samples(samples: list[Sample], size: int) -> Decoded:
    images, rows, result = [], [], Decoded(Block(np.empty(0), pd.DataFrame()), [], [])
    opened: tuple[Place, Image.Image, bytes] | None = None
    for sample in samples:
        place = Place(sample.path, sample.member)
        try:
            if opened is None or opened[0] != place:  # the crops of one picture follow each other
                opened = place, *_open(sample, place, result.mended)
            image = square(opened[1], sample.crop, size)
            images.append(image if sample.change is None else sample.change(image))
        except FacebiasError as error:
            result.rejects.append(Reject(sample.image_id, sample.where, error.code, f"{error.where}: {error.what}"))
            continue
        result.files.append((opened[2], f"{place.path}!{place.member}"))
        rows.append([*(getattr(sample, name) for name in TABLE_COLUMNS[:8]), *(value for _, value in sample.more)])
    further = [name for name, _ in samples[0].more]
    table = pd.DataFrame(rows, columns=[*TABLE_COLUMNS[:8], *further])
    pixels = np.stack(images) if images else np.empty((0, size, size, 3), np.uint8)
    result.block = Block(pixels, table)
    return result


def _open(sample: Sample, place: Place, mended: Counter[str]) -> tuple[Image.Image, bytes]:
    data = _parquet_bytes(place) if place.path.suffix == ".parquet" else read_bytes(place)
    if sample.sha256 and hashlib.sha256(data).hexdigest() != sample.sha256:
        raise FacebiasError("HASH", sample.where, "bytes differ from the published hash", "Get the file again")
    image = read_rgb(data, sample.where)
    mended.update(image.info["mended"])
    return image, hashlib.blake2b(data, digest_size=16).digest()


def _parquet_bytes(place: Place) -> bytes:
    from facebias.data.sources.fairface_parquet import picture_bytes

    return picture_bytes(place.path, int(place.member))


def _measured(block: Block, tone: str) -> Block:
    table = block.table.copy()
    faces = (table["label"] == 1).to_numpy()
    if not set(MEASURED) <= set(table.columns):
        for name in MEASURED[1:]:
            table[name] = np.nan
        if "skin_tone" not in table:
            table["skin_tone"] = pd.Series([""] * len(table), dtype="str", index=table.index)
        if faces.any():
            from facebias.data.skin_tone import measure, of_tone

            found = of_tone(measure(block.images[faces]), tone)
            # a source's own scale of skin type is kept; the measured angle stands beside it
            own = table.loc[faces, "skin_tone"].to_numpy()
            found["skin_tone"] = np.where(own == "", found["skin_tone"].to_numpy(), own)
            for name in MEASURED:
                table.loc[faces, name] = found[name].to_numpy()
    return Block(block.images, table)


def in_order(items: Iterable[Item], size: int, workers: int, tone: str = "plain") -> Iterator[Decoded]:
    """`decode` of each item, in the items' order, `workers` at a time; one worker runs in this process.

    Raises:
        FacebiasError: a worker process died (the likeliest cause is memory).
    """
    if workers == 1:
        for item in items:
            yield decode(item, size, tone)
        return
    pool = process_pool(workers)
    waiting: deque[Future[Decoded]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(decode, item, size, tone))
            if len(waiting) > 2 * workers:  # few in flight: memory stays flat however large the source
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise FacebiasError(
            "WORKER",
            "decoding",
            "a worker process died, perhaps for memory",
            "Use fewer workers, and call from a script only under: if __name__ == '__main__'",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def batches(samples: Iterable[Sample | Block | Task], length: int = 256) -> Iterator[Item]:
    """Samples in lists of `length`; blocks and tasks pass through as they are."""
    batch: list[Sample] = []
    for sample in samples:
        if not isinstance(sample, Sample):
            yield sample
            continue
        batch.append(sample)
        if len(batch) == length:
            yield batch
            batch = []
    if batch:
        yield batch
