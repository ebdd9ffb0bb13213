"""How fast each stage is, beside its peer: one table, written into benchmarks/README.md.

    make bench                                   the table, on one thread
    python benchmarks/bench.py --tiny            every row once with next to nothing, and no file is written
    python benchmarks/bench.py --only step       the rows whose name holds a word, shown and not written

Each row is one run of ours and its peer in turns (`measured.py`), on one thread, by processor time. The rows of a stage
stand in `bench_training.py`, `bench_data.py` and `bench_audit.py`.
"""

from __future__ import annotations

import argparse
import platform
import warnings
from collections.abc import Iterator

import torch
from bench_audit import audit_rows
from bench_data import data_rows
from bench_training import training_rows
from measured import Row, copy, in_turns, product, write_between

_COLUMNS = ("stage", "ours", "peer", "peer's time over ours (quartiles)", "ours, a unit", "share of the limit")
HEADER = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|"


def measured(row: Row, rounds: int, *, tiny: bool) -> str:
    """One line of the table."""
    speed, most = copy(1 if tiny else 256) if row.bytes else product(64 if tiny else 1024)
    pieces = [row.ours, speed, *([row.peer] if row.peer else [])]
    turns = in_turns(pieces, rounds)
    ratio = "{:.1f} ({:.1f} to {:.1f})".format(*turns.ratio(2, 0, row.scale)) if row.peer else "none"
    work = row.bytes or row.operations
    share = f"{turns.ratio(1, 0, work / most)[0]:.0%} of {'memory' if row.bytes else 'products'}" if work else ""
    each = turns.median(0) / row.units
    unit = f"{1 / each:,.0f} {row.unit}/s" if each < 1 else f"{each:,.1f} s {row.unit}"
    return f"| {row.name} | {row.mine} | {row.other or 'none'} | {ratio} | {unit} | {share} |"


def lines(only: str, rounds: int, *, tiny: bool) -> Iterator[str]:
    """The table, line by line as it is measured."""
    yield HEADER
    for rows in (training_rows, data_rows, audit_rows):
        for row in rows(tiny=tiny, only=only):
            yield measured(row, min(rounds, row.at_most), tiny=tiny)


def about() -> str:
    """The machine, and what the table was measured with."""
    speed, most = product()
    seconds = in_turns([speed], 5).median(0)
    moving, size = copy()
    bandwidth = size / in_turns([moving], 5).median(0)
    limits = f"{most / seconds / 1e9:.0f} GFLOP/s of float32 products, {bandwidth / 1e9:.0f} GB/s of copies"
    kind = f"{platform.machine()} ({torch.backends.cpu.get_cpu_capability()})"
    return f"One thread of {kind}, PyTorch {torch.__version__}; measured limits: {limits}."


def main() -> None:
    """Measures, prints, and writes the whole table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="everything once, with next to nothing; writes no file")
    parser.add_argument("--rounds", type=int, default=5, help="of each row")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of libraries that peers are written in
    torch.set_num_threads(1)
    whole = not (args.tiny or args.only)
    shown = [about(), ""] if whole else []
    for line in lines(args.only, 1 if args.tiny else args.rounds, tiny=args.tiny):
        print(line, flush=True)
        shown.append(line)
        if whole:  # row by row: the last ones take long
            write_between("bench", "\n".join(shown))


if __name__ == "__main__":
    main()
