"""A packing that is killed goes on: what it has decoded lies in shards, each whole or absent, until the set is packed.

Decoding is the long part of packing; duplicates, splits and the packed files are made anew from the shards in seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from facebias.core.files import atomic_write
from facebias.core.rejects import Reject
from facebias.data.pack.workers import Decoded, Item
from facebias.data.sources.base import Block

Decode = Callable[[Iterable[Item]], Iterator[Decoded]]


def resumed(items: Iterable[Item], folder: Path, decode: Decode) -> Iterator[Decoded]:
    """What `decode` makes of the items, in their order; what an earlier, killed packing made is read instead.

    A shard is of the item that it says it is of, or neither it nor those after it are used. One that is damaged is not
    used either.

    Args:
        items: what is packed, the same in the same order each time.
        folder: of the shards.
        decode: yields one result an item, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []  # of the items that were taken and not yet decoded

    def left(first: list[Item]) -> Iterator[Item]:
        """The items that are still to be decoded, named as they are taken."""
        for item in _chained(first, rest):
            names.append(_name(item))
            yield item

    rest, number, waiting = iter(items), 0, list[Item]()
    for item in rest:
        if (found := _read(folder / f"{number:07d}.npz", _name(item))) is None:
            waiting = [item]
            break
        yield found
        number += 1
    for decoded in decode(left(waiting)):
        _write(folder / f"{number:07d}.npz", names.pop(0), decoded)
        yield decoded
        number += 1


@contextlib.contextmanager
def until_packed(folder: Path) -> Iterator[None]:
    """Remove the shards when the set is packed, or refused for a fault. They stay where packing is stopped."""
    try:
        yield
    except Exception:  # whoever stops a command raises no Exception, and whoever kills it nothing at all
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _chained(first: list[Item], rest: Iterator[Item]) -> Iterator[Item]:
    yield from first
    yield from rest


def _name(item: Item) -> str:
    """What tells an item from others in its place: its images and the state of their files, or what makes it."""
    about: object = item
    if isinstance(item, list):
        states = {sample.path: sample.path.stat() for sample in item if sample.path.exists()}
        files = [(str(path), state.st_size, state.st_mtime_ns) for path, state in states.items()]
        about = ([sample.image_id for sample in item], files)
    elif isinstance(item, Block):
        about = (hashlib.sha256(item.images.tobytes()).hexdigest(), item.table.to_dict("list"))
    return hashlib.sha256(repr(about).encode()).hexdigest()


def _write(path: Path, name: str, decoded: Decoded) -> None:
    buffer = io.BytesIO()
    decoded.block.table.to_parquet(buffer)
    about = {
        "item": name,
        "pixels": [digest.hex() for digest in decoded.pixels],
        "files": [(digest.hex(), place) for digest, place in decoded.files],
        "rejects": decoded.rejects,
        "mended": decoded.mended,
    }
    table, words = (np.frombuffer(value, np.uint8) for value in (buffer.getvalue(), json.dumps(about).encode()))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, images=decoded.block.images, table=table, about=words)


def _read(path: Path, name: str) -> Decoded | None:
    try:
        with np.load(path) as found:  # a zip, whose checksums are compared; arrays alone, nothing that runs
            about = json.loads(found["about"].tobytes())
            images, table = found["images"], pd.read_parquet(io.BytesIO(found["table"].tobytes()))
    except (FileNotFoundError, zipfile.BadZipFile, ValueError, KeyError, EOFError):
        return None
    if about["item"] != name:
        return None
    return Decoded(
        Block(images, table),
        [bytes.fromhex(digest) for digest in about["pixels"]],
        [(bytes.fromhex(digest), place) for digest, place in about["files"]],
        [Reject(*one) for one in about["rejects"]],
        Counter(about["mended"]),
    )
