"""Detectors asked once about each picture: kept, gone on with, and what went wrong recorded."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

import picture_detectors as made
from facebias.analyses.whole_pictures import asking
from facebias.analyses.whole_pictures.asking import ask, tasks_of
from facebias.analyses.whole_pictures.sets import face_free, read_pictures
from facebias.analyses.whole_pictures.store import Store
from facebias.core.errors import FacebiasError
from facebias.data.archive import Place
from facebias.detectors.pictures import PictureDetector


@dataclass(frozen=True)
class Counting:
    """Loads a detector that counts what it is asked, in this process."""

    asked: list = field(default_factory=list)
    until: int = 10_000

    def __hash__(self):
        return id(self)

    def __call__(self):
        def find(picture):
            if len(self.asked) >= self.until:
                raise KeyboardInterrupt
            self.asked.append(tuple(picture[0, 0]))
            return made.bright(picture)

        return PictureDetector("counting", find)


@pytest.fixture
def tasks(tmp_path):
    return tasks_of(face_free(made.scenes(tmp_path / "scenes", 40, 200)).pictures)


@pytest.fixture
def apart(monkeypatch):
    """Other processes, however few the pictures."""
    monkeypatch.setattr(asking, "FEW", 0)


def answers(store, tasks):
    return {one.key: one for one in store.answers({task.key for task in tasks})}


def test_answers_are_those_of_the_detector_and_are_kept_as_they_were(tmp_path, tasks):
    store = Store(tmp_path / "store")
    ask(Counting(), tasks, store)
    found = answers(store, tasks)
    assert len(found) == 40 and sum(len(one.found.scores) for one in found.values()) == 4
    assert {(one.width, one.height) for one in found.values()} == {(made.SIDE, made.SIDE)}
    assert [p.name for p in (tmp_path / "store").glob("*.parquet")] == ["detections.parquet"]


def test_nothing_is_asked_twice(tmp_path, tasks):
    store, first, second = Store(tmp_path / "store"), Counting(), Counting()
    ask(first, tasks[:30], store)
    ask(second, [*tasks, *tasks], store)
    assert len(first.asked) == 30 and len(second.asked) == 10
    assert len(answers(store, tasks)) == 40


def test_what_was_interrupted_goes_on_where_it_was(tmp_path, tasks):
    store, first, second = Store(tmp_path / "store"), Counting(until=20), Counting()
    with pytest.raises(KeyboardInterrupt):
        ask(first, tasks, store)
    kept = len(store.known())
    assert kept == 16  # two whole chunks of eight; the four of the third are asked again
    ask(second, tasks, store)
    assert len(second.asked) == 40 - kept and len(answers(store, tasks)) == 40


def test_a_part_that_was_made_one_with_the_others_before_a_kill_counts_once(tmp_path, tasks):
    store = Store(tmp_path / "store")
    ask(Counting(), tasks[:16], store)
    whole = tmp_path / "store" / "detections.parquet"
    (tmp_path / "store" / "part-00000001.parquet").write_bytes(whole.read_bytes())
    ask(Counting(), tasks, store)
    assert len(list(store.answers({task.key for task in tasks}))) == 40
    assert len(store.known()) == 40


def test_processes_give_what_one_gives(tmp_path, tasks, apart):
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    load = partial(PictureDetector, "bright", made.bright)
    ask(load, tasks, one)
    ask(load, tasks, two, workers=2)
    left, right = answers(one, tasks), answers(two, tasks)
    assert left.keys() == right.keys()
    assert all(left[key].found.boxes.tolist() == right[key].found.boxes.tolist() for key in left)


def test_a_crash_on_one_picture_is_recorded_there_alone(tmp_path):
    made.folder(tmp_path, [200] * 12)
    tasks = tasks_of(read_pictures([Place(tmp_path / "pictures" / f"{n}.png") for n in range(12)], ""))
    for name, find, batch in (("one", made.crashes_on_one, False), ("many", _many, True)):
        store = Store(tmp_path / name)
        ask(partial(PictureDetector, name, find, batch=batch), tasks, store)
        errors = [one.error for one in answers(store, tasks).values() if one.error]
        assert errors == ["ValueError: not this one"]
        assert sum(len(one.found.scores) for one in answers(store, tasks).values()) == 11


def _many(pictures):
    return [made.crashes_on_one(picture) for picture in pictures]


def test_a_process_that_dies_at_one_picture_costs_that_picture(tmp_path, apart):
    made.folder(tmp_path, [200] * 40)
    tasks = tasks_of(read_pictures([Place(tmp_path / "pictures" / f"{n}.png") for n in range(40)], ""))
    store = Store(tmp_path / "store")
    ask(partial(PictureDetector, "dies", made.dies_on_one), tasks, store, workers=2)
    errors = [one.error for one in answers(store, tasks).values() if one.error]
    assert errors == ["killed, perhaps for memory"]
    assert sum(len(one.found.scores) for one in answers(store, tasks).values()) == 39


class _RefusingPool:
    """Works in this process, and refuses the third task as a pool does whose process has just died."""

    def __init__(self, asked):
        self.asked = asked

    def submit(self, function, *arguments):
        self.asked.append(len(arguments[1]) if arguments else 0)
        if len(self.asked) == 3:
            raise BrokenProcessPool("a process died between two tasks")
        done = Future()
        done.set_result(function(*arguments))
        return done

    def shutdown(self, **_):
        pass


def test_a_pool_that_breaks_between_two_tasks_loses_neither(tmp_path, tasks, apart, monkeypatch):
    asked, store = [], Store(tmp_path / "store")
    monkeypatch.setattr(asking, "process_pool", lambda _: _RefusingPool(asked))
    ask(partial(PictureDetector, "bright", made.bright), tasks, store, workers=2)
    assert len(asked) > 3
    assert store.known() == {task.key for task in tasks}


def test_one_that_dies_everywhere_is_told_in_one_line_and_no_picture_is_blamed(tmp_path, tasks, apart):
    store = Store(tmp_path / "store")
    with pytest.raises(FacebiasError, match=r"killed at 4 pictures.*fewer --workers") as error:
        ask(partial(PictureDetector, "dies", made.dies), tasks, store, workers=2)
    assert "\n" not in str(error.value)
    assert not store.known()


class _BrokenPool(_RefusingPool):
    """No process starts, as under a script that asks while it is imported."""

    def submit(self, function, *arguments):
        broken = Future()
        broken.set_exception(BrokenProcessPool("a process died"))
        return broken


def test_a_script_whose_processes_cannot_start_is_told_so_and_no_picture_is_blamed(tmp_path, tasks, apart, monkeypatch):
    store = Store(tmp_path / "store")
    monkeypatch.setattr(asking, "process_pool", lambda _: _BrokenPool([]))
    with pytest.raises(FacebiasError, match=r"no process can be started.*__main__"):
        ask(partial(PictureDetector, "bright", made.bright), tasks, store, workers=2)
    assert not store.known()


def test_one_that_fails_on_each_picture_is_told_in_one_line(tmp_path, tasks):
    with pytest.raises(FacebiasError, match="failed on each of the first 8 pictures: ValueError: no") as error:
        ask(partial(PictureDetector, "crashes", made.crashes), tasks, Store(tmp_path / "store"), what="crashes")
    assert "\n" not in str(error.value)


def test_a_picture_that_cannot_be_read_is_no_fault_of_the_detector(tmp_path):
    folder = made.folder(tmp_path, [200] * 3)
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:60])
    tasks = tasks_of(read_pictures([Place(folder / f"{n}.png") for n in range(3)], ""))
    store = Store(tmp_path / "store")
    ask(Counting(), tasks, store)
    assert [one.error.startswith("unreadable: ") for one in answers(store, tasks).values()].count(True) == 1


def test_a_change_is_made_before_the_detector_sees_the_picture(tmp_path, tasks):
    store = Store(tmp_path / "store")
    ask(Counting(), tasks, store, change=_dark)
    assert not any(len(one.found.scores) for one in answers(store, tasks).values())


def _dark(pixels, task):
    return np.zeros_like(pixels)
