"""Many whole pictures with two workers: pictures a second, memory, and what a kill in the middle costs.

    python benchmarks/picture_throughput.py NEGATIVES FOLDER [PICTURES, 10000] [DETECTOR, blazeface]

Pictures of NEGATIVES are repeated, each time with other bytes at the end, so that none has an answer yet. Kill it (-9)
and start it again: it says how many answers were there, and asks for the others alone.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from facebias.analyses.whole_pictures.asking import ask, tasks_of
from facebias.analyses.whole_pictures.find import Spec
from facebias.analyses.whole_pictures.sets import read_pictures
from facebias.analyses.whole_pictures.store import Store
from facebias.data.archive import Place, pictures

EVERY = 5.0  # seconds between two looks at the memory


def copies(negatives: Path, folder: Path, count: int) -> list[Place]:
    """So many pictures with bytes of their own, written where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [place.path for _, place in sorted(pictures(negatives).items())]
    found = []
    for number in range(count):
        source = sources[number % len(sources)]
        path = folder / f"{number:06d}{source.suffix}"
        if not path.exists():
            path.write_bytes(source.read_bytes() + b"%d" % number)
        found.append(Place(path))
    return found


def memory() -> int:
    """Of this process, MiB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20


def watch(seen: list[int]) -> None:
    """Note the memory for ever."""
    while True:
        seen.append(memory())
        time.sleep(EVERY)


def main() -> None:
    """Copy, ask, tell."""
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    negatives, folder = map(Path, sys.argv[1:3])
    count, detector = int((sys.argv[3:] or ["10000"])[0]), (sys.argv[4:] or ["blazeface"])[0]
    found = read_pictures(copies(negatives, folder / "pictures", count), "pictures")
    store, seen = Store(folder / detector), list[int]()
    before = len(store.known())
    threading.Thread(target=watch, args=(seen,), daemon=True).start()
    start = time.perf_counter()
    ask(Spec(detector), tasks_of(found), store, workers=2, what=detector)
    seconds = time.perf_counter() - start
    asked = len(store.known()) - before
    answers = sum(1 for _ in store.answers({picture.sha256 for picture in found}))
    print(f"{count} pictures, {before} had answers; {asked} asked in {seconds:.0f} s, {asked / seconds:.1f} a second")
    print(f"{answers} answers; memory here {seen[0]} MiB at first, {max(seen)} at most, {memory()} at the end")


if __name__ == "__main__":
    main()
