"""How the audit of a table grows with its rows: time, memory, and the exponent of both.

    .venv/bin/python benchmarks/growth.py [--rows 10000 100000 1000000] [--tiny]

A made table of one detector's scores is read from CSV and from parquet, and audited. Each size and kind has a process
of its own, which tells the processor seconds of each stage and the most memory that it held. Writes the table into
benchmarks/README.md. The exponent is the slope between the smallest and the largest size on logarithmic scales: 1 is
as the rows. How packing, training and scoring grow is measured by `scale.py`.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_audit import scored
from measured import write_between

from facebias.audit import Audit
from facebias.audit.whole import TABLES
from facebias.training.predictions_file import read_table

_STAGES = {
    "thresholds and decisions": ("decisions",),
    "group report": ("report",),
    "intervals, worst and gap": ("summary", "measures"),
    "calibration and spread": ("scores", "calibration"),
    "verdict and the other tables": (*TABLES, "verdict", "recall_by_rate"),
}
_UNIT = 2**30 if sys.platform == "darwin" else 2**20  # of what the system tells, in a gigabyte


def made(folder: Path, rows: int) -> list[Path]:
    """The same table as CSV and parquet: a fifth of the rows are held-out non-faces of either kind."""
    table = scored(1, 1, rows - 2 * (rows // 5), rows // 5).drop(columns=["run_id", "model", "seed", "ita"])
    paths = [folder / f"{rows}.csv", folder / f"{rows}.parquet"]
    table.to_csv(paths[0], index=False)
    table.to_parquet(paths[1], index=False)
    return paths


def stages(path: Path) -> dict[str, float]:
    """Processor seconds of each stage, and the peak of memory in GB; to be run in a process of its own."""
    found, begun = {}, time.process_time()
    audit = Audit(read_table(path, "cnn"), fixed=True)
    found[f"reading {path.suffix[1:]}"] = time.process_time() - begun
    for stage, tables in _STAGES.items():
        begun = time.process_time()
        for name in tables:
            getattr(audit, name)
        found[stage] = time.process_time() - begun
    found[f"all, from {path.suffix[1:]}"] = sum(found.values())
    found[f"memory, from {path.suffix[1:]}"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _UNIT
    return found


def _in_child(path: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def table(rows: list[int]) -> str:
    """The table in Markdown, one line a stage."""
    measured: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for count in rows:
            parts = [_in_child(path) for path in made(Path(folder), count)]
            measured.append({**parts[0], **parts[1]})
    sizes = " | ".join(f"{count:,} rows" for count in rows)
    lines = [f"| stage | {sizes} | exponent |", "|---" * (len(rows) + 2) + "|"]
    for stage in sorted(measured[0], key=lambda name: name.startswith("memory")):
        values, unit = [one[stage] for one in measured], "GB" if stage.startswith("memory") else "s"
        power = math.log(values[-1] / values[0]) / math.log(rows[-1] / rows[0])
        lines.append(f"| {stage} | {' | '.join(f'{value:.2f} {unit}' for value in values)} | {power:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measures, prints, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--tiny", action="store_true", help="two small sizes, and nothing is written")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(stages(args.child)))
        return
    found = table([500, 1_000] if args.tiny else args.rows)
    print(found)
    if not args.tiny:
        write_between("growth", found)


if __name__ == "__main__":
    main()
