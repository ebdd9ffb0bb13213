"""A study: every arm with every seed, trained and scored, one process a training, finished runs kept."""

from __future__ import annotations

import multiprocessing
import queue
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.progress import bar, headless, say, tidy
from facebias.training.fit import describe, fit
from facebias.training.run import Run
from facebias.training.score import is_scored, score, scored_files

_POLL = 0.5  # seconds between looks at the children's messages


@dataclass(frozen=True)
class Study:
    """The finished runs of a study."""

    config: Config
    runs: tuple[Run, ...]

    @property
    def predictions(self) -> pd.DataFrame:
        """All runs' predictions below each other."""
        return pd.concat([run.predictions for run in self.runs], ignore_index=True)

    @property
    def sampling(self) -> pd.DataFrame:
        """All runs' sampling shares below each other, with columns model and seed in front."""
        parts = []
        for run in self.runs:
            config = run.config
            parts.append(run.sampling.assign(model=config.arm, seed=config.seed))
        table = pd.concat(parts, ignore_index=True)
        return table[["model", "seed", *[name for name in table if name not in ("model", "seed")]]]

    def run(self, arm: str, seed: int = 0) -> Run:
        """The run of one arm and seed."""
        return Run.of(self.config.for_arm(arm, seed))


def plan(config: Config) -> list[Config]:
    """One configuration a training. Seeds come outermost: a study that is cut short has whole seeds."""
    return [config.for_arm(arm, seed) for seed in range(config.seeds) for arm in config.arm_names]


def run_study(config: Config) -> Study:
    """Train and score what is not there yet; `config.workers` trainings run at a time.

    Returns:
        The study, every run complete and scored.

    Raises:
        FacebiasError: the first fault of any training; finished runs are kept and are not repeated next time.
    """
    files = scored_files(config)  # packed once, here: the children find it done
    everything = plan(config)
    todo = [one for one in everything if not is_scored(Run.of(one), files)]
    if config.workers == 1 or len(todo) < 2:
        for one in todo:
            train_and_score(one)
    else:
        _side_by_side(todo, config.workers)
    tidy()
    return Study(config, tuple(Run.of(one) for one in everything))


def finished_study(config: Config) -> Study:
    """The study that `config` names, all of whose runs are trained and scored.

    Raises:
        FacebiasError: a run is not.
    """
    runs = tuple(Run.of(one) for one in plan(config))
    missing = [run.id for run in runs if not (run.complete and (run.path / "predictions.parquet").exists())]
    if missing:
        raise FacebiasError(
            "STUDY",
            config.path("runs"),
            f"{len(missing)} of {len(runs)} runs are not trained and scored, the first {missing[0]}",
            "Run facebias study with the same options",
        )
    return Study(config, runs)


def train_and_score(config: Config, on_epoch: Callable[[dict[str, Any]], None] | None = None) -> None:
    """One training and its predictions, each only where missing."""
    score(fit(config, on_epoch), config)


def _post(box: Any, config: Config, row: dict[str, Any]) -> None:
    box.put((config.arm, config.seed, describe(row, config)))


def _child(config: Config, box: Any) -> None:
    train_and_score(config, partial(_post, box, config))


def _side_by_side(todo: list[Config], workers: int) -> None:
    # spawn: a forked child would share the parent's thread pools and CUDA context
    context = multiprocessing.get_context("spawn")
    missing = [config for config in todo if not Run.of(config).complete]
    epochs = sum(config.epochs for config in missing)
    with context.Manager() as manager, bar(total=epochs, desc="training", unit="epoch") as progress:
        box = manager.Queue()
        with ProcessPoolExecutor(min(workers, len(todo)), mp_context=context) as pool:
            pending: set[Future[None]] = {pool.submit(_child, config, box) for config in todo}
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
                pool.shutdown(wait=False, cancel_futures=True)
                raise


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
