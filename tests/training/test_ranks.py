"""Several processes train what one would: the same histograms, draws and gradients; killed and resumed, the same."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from facebias.core.errors import FacebiasError
from facebias.core.files import read_json
from facebias.core.profiles import profile
from facebias.training import epoch
from facebias.training.ranks import World
from facebias.training.run import Run
from ranked import BATCHES, COUNTS, RULES, alone, everything, in_ranks, said, trained
from trainings import same, weights

ARMS = ("cnn", "vae", "vae-groupdro")


@pytest.fixture(scope="module")
def two(packed, tmp_path_factory):
    """What each of two ranks says."""
    folder = tmp_path_factory.mktemp("two") / "ranks"
    assert in_ranks(everything, folder, profile("tiny", data_dir=packed), ARMS) == [0, 0]
    return [said(folder, rank) for rank in range(2)]


@pytest.fixture(scope="module")
def one(packed):
    with pytest.MonkeyPatch.context() as monkeypatch:
        return alone(profile("tiny", data_dir=packed), ARMS, monkeypatch)


@pytest.mark.parametrize("count", COUNTS)
def test_ranks_count_the_very_histograms_of_one_process(two, one, count):
    expected = one["probabilities"][count]["counts"]
    assert expected.dtype == np.int64 and (expected.sum(1) == COUNTS[count]).all()
    for rank in two:
        np.testing.assert_array_equal(rank["probabilities"][count]["counts"], expected)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("rule", RULES)
def test_ranks_give_each_face_the_probability_that_one_process_gives(two, one, count, rule):
    expected = one["probabilities"][count]["by rule"][rule]
    for rank in two:
        np.testing.assert_allclose(rank["probabilities"][count]["by rule"][rule], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", ["even", "uneven"])
def test_histograms_of_each_ranks_own_faces_would_draw_others(two, one, count):
    expected = one["probabilities"][count]["by rule"]["max"]
    assert 0.5 * np.abs(two[0]["probabilities"][count]["own"] - expected).sum() > 0.05


def test_at_the_same_weights_ranks_draw_the_very_images_of_one_process(two, one):
    for rank in two:
        np.testing.assert_allclose(rank["drawn"], one["drawn"], rtol=1e-9)  # latents of other batches round otherwise
        np.testing.assert_array_equal(rank["plan"], one["plan"])
        np.testing.assert_array_equal(rank["logits"], one["logits"])


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("batch", BATCHES)
def test_ranks_step_where_one_process_steps(two, one, arm, batch):
    """Gradients, batch norm's statistics and group weights; a rank without faces does not stall the others."""
    expected = one["gradients"][arm, batch]
    for rank in two:
        found = rank["gradients"][arm, batch]
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=0, atol=1e-7, msg=lambda text, n=name: f"{n}: {text}")


def test_blocks_are_whole_batches_and_hold_every_row_once():
    for count in (0, 1, 255, 256, 257, 5000):
        rows = [np.arange(count)[World(rank, 3).block(count, 256)] for rank in range(3)]
        np.testing.assert_array_equal(np.concatenate(rows), np.arange(count))
        assert all(not len(part) or part[0] % 256 == 0 for part in rows)


def test_more_ranks_than_images_in_a_batch_are_refused(config):
    with pytest.raises(FacebiasError, match="4 images for 5 ranks"):
        epoch.initial(config.with_(batch_size=4), None, World(0, 5))


def test_a_training_of_two_ranks_that_is_killed_resumes_to_the_same_weights(config, tmp_path):
    config = config.for_arm("dbvae-0.01", 0)
    assert in_ranks(trained, tmp_path / "straight", config) == [0, 0]
    straight = Run.of(config)
    broken = config.with_(runs_dir=str(tmp_path / "broken"))
    assert 0 not in in_ranks(trained, tmp_path / "killed", broken, 2)
    run = Run.of(broken)
    assert not run.complete and [file.name for file in run.path.glob("*.pt")]
    said = _torchrun(
        "train", "--profile", "tiny", "--epochs", "3", "--data-dir", config.data_dir, "--runs-dir", broken.runs_dir
    )
    assert said.stdout.splitlines()[-1] == str(run.path) and said.stdout.count(str(run.path)) == 1
    assert "epoch 3/3" in said.stdout and "epoch 2/3" not in said.stdout
    assert read_json(run.path / "DONE.json")["ranks"] == 2
    assert same(weights(straight), weights(run))
    assert straight.history.equals(run.history)


def _torchrun(*args: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "facebias"]
    return subprocess.run([*command, *args], check=True, capture_output=True, text=True, env=os.environ)
