"""Bits flipped in a copy of a finished study, one at a time over all of its files: each noticed, or without effect.

    python benchmarks/bit_flips.py HOME [FLIPS]     HOME holds runs/, data/ and studies/, as FACEBIAS_HOME names it

After each flip everything is read again: settings, histories, draws, predictions, weights, packed images, the report.
What ends with an error or a warning was noticed; else all that was read must be as before. Any other outcome is
printed, and the exit status is 1.
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

from facebias.core.errors import FacebiasError


def digest(home: Path) -> dict[str, str]:
    """A hash of each thing that a study is read for."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in everything(home)}


def everything(home: Path) -> Iterator[tuple[str, bytes]]:
    """Everything that a study is read for, by name, as bytes."""
    from facebias.core.studies import list_studies, settings_of
    from facebias.data.dataset import FaceDataset
    from facebias.report.page import AuditFolder, write_report
    from facebias.training.score import is_scored, scored_files
    from facebias.training.study import finished_study

    (folder,) = list_studies(home / "studies")
    config = settings_of(folder).with_(runs_dir=str(home / "runs"), data_dir=str(home / "data"))
    yield "settings", repr(config.as_dict()).encode()
    files = scored_files(config)
    for run in finished_study(config).runs:
        yield f"{run.id} settings", repr(run.config.as_dict()).encode()
        yield f"{run.id} scored", str(is_scored(run, files)).encode()
        for name in ("history", "sampling", "sampling_faces", "predictions"):
            yield f"{run.id} {name}", table_bytes(getattr(run, name))
        for name, value in run.model().state_dict().items():
            yield f"{run.id} {name}", value.numpy().tobytes()
    for path in sorted((home / "data").glob("*.h5")):
        data = FaceDataset.load(path)
        yield (
            path.name,
            data.images.tobytes() + data.labels.tobytes() + table_bytes(data.table) + repr(data.attrs).encode(),
        )
    audited = AuditFolder(folder, home / "runs")
    with tempfile.TemporaryDirectory() as place:
        yield "report", write_report(audited, Path(place) / "report.html", "2026-01-02").read_bytes()


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
            now = digest(home)
    except (FacebiasError, UserWarning) as error:
        return "noticed", str(error)
    except Exception as error:
        return "SILENT", f"{type(error).__name__}: {error}"  # a traceback for whoever meets it
    finally:
        path.write_bytes(whole)
    changed = [name for name in before if now.get(name) != before[name]]
    return ("SILENT", f"changed {', '.join(changed)}") if changed else ("no effect", "")


if __name__ == "__main__":
    sys.exit(main())
