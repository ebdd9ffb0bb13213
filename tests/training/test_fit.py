"""Training: repeatable, resumable, and honest about what it drew."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from facebias.core.errors import FacebiasError
from facebias.core.files import read_json
from facebias.core.lock import folder_lock
from facebias.core.records import write_record
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_training
from facebias.detectors.networks import LossParts
from facebias.training import epoch
from facebias.training.epoch import sampling_plan
from facebias.training.fit import fit
from facebias.training.run import Run
from trainings import quiet, same, stop_after, weights


@pytest.mark.parametrize("arm", ["cnn", "dbvae-0.01", "groupdro"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(config, tmp_path, arm):
    first = fit(config.for_arm(arm, 0), quiet)
    again = fit(config.for_arm(arm, 0).with_(runs_dir=str(tmp_path / "again")), quiet)
    other = fit(config.for_arm(arm, 1), quiet)
    assert same(weights(first), weights(again))
    assert not same(weights(first), weights(other))


@pytest.mark.parametrize("arm", ["dbvae-used-0.01", "gaussian", "jtt", "vae-groupdro", "shuffled-0.001"])
def test_an_interrupted_training_resumes_to_the_very_weights_of_an_uninterrupted_one(config, tmp_path, arm):
    config = config.for_arm(arm, 0)
    straight = fit(config, quiet)
    broken = config.with_(runs_dir=str(tmp_path / "broken"))
    with pytest.raises(KeyboardInterrupt):
        fit(broken, stop_after(2))
    assert not Run.of(broken).complete
    epochs = []
    resumed = fit(broken, lambda row: epochs.append(row["epoch"]))
    assert epochs == [3]
    assert same(weights(straight), weights(resumed))
    pd.testing.assert_frame_equal(straight.history, resumed.history)
    pd.testing.assert_frame_equal(straight.sampling, resumed.sampling)


def test_a_finished_run_is_found_and_not_repeated(config):
    run = fit(config, quiet)
    before = {path.name: path.stat().st_mtime_ns for path in run.path.iterdir()}
    assert fit(config, stop_after(1)) == run
    assert before == {path.name: path.stat().st_mtime_ns for path in run.path.iterdir()}
    assert not list(run.path.glob("checkpoint*"))


def test_a_finished_run_whose_data_have_changed_since_is_reported(config, tmp_path):
    run = fit(config, quiet)
    done = read_json(run.path / "DONE.json")
    write_record(run.path / "DONE.json", done | {"train_sha256": "0" * 64})
    with pytest.warns(UserWarning, match="other bytes"):
        fit(config, quiet)


def test_a_digit_that_flips_in_a_small_file_of_a_finished_run_is_noticed(config):
    run = fit(config, quiet)
    readers = {
        "config.json": lambda: run.config,
        "history.csv": lambda: run.history,
        "sampling.csv": lambda: run.sampling,
    }
    for name, read in readers.items():
        read()
        whole = (run.path / name).read_text()
        (run.path / name).write_text(whole[::-1].replace("1", "7", 1)[::-1])
        with pytest.raises(FacebiasError, match=rf"\[HASH\].*{name}"):
            read()
        (run.path / name).write_text(whole)


def test_a_run_without_its_last_file_is_incomplete(config):
    run = fit(config, quiet)
    (run.path / "DONE.json").unlink()
    with pytest.raises(FacebiasError, match="incomplete"):
        run.model()


def test_a_folder_in_use_is_refused(config):
    with folder_lock(Run.of(config).path), pytest.raises(FacebiasError, match="in use by process"):
        fit(config, quiet)


def test_weights_of_another_architecture_are_refused_with_both_named(config):
    small, large = fit(config, quiet), fit(config.with_(latents=9), quiet)
    for name in ("weights.pt", "weights.pt.manifest.json"):
        shutil.copy(large.path / name, small.path / name)
    with pytest.raises(FacebiasError, match=r"'latents': 8.*'latents': 9"):
        small.model()


def test_a_loss_that_is_not_finite_stops_at_its_step_and_keeps_the_last_checkpoint(config, monkeypatch):
    build = epoch.build_model

    def spoiled(config):
        model = build(config)
        loss, calls = model.loss, []

        def counted(*args):
            calls.append(1)
            parts = loss(*args)
            return LossParts(parts.total * float("nan"), *parts[1:]) if len(calls) == 7 else parts

        model.loss = counted
        return model

    monkeypatch.setattr(epoch, "build_model", spoiled)
    with pytest.raises(FacebiasError, match=r"epoch 1 step 7: the loss is nan|epoch 2 step \d+: the loss is nan"):
        fit(config.with_(batch_size=32), quiet)
    assert list(Run.of(config.with_(batch_size=32)).path.glob("checkpoint-*.pt"))


def test_batch_statistics_still_move_after_the_latent_pass(config):
    """Published code left the network in evaluation mode after computing latents."""
    run = fit(config.with_(epochs=1), quiet)
    counted = weights(run)["encoder.convolutions.2.num_batches_tracked"]
    train = FaceDataset.load(pack_training(config)["train"])
    assert counted.item() == len(train.faces) // (config.batch_size // 2)


def test_half_of_every_batch_is_faces_and_arms_of_a_seed_share_their_negatives(config):
    train = FaceDataset.load(pack_training(config)["train"])
    uniform = np.full(len(train.faces), 1 / len(train.faces))
    skewed = uniform.copy()
    skewed[0] += 1
    skewed /= skewed.sum()
    plans = [sampling_plan(config, 0, train, p) for p in (uniform, skewed)]
    half = config.batch_size // 2
    for plan in plans:
        assert all(train.labels[rows].sum() == half and len(rows) == config.batch_size for rows in plan)
    negatives = [np.concatenate([rows[half:] for rows in plan]) for plan in plans]
    assert np.array_equal(*negatives)
    drawn = np.concatenate([rows[:half] for rows in plans[1]])
    assert (drawn == train.faces[0]).mean() > 0.3


def test_an_epoch_draws_no_more_faces_than_it_is_told_and_other_seeds_others(config):
    train = FaceDataset.load(pack_training(config)["train"])
    evenly = np.full(len(train.faces), 1 / len(train.faces))

    def drawn(**settings):
        return np.concatenate(sampling_plan(config.with_(batch_size=8, **settings), 0, train, evenly))

    assert len(drawn(epoch_faces=0)) == len(drawn(epoch_faces=10**6)) == len(train.faces) // 4 * 8
    assert len(drawn(epoch_faces=20)) == 40 and (train.labels[drawn(epoch_faces=20)] == 1).sum() == 20
    assert set(drawn(epoch_faces=20)) != set(drawn(epoch_faces=20, seed=1))


def test_what_was_drawn_is_logged_for_every_epoch_and_group(config):
    run = fit(config.for_arm("dbvae-0.001", 0), quiet)
    shares = run.sampling.groupby(["epoch", "grouping"])["share"].sum()
    assert set(run.sampling["grouping"]) == {"gender", "skin_tone"}
    np.testing.assert_allclose(shares, 1, atol=1e-9)
    assert run.history["epoch"].tolist() == [1, 2, 3]
    assert (run.history["ess_share"] < 1).all()
    assert run.sampling_faces["probability"].sum() == pytest.approx(1)


def test_group_dro_on_the_network_with_latents_trains_its_decoder_too_and_weighs_groups_by_their_loss(config):
    history = {arm: fit(config.for_arm(arm, 0).with_(epochs=2), quiet).history for arm in ("balanced", "vae-groupdro")}
    robust = history["vae-groupdro"]
    assert (robust["reconstruction"] > 0).all() and (robust["kl"] > 0).all()
    assert robust["ess_share"].equals(history["balanced"]["ess_share"])
    assert not np.isclose(robust["loss"], history["balanced"]["loss"], rtol=1e-6).any()


def test_the_latents_that_decide_what_is_drawn_come_from_the_faces_alone(config, monkeypatch):
    seen = []
    real = epoch.posterior
    monkeypatch.setattr(
        epoch, "posterior", lambda model, images, rows: seen.append(len(images[rows])) or real(model, images, rows=rows)
    )
    fit(config.with_(epochs=1), quiet)
    assert seen == [len(FaceDataset.load(pack_training(config)["train"]).faces)]


def test_shuffled_probabilities_are_those_of_the_latents_dealt_to_other_faces(config):
    matched = fit(config.for_arm("dbvae-0.001", 0).with_(epochs=1), quiet).sampling_faces["probability"]
    shuffled = fit(config.for_arm("shuffled-0.001", 0).with_(epochs=1), quiet).sampling_faces["probability"]
    np.testing.assert_array_equal(np.sort(matched), np.sort(shuffled))  # the first epoch starts from the same weights
    assert (matched != shuffled).mean() > 0.5


def test_balanced_draws_follow_the_labels_and_ignore_the_latents(config):
    sampling = fit(config.for_arm("balanced", 0).with_(epochs=1), quiet).sampling
    tone = sampling[(sampling["grouping"] == "skin_tone") & (sampling["n"] > 0)]
    rare = tone.loc[tone["natural_share"].idxmin()]
    assert rare["share"] > 2 * rare["natural_share"]


def test_just_train_twice_draws_what_a_first_training_gets_wrong(config, packed):
    run = fit(config.for_arm("jtt", 0).with_(jtt_weight=7.0), quiet)
    probability = run.sampling_faces["probability"].to_numpy()
    values = np.unique(probability / probability.min())
    assert len(values) == 2 and values[1] == pytest.approx(7)


def test_just_train_twice_draws_negatives_by_their_errors_too(config, packed):
    data = FaceDataset.load(pack_training(config)["train"])
    uniform = np.full(len(data.faces), 1 / len(data.faces))
    only = np.zeros(len(data.negatives))
    only[3] = 1
    for rows in sampling_plan(config, 0, data, uniform, only):
        assert set(rows[len(rows) // 2 :]) == {data.negatives[3]}


def test_bfloat16_changes_products_and_little_of_what_is_learned(config):
    exact = fit(config.for_arm("vae", 0).with_(epochs=1), quiet)
    rounded = fit(config.for_arm("vae", 0).with_(epochs=1, precision="bfloat16"), quiet)
    assert all(value.dtype != torch.bfloat16 for value in weights(rounded).values())
    a, b = exact.history.iloc[-1], rounded.history.iloc[-1]
    assert a["loss"] != b["loss"]
    assert a["loss"] == pytest.approx(b["loss"], rel=0.05)
