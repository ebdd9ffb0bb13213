"""Trainings side by side, a process each, whose epochs the parent tells."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Any

from facebias.core.config import Config
from facebias.core.processes import SHARED, abandon, fresh, process_pool
from facebias.core.progress import bar, headless, say
from facebias.training.epoch import describe
from facebias.training.fit import fit
from facebias.training.run import Run
from facebias.training.score import score

_POLL = 0.5  # seconds between looks at the children's messages


def train_side_by_side(todo: list[Config], workers: int) -> None:
    """Train and score every configuration, `workers` at a time; the first fault of any stops all."""
    missing = [config for config in todo if not Run.of(config).complete]
    epochs = sum(config.epochs for config in missing)
    box: Any = fresh().Queue()
    with (
        bar(total=epochs, desc="training", unit="epoch") as progress,
        process_pool(min(workers, len(todo)), box) as pool,
    ):
        pending: set[Future[None]] = {pool.submit(_child, config) for config in todo}
        begun, finished = time.monotonic(), 0
        try:
            while pending:
                done, pending = wait(pending, timeout=_POLL, return_when=FIRST_COMPLETED)
                _relay(box, progress)
                for future in done:
                    future.result()
                    finished += 1
                if done and headless():
                    _estimate(finished, len(todo), time.monotonic() - begun)
        except BaseException:
            abandon(pool)
            raise


def _child(config: Config) -> None:
    train_and_score(config, partial(_post, config))


def _post(config: Config, row: dict[str, Any]) -> None:
    SHARED[0].put((config.arm, config.seed, describe(row, config)))


def _relay(box: Any, progress: Any) -> None:
    while True:
        try:
            arm, seed, line = box.get_nowait()
        except queue.Empty:
            return
        if headless():
            say(f"{arm} seed {seed}  {line}")
        else:
            progress.set_postfix_str(f"{arm} seed {seed}")
            progress.update(1)


def _estimate(finished: int, total: int, seconds: float) -> None:
    left = seconds / finished * (total - finished)
    say(f"{finished} of {total} runs done, {seconds / 60:.1f} min, about {left / 60:.1f} min left")


def train_and_score(config: Config, on_epoch: Callable[[dict[str, Any]], None] | None = None) -> None:
    """One training and its predictions, each only where missing."""
    score(fit(config, on_epoch), config)
