"""Pictures of non-faces: how far a threshold, and every rate with it, would move with others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit_tables import predictions
from facebias.audit import compare, fix_thresholds
from facebias.audit.decisions import Decisions
from facebias.audit.operating_points import OperatingPoints, moved_rates
from facebias.audit.predictions import picture_of

RACE = (("race",), ())


def with_pictures(table, crops):
    """The non-faces as so many crops a picture, which score alike, as those of one scene do."""
    negative = table[table["label"] == 0]
    number = negative["image_id"].str[2:].astype(int)
    away = negative["score"] + 3
    shared = away.groupby([negative["run_id"], negative["dataset"], number // crops]).transform("mean")
    names = "0/" + (number // crops).astype(str).str.zfill(5) + ".jpg#" + (number % crops).astype(str)
    score = 0.8 * shared * np.sqrt(crops) + 0.6 * away - 3
    return pd.concat([negative.assign(image_id=names, score=score), table[table["label"] == 1]], ignore_index=True)


@pytest.fixture(scope="module")
def scored():
    return predictions(negatives=2000, seeds=2)


def bootstrapped(table, replicates=400):
    """Standard error of recall, and of its paired change, by drawing pictures of validation non-faces anew, by hand."""
    rng, found = np.random.default_rng(0), []
    held = table[(table["dataset"] == "validation") & (table["label"] == 0)]
    held = held.assign(picture=held["image_id"].str.replace(r"#\d+$", "", regex=True))
    faces = {run: rows["score"].to_numpy() for run, rows in table.query("dataset == 'fairface'").groupby("run_id")}
    scores = {run: rows["score"].to_numpy() for run, rows in held.groupby("run_id")}
    picture = held[held["run_id"] == held["run_id"].iloc[0]]["picture"].to_numpy()
    rows = {name: np.flatnonzero(picture == name) for name in np.unique(picture)}
    names = list(rows)
    for _ in range(replicates):
        drawn = np.concatenate([rows[names[number]] for number in rng.integers(0, len(names), len(names))])
        recall = {}
        for run, own in scores.items():
            ordered = np.sort(own[drawn])[::-1]
            recall[run] = np.mean(faces[run] > ordered[int(0.01 * len(ordered))])
        arms = [np.mean([recall[f"{arm}-s{seed}"] for seed in (0, 1)]) for arm in ("cnn", "dbvae-0.01")]
        found.append((arms[0], arms[1] - arms[0]))
    return np.std(found, axis=0)


@pytest.mark.parametrize("crops", [1, 4])
def test_the_doubt_of_thresholds_is_that_of_a_bootstrap_over_pictures(scored, crops):
    table = with_pictures(scored, crops)
    decisions = Decisions(table, "fpr=0.01")
    hits = decisions.hits(("cnn", "dbvae-0.01"), "fairface")
    away = np.array([side.mean(axis=0)[:, 0] for side in hits.moved])
    ours = np.array([away[0].std(), (away[1] - away[0]).std()])
    np.testing.assert_allclose(ours, bootstrapped(table), rtol=0.2)
    assert ours[1] < 0.9 * np.hypot(*away.std(axis=1))  # what moves both thresholds alike cancels


def noises(scored, dataset, label):
    """Of the CNN: where four crops are one picture, and where the same crops go by names of their own."""
    together = with_pictures(scored, 4)
    apart = together.assign(image_id=together["image_id"].str.replace("#", "-crop-"))
    return [Decisions(table, "fpr=0.01").hits(("cnn",), dataset, (), label).noise for table in (together, apart)]


def test_several_crops_a_picture_are_fewer_witnesses_than_as_many_pictures(scored):
    together, apart = noises(scored, "fairface", 1)
    assert together.by_thresholds[0, 0] > 1.3 * apart.by_thresholds[0, 0] > 0
    np.testing.assert_allclose(together.rates, apart.rates)


def test_a_threshold_in_ranks_is_the_threshold_on_scores(scored):
    points = OperatingPoints(scored, "fpr=0.01")
    for row in fix_thresholds(scored, ("fpr=0.01",)).itertuples():
        scores = scored[scored["run_id"] == row.run_id]["score"].to_numpy(dtype=float)
        point = points[row.run_id]
        np.testing.assert_array_equal(point.ranks(scores) <= point.allowed, scores >= row.threshold)
        assert point.above == point.allowed == 20
        assert abs(point.drawn.mean() - 20) < 1


def test_tied_scores_pass_or_fail_together_in_ranks_too(scored):
    table = scored.assign(score=scored["score"].round())
    points = OperatingPoints(table, "fpr=0.05")
    for row in fix_thresholds(table, ("fpr=0.05",)).itertuples():
        scores = table[table["run_id"] == row.run_id]["score"].to_numpy(dtype=float)
        point = points[row.run_id]
        np.testing.assert_array_equal(point.ranks(scores) <= point.allowed, scores >= row.threshold)
        assert point.above < point.allowed


def test_moved_rates_are_those_of_the_faces_that_pass():
    ranks, codes = np.array([[0, 3, 5, 9]]), np.array([0, 0, 1, 1])
    found = moved_rates(ranks, codes, 3, np.array([[2, 3, 5]]))
    np.testing.assert_array_equal(found[0], [[0.5, 0, 0], [1, 0, 0], [1, 0.5, 0]])


def test_a_fixed_probability_has_no_doubt_of_its_threshold(scored):
    hits = Decisions(scored, "p=0.5").hits(("cnn",), "fairface")
    assert hits.moved is None and hits.noise.thresholds is None
    matched = Decisions(scored, "fpr=0.01").hits(("cnn",), "fairface")
    assert (matched.noise.by_thresholds > 0).all()


def test_crops_are_known_by_their_names_and_any_other_image_is_a_picture_of_its_own():
    names = pd.Series(["a.jpg#0", "a.jpg#12", "b#c.jpg", "b#3.jpg#1"])
    assert picture_of(names).tolist() == ["a.jpg", "a.jpg", "b#c.jpg", "b#3.jpg"]


def test_the_doubt_of_thresholds_does_not_depend_on_the_order_of_rows(scored):
    table = with_pictures(scored, 4)
    shuffled = table.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(compare(table, groupings=RACE), compare(shuffled, groupings=RACE))


def test_the_measured_false_positive_rate_counts_crops_of_one_picture_together_and_takes_thresholds_as_they_are(scored):
    together, apart = noises(scored, "test", 0)
    np.testing.assert_allclose(together.rates, apart.rates)
    assert together.images[0, 0, 0] > 1.3 * apart.images[0, 0, 0] > 0
    assert together.n[0] == 500 and together.thresholds is None


def test_draws_in_parts_are_those_of_one(scored, monkeypatch):
    """Of hundreds of thousands of pictures, all draws at a time would fill the memory."""
    points = [OperatingPoints(scored, "fpr=0.01")]
    monkeypatch.setattr("facebias.audit.operating_points._WEIGHTS", 300 * 2000)
    points.append(OperatingPoints(scored, "fpr=0.01"))
    for run in scored["run_id"].unique():
        np.testing.assert_array_equal(points[0][run].drawn, points[1][run].drawn)
