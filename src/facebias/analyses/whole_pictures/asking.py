"""Detectors asked for all that they find in pictures, in as many processes as are wanted; interrupted, it goes on.

A detector is loaded once a process. One that raises on a picture is recorded with what it raised, and so is a picture
at which its process dies. An answer that is none (numbers that are not finite, boxes upside down) ends the work.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from facebias.analyses.whole_pictures.sets import Picture
from facebias.analyses.whole_pictures.store import Answer, Store
from facebias.core.errors import FacebiasError
from facebias.core.lock import folder_lock
from facebias.core.processes import process_pool
from facebias.core.progress import bar
from facebias.data.archive import read_bytes
from facebias.data.pixels import read_rgb
from facebias.data.user_pictures import spell
from facebias.detectors.detector import first_line
from facebias.detectors.pictures import Detections, PictureDetector

CHUNK = 8  # pictures a task: as many answers are lost at most, a process, when the machine is switched off
UNREADABLE = "unreadable: "  # begins the error of a picture that no detector has seen
FEW = 200  # pictures that are asked about in this process: others take seconds to start
_KILLED = "killed"  # begins the error of a picture at which the detector's process died
_DEATHS = 3  # pictures at which the detector's process may die, before it is taken for the detector's own fault
_NOTHING = Detections(np.empty((0, 4)), np.empty(0))

Change = Callable[[np.ndarray, "Task"], np.ndarray]


@dataclass(frozen=True)
class Task:
    """One picture to be asked about.

    Attributes:
        picture: where it lies.
        key: what its answer is kept under.
        face: x1, y1, x2, y2 of its face in pixels, where a change of the picture depends on it.
    """

    picture: Picture
    key: str
    face: tuple[float, ...] = ()


def tasks_of(pictures: Sequence[Picture]) -> list[Task]:
    """A task a picture, as it is."""
    return [Task(picture, picture.sha256) for picture in pictures]


def ask(
    load: Callable[[], PictureDetector],
    tasks: Sequence[Task],
    store: Store,
    *,
    workers: int = 1,
    change: Change | None = None,
    what: str = "",
) -> None:
    """Ask about every picture whose answer is not kept yet.

    Args:
        load: gives the detector; picklable, and equal for equal detectors, since each process calls it once.
        tasks: the pictures.
        store: where answers are kept.
        workers: processes; one works in this process.
        change: of a picture before it is searched.
        what: name of the pictures, for the progress bar.

    Raises:
        FacebiasError: an answer that is none, a detector that fails on each of the first pictures, or whose process
            dies again and again.
    """
    with folder_lock(store.folder):
        known = store.known()
        todo = list({task.key: task for task in tasks if task.key not in known}.values())
        chunks = [todo[start : start + CHUNK] for start in range(0, len(todo), CHUNK)]
        work = _here if workers == 1 or len(todo) < FEW else _apart
        failed = asked = 0
        with bar(total=len(todo), desc=what, unit="picture") as progress:
            for answers in work(load, chunks, change, workers):
                store.add(answers)
                asked += len(answers)
                failed += sum(bool(one.error) for one in answers)
                progress.update(len(answers))
                if failed == asked >= CHUNK:
                    raise FacebiasError(
                        "DETECTOR", what, f"failed on each of the first {asked} pictures: {answers[0].error}", "Mend it"
                    )
        if todo:
            store.close()


def _here(load: Any, chunks: Sequence[list[Task]], change: Change | None, _: int) -> Iterator[list[Answer]]:
    for chunk in chunks:
        yield answer(load, chunk, change)


def _apart(load: Any, chunks: Sequence[list[Task]], change: Change | None, workers: int) -> Iterator[list[Answer]]:
    """Answers in the order in which they come. A pool that breaks is made anew without what broke it."""
    left, killed = list(reversed(chunks)), list[Answer]()
    while left:
        pool, running = process_pool(workers), dict[Future[list[Answer]], list[Task]]()
        try:
            while left or running:
                while left and len(running) < 2 * workers:
                    running[pool.submit(answer, load, left[-1], change)] = left[-1]
                    left.pop()  # only now: a pool that is broken already refuses it, and it is still to be asked
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    found = done.result()
                    del running[done]
                    yield found
        except BrokenProcessPool:
            _refuse_where_none_starts()
            for one in _one_by_one(load, [task for chunk in running.values() for task in chunk], change):
                if not one.error.startswith(_KILLED):
                    yield [one]
                    continue
                killed.append(one)
                if len(killed) > _DEATHS:
                    what = f"the detector's process was killed at {len(killed)} pictures"
                    raise FacebiasError(
                        "DETECTOR", "workers", what, "Give it more memory, or fewer --workers"
                    ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    if killed:  # kept only now: where all die the fault is not in these pictures, and they are to be asked again
        yield killed


def _refuse_where_none_starts() -> None:
    """Processes begin by running the main script: one that asks as it is run would start itself without end."""
    pool = process_pool(1)
    try:
        pool.submit(int).result()
    except BrokenProcessPool:
        where, what = getattr(sys.modules["__main__"], "__file__", "the main program"), "no process can be started"
        mend = "Write what asks under if __name__ == '__main__', or take one worker"
        raise FacebiasError("WORKERS", where, what, mend) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_by_one(load: Any, tasks: Sequence[Task], change: Change | None) -> Iterator[Answer]:
    """Answers of a process that has one picture at a time, so that the one at which it dies is known."""
    pool = process_pool(1)
    try:
        for task in tasks:
            try:
                yield pool.submit(answer, load, [task], change).result()[0]
            except BrokenProcessPool:
                size = (task.picture.width, task.picture.height)
                yield Answer(task.key, *size, _NOTHING, 0.0, f"{_KILLED}, perhaps for memory")
                pool = process_pool(1)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@lru_cache(maxsize=2)
def _loaded(load: Callable[[], PictureDetector]) -> PictureDetector:
    found = load()
    if torch := sys.modules.get("torch"):  # a detector that does without it is spared seconds
        torch.set_num_threads(1)  # processes are the way to more cores here
    return found


def answer(load: Callable[[], PictureDetector], chunk: Sequence[Task], change: Change | None) -> list[Answer]:
    """Answers to some pictures, in order; what went wrong with one stands in its answer."""
    detector = _loaded(load)
    read: dict[str, np.ndarray] = {}
    errors: dict[str, str] = {}
    for task in chunk:
        try:
            place = task.picture.place
            pixels = np.array(read_rgb(read_bytes(place), spell(place)))
            read[task.key] = pixels if change is None else change(pixels, task)
        except FacebiasError as error:
            errors[task.key] = f"{UNREADABLE}{error.what}"
    found = _asked(detector, read, errors)
    answers = []
    for task in chunk:
        height, width = read[task.key].shape[:2] if task.key in read else (task.picture.height, task.picture.width)
        detections, seconds = found.get(task.key, (_NOTHING, 0.0))
        answers.append(Answer(task.key, width, height, detections, seconds, errors.get(task.key, "")))
    return answers


def _asked(
    detector: PictureDetector, read: dict[str, np.ndarray], errors: dict[str, str]
) -> dict[str, tuple[Detections, float]]:
    """Detections and seconds by key: all pictures in one call of a detector that takes many, else one by one."""
    groups = [list(read)] if detector.batch and len(read) > 1 else [[key] for key in read]
    found: dict[str, tuple[Detections, float]] = {}
    for keys in groups:
        start = time.perf_counter()
        try:
            results = detector([read[key] for key in keys])
        except FacebiasError:
            raise
        except Exception as error:
            if len(keys) > 1:  # which one it was is found by asking one by one
                groups.extend([key] for key in keys)
            else:
                errors[keys[0]] = first_line(error)
            continue
        seconds = (time.perf_counter() - start) / len(keys)
        found.update({key: (result, seconds) for key, result in zip(keys, results, strict=True)})
    return found
