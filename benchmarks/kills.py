"""A command killed at many points and begun again each time: it ends as one that was never killed.

    python benchmarks/kills.py "study --profile tiny --epochs 3" [KILLS] [SIGNAL]

SIGNAL is KILL unless told; TERM and INT also must end within 5 s, with 143 or 130. A start is killed after a time drawn
between none and what the whole takes; 20 times unless told. Then it runs to its end. What is compared: weights, scores,
tables and verdict. No child may be alive five seconds after its parent, and no temporary file at the end.
"""

from __future__ import annotations

import hashlib
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}
KEPT = ("predictions.parquet", "weights.pt", "history.csv", "verdict.json", "findings.csv", "pictures.csv", "gaps.csv")


def start(words: list[str], home: Path) -> subprocess.Popen[str]:
    """The command, in a group of its own, with all its files under `home`."""
    about = {**os.environ, "FACEBIAS_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "facebias", *words]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command, cwd=home, env=about, **options)


def results(home: Path) -> dict[str, str]:
    """Hashes of what a command leaves, by place."""
    found = sorted(path for path in home.rglob("*") if path.name in KEPT)
    return {str(path.relative_to(home)): hashlib.sha256(_without_version(path)).hexdigest() for path in found}


def _without_version(path: Path) -> bytes:
    """The bytes of a file, of JSON but for the version of the code, which may be edited meanwhile."""
    lines = path.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if path.suffix != ".json" or b'"code_version"' not in line)


def alive(group: int, seconds: float = 5) -> bool:
    """Whether any process of a group lives on after that long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True


def killed(words: list[str], home: Path, after: float, sent: signal.Signals) -> list[str]:
    """Start, send the signal after some seconds, and what was wrong with the end."""
    process = start(words, home)
    try:
        process.communicate(timeout=after)
        return []  # it was done before
    except subprocess.TimeoutExpired:
        process.send_signal(sent)
    begun = time.monotonic()
    _, told = process.communicate()
    wrong = [f"a child of {after:.1f} s lives on"] if alive(process.pid) else []
    wrong += ["a traceback"] if "Traceback" in told else []
    if sent in STATUS:
        wrong += [f"status {process.returncode}"] if process.returncode not in (0, STATUS[sent]) else []
        wrong += [f"ended after {time.monotonic() - begun:.1f} s"] if time.monotonic() - begun > 5 else []
    return [f"{after:.1f} s: {one}" for one in wrong]


def main() -> int:
    """Run it once whole, then killed again and again, and compare."""
    words = shlex.split(sys.argv[1])
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    sent = signal.Signals[f"SIG{sys.argv[3]}"] if len(sys.argv) > 3 else signal.SIGKILL
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        begun = time.monotonic()
        process = start(words, Path(one))
        process.communicate()
        whole = time.monotonic() - begun
        draws = random.Random(0)
        wrong = []
        for number in range(kills):
            wrong += killed(words, Path(other), draws.uniform(0, whole), sent)
            print(f"{number + 1} of {kills}", file=sys.stderr)
        last = start(words, Path(other))
        _, told = last.communicate()
        wrong += [f"the last start ended with {last.returncode}: {told[-300:]}"] if last.returncode else []
        a, b = results(Path(one)), results(Path(other))
        wrong += [f"differs: {name}" for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)]
        wrong += [f"left over: {path.name}" for path in Path(other).rglob(".*.part")]
    print(f"{words[0]}: {kills} of {sent.name} within {whole:.0f} s, {len(a)} files compared, {len(wrong)} faults")
    print("\n".join(wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
