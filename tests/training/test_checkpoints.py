"""A training goes on from what is whole, with the data and threads that it had; nothing is thrown away."""

from __future__ import annotations

import os
import pickle

import pytest
import torch

from facebias.core.errors import FacebiasError
from facebias.core.files import read_json
from facebias.core.manifest import sha256, write_manifest
from facebias.core.records import write_record
from facebias.training import checkpoints
from facebias.training.fit import fit
from facebias.training.run import Run
from trainings import quiet, same, stop_after, weights

UNDER = checkpoints.Circumstances("key", "data", 1)


def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_is_used(config, tmp_path):
    straight = fit(config, quiet)
    broken = config.with_(runs_dir=str(tmp_path / "broken"))
    with pytest.raises(KeyboardInterrupt):
        fit(broken, stop_after(2))
    newest = sorted(Run.of(broken).path.glob("checkpoint-*.pt"))[-1]
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    with pytest.warns(UserWarning, match="bytes differ"):
        resumed = fit(broken, quiet)
    assert same(weights(straight), weights(resumed))


def interrupted(config, folder) -> Run:
    """A run that stopped after two epochs of three."""
    broken = config.with_(runs_dir=str(folder))
    with pytest.raises(KeyboardInterrupt):
        fit(broken, stop_after(2))
    return Run.of(broken)


def test_the_newest_checkpoint_is_that_of_the_latest_step_whatever_the_clock_says(tmp_path):
    for epoch in (1, 2):
        checkpoints.save(tmp_path, epoch, {"epoch": epoch}, UNDER)
    for number, path in enumerate(sorted(tmp_path.glob("checkpoint-*.pt"), reverse=True)):
        os.utime(path, (number * 1e9, number * 1e9))  # the older one was written by a machine that is years ahead
    assert checkpoints.load(tmp_path, UNDER) == {"epoch": 2}


def test_a_damaged_checkpoint_is_set_aside_and_never_deleted(config, tmp_path):
    run = interrupted(config, tmp_path / "broken")
    newest = sorted(run.path.glob("checkpoint-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="set aside"):
        fit(config.with_(runs_dir=str(tmp_path / "broken")), quiet)
    assert (run.path / f"{newest.name}.damaged").exists()


@pytest.mark.parametrize("fault", [RuntimeError("not enough memory: you tried to allocate"), MemoryError("none")])
def test_a_checkpoint_that_cannot_be_read_for_want_of_memory_stays_and_training_does_not_start_anew(
    config, tmp_path, monkeypatch, fault
):
    run = interrupted(config, tmp_path / "broken")
    before = {path.name: path.read_bytes() for path in run.path.glob("checkpoint-*")}

    def short(*args, **kwargs):
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", short)
        with pytest.raises(FacebiasError, match="is whole and cannot be read"):
            fit(config.with_(runs_dir=str(tmp_path / "broken")), quiet)
    assert before == {path.name: path.read_bytes() for path in run.path.glob("checkpoint-*")}
    epochs = []
    fit(config.with_(runs_dir=str(tmp_path / "broken")), lambda row: epochs.append(row["epoch"]))
    assert epochs == [3]


def test_a_training_does_not_go_on_with_other_data(config, tmp_path):
    run = interrupted(config, tmp_path / "broken")
    for manifest in run.path.glob("checkpoint-*.manifest.json"):
        write_record(manifest, read_json(manifest) | {"data": "0" * 64})
    with pytest.raises(FacebiasError, match="trained on other data than the packed file holds now"):
        fit(config.with_(runs_dir=str(tmp_path / "broken")), quiet)


def test_a_training_that_goes_on_with_other_threads_says_so(config, tmp_path):
    interrupted(config, tmp_path / "broken")
    with pytest.warns(UserWarning, match="threads=1 and goes on with threads=2"):
        fit(config.with_(runs_dir=str(tmp_path / "broken"), threads=2), quiet)


def test_two_trainings_of_one_seed_write_the_same_bytes(config, tmp_path):
    runs = [fit(config.with_(epochs=1, runs_dir=str(tmp_path / name)), quiet) for name in ("one", "two")]
    assert len({sha256(run.path / "weights.pt") for run in runs}) == 1


class _Payload:
    def __reduce__(self):
        return (exec, ("raise SystemExit('the payload ran')",))


def test_the_payload_of_a_malicious_checkpoint_never_runs(tmp_path):
    checkpoints.save(tmp_path, 1, {"epoch": 1}, UNDER)
    path = next(tmp_path.glob("*.pt"))
    path.write_bytes(pickle.dumps(_Payload(), protocol=2))
    write_manifest(path, checkpoints.SCHEMA, 1, "key")
    with pytest.warns(UserWarning, match="not used"):
        assert checkpoints.load(tmp_path, UNDER) is None
