"""Latents decoded: what a DB-VAE makes of faces, and which networks have nothing to decode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_training
from facebias.report import explored_latents
from facebias.training.fit import fit
from facebias.training.latents import latent_means, latent_table, reconstruct, traverse
from facebias.training.run import Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("latents")
    config = profile("tiny", data_dir=str(folder / "data"), runs_dir=str(folder / "runs"), epochs=1)
    return {arm: fit(config.for_arm(arm, 0), lambda row: None) for arm in ("cnn", "vae")}


@pytest.fixture(scope="module")
def train(runs) -> FaceDataset:
    return FaceDataset.load(pack_training(runs["vae"].config)["train"])


def test_faces_are_decoded_from_their_latents_as_pictures_of_the_same_size(runs, train):
    faces = train.images[train.faces[:3]]
    found = reconstruct(runs["vae"], faces)
    assert found.shape == faces.shape and found.dtype == np.uint8
    assert not np.array_equal(found[0], found[1])


def test_each_row_of_a_traverse_moves_along_one_latent_and_meets_the_others_at_their_mean(runs, train):
    grid, labels = traverse(runs["vae"], train, count=2, steps=(-2, 0, 2))
    assert grid.shape == (2, 3, 64, 64, 3) and len(set(labels)) == 2
    assert np.array_equal(grid[0, 1], grid[1, 1])
    assert not np.array_equal(grid[0, 0], grid[0, 2])


def test_latents_are_ordered_by_what_they_tell_and_their_tie_to_skin_tone_is_told(runs, train):
    table = latent_table(runs["vae"], train)
    assert (
        sorted(table["latent"]) == list(range(8))
        and table["nats"].is_monotonic_decreasing
        and (table["nats"] > 0).all()
    )
    mu = latent_means(runs["vae"].model(), train.tensor()[train.faces]).numpy()
    assert table["sd"].to_numpy() == pytest.approx(mu.std(axis=0)[table["latent"]], rel=1e-4)
    ita = train.table["ita"].iloc[train.faces].to_numpy()
    assert table["tone"].to_numpy() == pytest.approx(
        [spearmanr(mu[:, latent], ita).statistic for latent in table["latent"]], abs=1e-6
    )
    labels = traverse(runs["vae"], train, count=2)[1]
    assert [label.split(",")[0] for label in labels] == [f"z {latent}" for latent in table["latent"][:2]]
    assert all(" nats\nskin tone r " in label for label in labels)


def test_without_measured_tones_nothing_is_said_of_them(runs, train):
    dark = replace(train, table=train.table.assign(ita=np.nan))
    assert latent_table(runs["vae"], dark)["tone"].isna().all()
    assert traverse(runs["vae"], dark, count=1)[1][0].endswith(" nats")


def test_a_network_without_latents_is_refused_by_name(runs, train):
    for ask in (lambda run: reconstruct(run, train.images[:1]), lambda run: traverse(run, train)):
        with pytest.raises(FacebiasError, match="without latents"):
            ask(runs["cnn"])


def test_a_reader_moves_one_latent_at_a_time_away_from_the_mean_face(runs, train):
    found = explored_latents(runs["vae"], train, count=2)
    assert len(found.choices["latent"].options) == 2 and len(found.choices["step"].options) == 13
    pictures = {words: found.picture(step=words) for words in found.choices["step"].options}
    assert pictures["mean"] != pictures["+3 SD"]
    assert f"z {latent_table(runs['vae'], train)['latent'][0]}, " in found.shown().words
