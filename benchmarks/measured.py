"""Two pieces of work in turns, by processor time: what `bench.py`, `growth.py` and `gpu.py` share.

A machine is never quiet, and what disturbs it hits neighbouring moments alike. So only ratios within one round mean
anything, and their median and quartiles over the rounds are told.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Work = Callable[[], object]
README = Path(__file__).parent / "README.md"


@dataclass(frozen=True)
class Row:
    """A stage: what we do, and what a peer does for the same.

    Attributes:
        name: of the stage.
        mine: how ours is set.
        ours: does it.
        other: whose work it is compared with, or why there is none; "" for none.
        peer: does that; None where there is none.
        unit: of what a second yields.
        units: of them in one call of ours.
        scale: units of ours over units of the peer, where one call does not do the same amount.
        operations: floating point operations of one call of ours, where products are the limit.
        bytes: that one call must move, where memory is the limit.
        at_most: so many rounds, of work that takes long.
    """

    name: str
    mine: str
    ours: Work
    other: str = ""
    peer: Work | None = None
    unit: str = "images"
    units: int = 1
    scale: float = 1.0
    operations: float = 0.0
    bytes: float = 0.0
    at_most: int = 99


def operations(work: Work) -> float:
    """Floating point operations of one call, as PyTorch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


@dataclass(frozen=True)
class Turns:
    """Processor seconds of several pieces of work, (rounds, pieces)."""

    seconds: np.ndarray

    def median(self, piece: int) -> float:
        """Median seconds of one piece."""
        return float(np.median(self.seconds[:, piece]))

    def ratio(self, slow: int, quick: int, share: float = 1.0) -> tuple[float, float, float]:
        """Median and quartiles over the rounds of one piece's time over another's, times `share`."""
        found = self.seconds[:, slow] / self.seconds[:, quick] * share
        return float(np.median(found)), *map(float, np.quantile(found, (0.25, 0.75)))


def in_turns(pieces: list[Work], rounds: int) -> Turns:
    """Every piece once a round, in the other order every second time; a round that warms up before several others."""
    seconds = np.empty((rounds, len(pieces)))
    for turn in range(-1 if rounds > 1 else 0, rounds):
        order = range(len(pieces)) if turn % 2 else reversed(range(len(pieces)))
        for number in order:
            gc.collect()
            begun = time.process_time()
            pieces[number]()
            if turn >= 0:
                seconds[turn, number] = time.process_time() - begun
    return Turns(seconds)


def product(side: int = 1024) -> tuple[Work, float]:
    """A product of square float32 matrices, and its floating point operations: what this processor can do at most."""
    import torch  # here: `growth.py` measures memory without it

    one = torch.rand(side, side)
    return lambda: one @ one, 2.0 * side**3


def copy(megabytes: int = 256) -> tuple[Work, float]:
    """A copy within memory far larger than a cache, and the bytes that it reads and writes."""
    import torch

    one = torch.zeros(megabytes * 2**18)
    other = torch.empty_like(one)
    return lambda: other.copy_(one), 2.0 * one.nbytes


def write_between(name: str, text: str, path: Path = README) -> None:
    """Put text between the markers `<!-- NAME -->` and `<!-- /NAME -->` of a file.

    Raises:
        ValueError: the file has no such markers.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    content = path.read_text(encoding="utf-8")
    if begin not in content or end not in content:
        raise ValueError(f"{path} lacks the markers {begin} and {end}")
    before, after = content.split(begin)[0], content.split(end)[1]
    path.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")
