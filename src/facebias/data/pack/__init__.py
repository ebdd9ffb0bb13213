"""Packing: raw sources to HDF5, once, in all cores; a finished file is found again, never made twice.

One pass over the labels decides who is taken and where they go, a second decodes, drops duplicates and writes
every split. Pictures that cannot be read go to `<key>-rejects.csv`; past `REJECT_SHARE` packing stops.
"""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write, sweep_stale
from facebias.core.manifest import fingerprint, manifest_path, verify, write_manifest
from facebias.core.paths import code_version
from facebias.core.progress import bar
from facebias.core.rejects import Reject, write_rejects
from facebias.core.words import IMAGE_SIZE, SPLITS, TIGHT
from facebias.data.framing import MeanFace, refuse_other_framing
from facebias.data.pack.file import SCHEMA, Writer
from facebias.data.pack.ledger import Ledger, refuse_past
from facebias.data.pack.pins import Pins
from facebias.data.pack.selection import Part, select, taken
from facebias.data.pack.shards import resumed, until_packed
from facebias.data.pack.workers import Decoded, Item, batches, in_order
from facebias.data.sources import audit_faces, further_negatives, plain_negatives, training_faces, training_negatives
from facebias.data.sources.base import ABSENT, Source
from facebias.data.splits import split_of

REJECT_SHARE = 0.001  # of all pictures; more unreadable ones mean a broken copy, not a few bad files


def pack_training(config: Config, reject_share: float = REJECT_SHARE) -> dict[str, Path]:
    """Pack the training source: faces and negatives, split by identity (by picture for negatives).

    Args:
        config: its `data` fields decide what is packed.
        reject_share: of the pictures, how many may be unreadable.

    Returns:
        Paths of "train", "validation" and "test", packed now or found finished.

    Raises:
        FacebiasError: faults of a source (see its class), too many unreadable pictures, one picture called face
            and non-face, a split without faces or negatives, no room on the disk, or a finished file whose framing
            rule is no longer the source's.
    """
    folder, key = config.path("data"), config.data_key
    outputs = {split: folder / f"{key}-{split}.h5" for split in SPLITS}

    def route(identity: str) -> str:
        """The split of a person, or of a negative picture."""
        return split_of(identity, config.data_seed, config.validation_share, config.test_share)

    sources = [(training_faces(config), config.train_size), (training_negatives(config), plain_negatives(config))]
    if (hard := further_negatives(config)) is not None:
        sources.append((hard, 0))
    if not all(_finished(path, sources, config) for path in outputs.values()):
        _pack(sources, outputs, route, key, config, reject_share)
    return outputs


def pack_audit(config: Config, name: str, reject_share: float = REJECT_SHARE) -> Path:
    """Pack one audit set: faces alone, with their demographics.

    Args:
        config: `audit_size`, `data_seed`, `data_root` and `data_dir` count.
        name: one of `config.AUDIT_SOURCES`.
        reject_share: of the pictures, how many may be unreadable.

    Raises:
        FacebiasError: as `pack_training`; or the photographs of this set are the training set too.
    """
    if name == config.train_faces and name != "synthetic":
        raise FacebiasError(
            "CONFIG",
            "audit_sets",
            f"{name} is trained on too, so it cannot audit the result",
            "Audit on another set; recall on held-out training faces is reported anyway",
        )
    key = config.audit_key(name)
    output = config.path("data") / f"{key}-audit.h5"
    sources = [(audit_faces(config, name), config.audit_size)]
    if not _finished(output, sources, config):
        _pack(sources, {"audit": output}, lambda identity: "audit", key, config, reject_share)
    return output


def _finished(path: Path, sources: Sequence[tuple[Source, int]], config: Config) -> bool:
    if not (path.exists() and manifest_path(path).exists()):
        return False
    packed = verify(path, SCHEMA, packing=dict)["packing"].get("framing")
    now = _framing(source for source, _ in sources)
    # The name does not tell how faces were cut; without the raw files there is nothing to pack them from again
    if packed != now and config.path("data_root").exists():
        raise FacebiasError(
            "STALE", path, f"packed with framing {packed}, it would now be {now}", "Delete it and pack again"
        )
    return True


def _framing(sources: Iterable[Source]) -> dict[str, str]:
    return {source.name: f"{source.framing}: {source.rule}" for source in sources}


def _pack(
    sources: Sequence[tuple[Source, int]],
    outputs: Mapping[str, Path],
    route: Callable[[str], str],
    key: str,
    config: Config,
    reject_share: float,
) -> None:
    folder = config.path("data")
    sweep_stale(folder)
    record = folder / f"{key}-rejects.csv"
    shards = folder / f"{key}-decoded-{fingerprint({'code': code_version(), 'tone': config.tone})}"
    names = "-".join(dict.fromkeys(source.name for source, _ in sources))
    ledger = Ledger(Pins(folder / f"raw-{names}.csv", config.path("data_root")))
    with contextlib.ExitStack() as stack:
        stack.enter_context(until_packed(shards))
        # The outputs are opened before any work, so that a folder that cannot be written to is found at once
        writers = {}
        for split, path in outputs.items():
            writers[split] = Writer(stack.enter_context(atomic_write(path)), IMAGE_SIZE)
            stack.callback(writers[split].close)
        parts = [select(source, cap, config.data_seed) for source, cap in sources]
        _warn_of_left_out(parts)
        for part in (one for one in parts if not one.is_subset):
            refuse_past(reject_share, part.absent, part.there + len(part.absent), record)
        _refuse_full_disk(folder, sum(part.total for part in parts))
        for path in outputs.values():
            manifest_path(path).unlink(missing_ok=True)  # of an earlier file that is about to be replaced
        faces = _decode_into(writers, parts, route, ledger, record, shards, reject_share, config)
        tables = _finish(writers, parts, config.tone)
    ledger.pins.write()
    left_out = [Reject("", *what) for part in parts for what in _left_out(part)]
    write_rejects(record, [*left_out, *(one for part in parts for one in part.absent), *ledger.rejects])
    for split, path in outputs.items():
        write_manifest(
            path,
            SCHEMA,
            len(tables[split]),
            key,
            bytes=path.stat().st_size,
            split=split,
            counts=_counts(tables[split]),
            packing=_packing(parts, ledger, record, faces),
        )


def _decode_into(
    writers: Mapping[str, Writer],
    parts: Sequence[Part],
    route: Callable[[str], str],
    ledger: Ledger,
    record: Path,
    shards: Path,
    reject_share: float,
    config: Config,
) -> MeanFace:
    """Decode everything that is taken into the files of its splits; the mean of the faces, whose framing is checked."""
    root, faces = f"{config.path('data_root')}/", MeanFace()
    total = sum(part.total for part in parts)
    names = "+".join(part.source.name for part in parts)

    def decode(items: Iterable[Item]) -> Iterator[Decoded]:
        """What is not decoded yet."""
        return in_order(items, IMAGE_SIZE, config.workers, config.tone)

    with bar(total=total, desc=f"pack {names}", unit="image") as progress:
        for number, part in enumerate(parts):
            for decoded in resumed(batches(taken(part)), shards / str(number), decode):
                keep = ledger.fresh(decoded, part.source.name)
                refuse_past(reject_share, ledger.rejects, total, record)
                table = decoded.block.table.iloc[keep]
                faces.add(decoded.block.images[keep[(table["label"] == 1).to_numpy()]])
                # The same photographs on another disk are the same data, to the byte
                table = table.assign(where=table["where"].str.removeprefix(root))
                splits = table["identity"].map(route)
                for split, writer in writers.items():
                    if (mine := (splits == split).to_numpy()).any():
                        writer.append(decoded.block.images[keep[mine]], table[mine])
                progress.update(len(decoded.pixels) + len(decoded.rejects))
    source = parts[0].source
    expected = getattr(source, "eyes", None) if source.framing == TIGHT else None
    if expected is not None:
        refuse_other_framing(faces, expected, source.name)
    return faces


def _finish(writers: Mapping[str, Writer], parts: Sequence[Part], tone: str) -> dict[str, pd.DataFrame]:
    attrs = {
        "schema": SCHEMA,
        "source": "+".join(part.source.name for part in parts),
        "framing": parts[0].source.framing,
        "framing_rules": "; ".join(f"{part.source.name}: {part.source.rule}" for part in parts),
        "image_size": IMAGE_SIZE,
        "synthetic": any(part.source.name == "synthetic" for part in parts),
        **({} if tone == "plain" else {"tone": tone}),
    }
    tables = {split: writer.finish({**attrs, "split": split}) for split, writer in writers.items()}
    wanted = [1] if len(parts) == 1 else [1, 0]
    for split, table in tables.items():
        for label in wanted:
            if not (table["label"] == label).any():
                raise FacebiasError(
                    "SPLIT",
                    split,
                    f"it has no {('negatives', 'faces')[label]}",
                    "Take more images, or other shares or another data_seed",
                )
    return tables


def _warn_of_left_out(parts: Sequence[Part]) -> None:
    for part in parts:
        for what, count in part.source.counts.items():
            subset = f"; the {part.there:,} that are there are a subset" * (part.is_subset and what == ABSENT)
            warnings.warn(f"{part.source.name}: {count:,} {what}, left out{subset}", stacklevel=4)
        for note in getattr(part.source, "notes", ()):
            warnings.warn(f"{part.source.name}: {note}", stacklevel=4)


def _left_out(part: Part) -> list[tuple[str, str, str]]:
    return [(where, "LEFT_OUT", reason) for where, reason in getattr(part.source, "left_out", ())]


def _refuse_full_disk(folder: Path, images: int) -> None:
    # twice: what is decoded is kept until the set is packed
    needed, free = int(2 * images * (IMAGE_SIZE**2 * 3 + 400) * 1.02), shutil.disk_usage(folder).free
    if needed > free:
        raise FacebiasError(
            "DISK", folder, f"{needed:,} bytes needed, {free:,} free", "Free space or choose another data_dir"
        )


def _counts(table: pd.DataFrame) -> dict[str, int]:
    faces, identity = table["label"] == 1, table["identity"]
    return {
        "faces": int(faces.sum()),
        "negatives": int((~faces).sum()),
        "face identities": identity[faces].nunique(),
        "pictures of negatives": identity[~faces].nunique(),
    }


def _packing(parts: Sequence[Part], ledger: Ledger, record: Path, faces: MeanFace) -> dict[str, Any]:
    """What was done in all splits together, for the manifest."""
    eyes = faces.eyes()
    return {
        "taken": {f"{part.source.name}, part {i}": part.total for i, part in enumerate(parts, 1)},
        "framing": _framing(part.source for part in parts),
        "notes": {part.source.name: list(getattr(part.source, "notes", ())) for part in parts},
        "mean face": eyes and {"eye height": round(eyes.height, 3), "eye distance": round(eyes.distance, 3)},
        "left out": {part.source.name: dict(part.source.counts) for part in parts},
        "duplicates dropped": dict(ledger.duplicates),
        "mended": dict(ledger.mended),
        "rejected": len(ledger.rejects),
        "rejects": record.name,
    }
