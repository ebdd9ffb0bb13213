"""Bits flipped in a copy of a finished study, one at a time over all of its files: each noticed, or without effect.

    python benchmarks/bit_flips.py HOME [FLIPS]     HOME holds runs/, data/ and studies/, as FACEBIAS_HOME names it

After each flip everything is read again: settings, histories, draws, predictions, weights, packed images, and all that
the report is made of. What ends with an error or a warning was noticed; else all that was read must be as before. Any
other outcome is printed, and the exit status is 1.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.outputs import recorded
from facebias.core.studies import list_studies, settings_of
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_audit, pack_training
from facebias.report.page import AuditFolder
from facebias.training.study import finished_study


def digest(home: Path, part: str = "") -> dict[str, str]:
    """A hash of each thing that a study is read for; of one of its folders alone, of what is read from there."""
    found = {}
    for name, read in PARTS.items():
        if part in ("", name):
            found |= {place: hashlib.sha256(data).hexdigest() for place, data in read(home, config_of(home))}
    return found


def config_of(home: Path) -> Config:
    """The settings of the only study."""
    (folder,) = list_studies(home / "studies")
    return settings_of(folder).with_(runs_dir=str(home / "runs"), data_dir=str(home / "data"))


def of_runs(home: Path, config: Config) -> Iterator[tuple[str, bytes]]:
    """Settings, tables, scores and weights of every run, and whether it counts as scored."""
    files = {path.name: path for path in sorted((home / "data").glob("*.h5"))}
    for run in finished_study(config).runs:
        yield f"{run.id} settings", repr(run.config.as_dict()).encode()
        yield f"{run.id} record", repr(run.done).encode()
        yield f"{run.id} scored", str(run.holds("predictions.parquet", "")).encode() + str(len(files)).encode()
        for name in ("history", "sampling", "sampling_faces", "predictions"):
            yield f"{run.id} {name}", table_bytes(getattr(run, name))
        for name, value in run.model().state_dict().items():
            yield f"{run.id} {name}", value.numpy().tobytes()


def of_data(home: Path, config: Config) -> Iterator[tuple[str, bytes]]:
    """Images and tables of the packed files, found again as packing finds them."""
    for path in (*pack_training(config).values(), *(pack_audit(config, name) for name in config.audit_names)):
        data = FaceDataset.load(path)
        about = table_bytes(data.table) + repr(data.attrs).encode()
        yield path.name, data.images.tobytes() + data.labels.tobytes() + about


def of_studies(home: Path, config: Config) -> Iterator[tuple[str, bytes]]:
    """The study's settings and verdict, and every file that its report is made of."""
    yield "settings", repr(config.as_dict()).encode()
    yield "verdict", repr(dict(AuditFolder(config.study_folder, home / "runs").verdict)).encode()
    for path in recorded(config.study_folder):
        yield path.name, path.read_bytes()


PARTS = {"runs": of_runs, "data": of_data, "studies": of_studies}


def table_bytes(table: pd.DataFrame) -> bytes:
    """A table as bytes that any change of a cell changes."""
    return table.to_csv(float_format="%.17g").encode()


def main() -> int:
    """Flip, read, put back; print the counts."""
    home, flips = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 300
    rng, outcomes, silent = np.random.default_rng(0), Counter(), []
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "home"
        shutil.copytree(home, copy)
        os.environ["FACEBIAS_HOME"] = str(copy)
        before = digest(copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file() and path.stat().st_size)
        for number in range(flips):
            path = files[number % len(files)]
            outcome, told = flipped(copy, path, int(rng.integers(8 * path.stat().st_size)), before)
            outcomes[outcome] += 1
            if outcome == "SILENT":
                silent.append(f"{path.relative_to(copy)}: {told}")
    print(f"{flips} flips over {len(files)} files: {dict(outcomes)}")
    print("\n".join(silent))
    return int(bool(silent))


def flipped(home: Path, path: Path, bit: int, before: dict[str, str]) -> tuple[str, str]:
    """What comes of one flip: "noticed", "no effect" or "SILENT", and what was told or changed."""
    whole = path.read_bytes()
    data = bytearray(whole)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            now = digest(home, path.relative_to(home).parts[0])
    except (FacebiasError, UserWarning) as error:
        return "noticed", str(error)
    except Exception as error:
        return "SILENT", f"{type(error).__name__}: {error}"  # a traceback for whoever meets it
    finally:
        path.write_bytes(whole)
    changed = [name for name in now if now[name] != before.get(name)]
    return ("SILENT", f"changed {', '.join(changed)}") if changed else ("no effect", "")


if __name__ == "__main__":
    sys.exit(main())
