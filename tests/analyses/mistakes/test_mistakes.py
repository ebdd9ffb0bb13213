"""Each mistake is a mistake, does to the numbers what the chapter says, and the rest is the project's own network."""

from __future__ import annotations

import dataclasses
from functools import cache, partial

import numpy as np
import pytest
import torch

from facebias.analyses.mistakes import images, judging, networks, plots, tables
from facebias.analyses.mistakes.training import Lesson, train_short, untrained
from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.detectors.networks import DBVAE
from facebias.training.fit import fit
from facebias.training.resampling import effective_sample_size

WRONG = (
    networks.FacesClassifiedAlone,
    networks.BroadcastLabels,
    networks.EvalLeftOn,
    networks.VarianceAsSpread,
    networks.ReluAtTheEnd,
)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory) -> Lesson:
    home = tmp_path_factory.mktemp("lesson")
    places = {f"{kind}_dir": str(home / kind) for kind in ("runs", "data")}
    return Lesson.of(profile("tiny", train_size=240, negative_size=240, audit_size=240, epochs=2, fpr=0.05, **places))


@pytest.fixture(scope="module")
def trained(lesson):
    """A network's short training, once."""
    return cache(partial(train_short, lesson))


@pytest.fixture(scope="module")
def right(trained):
    return trained(DBVAE)


def value(table, measured: str, column: str = "mistaken") -> float:
    (row,) = table[table["measured"].str.startswith(measured)].to_dict("records")
    return row[column]


def batch(lesson: Lesson) -> tuple[torch.Tensor, torch.Tensor]:
    rows = np.concatenate([lesson.train.faces[:6], lesson.train.negatives[:10]])
    return lesson.train.tensor()[rows].float() / 255, torch.from_numpy(lesson.train.labels[rows]).float()


class TestNetworks:
    def test_the_loss_written_image_by_image_is_the_loss_of_the_projects_network(self, lesson):
        found = []
        for network in (DBVAE, networks.ImageByImage):
            model = untrained(network, lesson.config).eval()
            with torch.no_grad():  # next to no noise, since the two draw it for other images
                model.head.weight[lesson.config.latents + 1 :] = 0
                model.head.bias[lesson.config.latents + 1 :] = -30
            found.append(model.loss(*batch(lesson), lesson.config, torch.Generator().manual_seed(0)))
        for one, other in zip(*found, strict=True):
            assert one.item() == pytest.approx(other.item(), rel=1e-4) and one.item() > 0

    @pytest.mark.parametrize("network", WRONG)
    def test_each_mistake_starts_from_the_same_weights_and_ends_with_others(self, lesson, trained, right, network):
        same = zip(
            untrained(network, lesson.config).parameters(), untrained(DBVAE, lesson.config).parameters(), strict=True
        )
        assert all(torch.equal(one, other) for one, other in same)
        wrong = trained(network)
        assert not torch.equal(wrong.model.head.weight, right.model.head.weight)

    def test_the_short_training_is_the_projects_own(self, lesson, right):
        run = fit(lesson.config, lambda row: None)
        assert run.history["loss"].tolist() == right.history["loss"].tolist()


class TestTables:
    def test_faces_classified_alone_make_everything_a_face(self, trained, right):
        table = tables.alarm_table(right, trained(networks.FacesClassifiedAlone))
        assert value(table, "false positive rate") == value(table, "recall at probability") == 100
        assert value(table, "variance") == 0

    def test_non_faces_move_the_vae_only_where_labels_are_broadcast(self, lesson):
        table = tables.leak_table(lesson)
        assert value(table, "gradient on the pixels of non-faces", "right") == 0
        assert value(table, "gradient on the pixels of non-faces") > 0

    @pytest.mark.parametrize("faces", [8, 16])
    def test_broadcast_labels_multiply_a_faces_gradient_by_the_share_of_faces(self, lesson, faces):
        of_faces = tables.leak_table(lesson, faces).iloc[0]
        assert of_faces["mistaken"] / of_faces["right"] == pytest.approx(faces / 64, rel=1e-3)

    def test_batch_norm_that_is_left_in_evaluation_has_seen_nothing(self, trained, right):
        table = tables.norm_table(right, trained(networks.EvalLeftOn))
        assert value(table, "batches") == 0 < value(table, "batches", "right")

    def test_the_divergence_counted_is_that_of_the_noise_in_a_right_vae_alone(self, trained, right):
        table = tables.spread_table(right, trained(networks.VarianceAsSpread))
        counted, drawn = (table[table["measured"].str.startswith("divergence")][name] for name in ("right", "mistaken"))
        assert counted.iloc[0] == counted.iloc[1] and drawn.iloc[0] != pytest.approx(drawn.iloc[1], rel=1e-3)

    def test_a_relu_at_the_end_stops_part_of_the_decoder(self, trained, right):
        table = tables.relu_table(right, trained(networks.ReluAtTheEnd))
        assert value(table, "decoded values without a gradient, untrained") > 10
        assert value(table, "decoded values without a gradient, untrained", "right") == 0

    def test_logarithms_summed_are_nearly_uniform(self, right):
        table = tables.weight_table(right)
        assert value(table, "effective sample") > 95 > value(table, "effective sample", "right")

    def test_logarithms_are_summed_over_latents_as_they_were_published(self):
        weight = tables.log_weights(np.array([[0.0, 5.0], [0.0, 5.0], [0.0, 5.0], [1.0, 5.0]]), 0.25, bins=2)
        common, rare, other = (np.log(1 + 1 / (share + 0.25)) for share in (0.75, 0.25, 1.0))
        expected = np.array([common, common, common, rare]) + other
        assert weight == pytest.approx(expected / expected.sum())
        assert 3 < effective_sample_size(weight) < 4


class TestImages:
    def test_other_pixels_make_other_faces_rare(self, right):
        table = images.input_table(right)
        assert (table["mistaken"] < table["right"]).all()

    def test_pixels_are_swapped_and_left_out(self, right):
        table = images.pixel_table(right, *images.whole_pictures(6, 1))
        assert table["mistake"].eq(6).all() and table[["right", "mistaken"]].to_numpy().max() <= 100

    def test_squashing_makes_faces_narrow_and_small(self, right):
        table = images.squash_table(right, *images.whole_pictures(6, 1))
        assert value(table, "width of a face") == 0.75
        assert value(table, "pixels across") == pytest.approx(value(table, "pixels across", "right") * 64 / 240)

    def test_the_window_in_a_squashed_picture_holds_the_face(self):
        (picture,), (box,) = images.whole_pictures(1, 4)
        window = images._squashed(picture, box)
        assert window.shape == (64, 64, 3)
        face = np.asarray(picture.crop((box.left, box.top, box.left + box.side, box.top + box.side))).mean((0, 1))
        assert np.abs(window[16:48, 24:40].mean((0, 1)) - face).max() < 60


class TestJudging:
    def test_five_images_a_group_show_the_gap_that_chance_makes(self):
        assert judging.chance_gap(5) == pytest.approx(9.8, abs=0.05)
        hits = np.random.default_rng(0).binomial(5, 0.97, size=(200_000, 4))
        assert 20 * np.ptp(hits, axis=1).mean() == pytest.approx(judging.chance_gap(5), abs=0.1)
        assert np.diff([judging.chance_gap(n) for n in (5, 50, 500)]).max() < 0

    def test_of_what_is_called_a_face_or_of_all_there_is(self, right):
        table = judging.precision_table(right)
        assert table["mistaken"].item() < table["right"].item()

    def test_the_best_of_many_is_told_too_good(self, lesson, right):
        rng = np.random.default_rng(1)
        noise = dataclasses.replace(right, audit_scores=rng.normal(size=(40, len(lesson.audit))), limits=np.zeros(40))
        row = judging.choice_table([noise]).iloc[0]
        assert row["mistaken"] > row["right"] + 5

    def test_an_added_number_gains_nothing_at_a_matched_rate(self, right):
        gain, alarms, published = judging.threshold_table(right)[["right", "mistaken"]].to_numpy()
        assert gain[0] == alarms[0] == 0
        assert gain[1] >= 0 < alarms[1]
        assert published == pytest.approx([0.2, 5.6], abs=0.05)

    def test_the_published_recall_follows_from_the_moved_threshold(self):
        assert judging.moved_recall() == pytest.approx(90.4, abs=0.05)


def test_a_line_of_each_figure_is_what_it_is_named(right):
    alarms = plots.false_alarms({"right": right, "mistaken": right})
    assert [line.get_label() for line in alarms.axes[0].lines] == ["right", "mistaken"]
    assert alarms.axes[1].lines[0].get_ydata() == pytest.approx(100 * right.history["fpr_half"])
    weights = plots.sorted_weights({"uniform": np.full(4, 0.25), "one": np.array([0.1, 0.7, 0.1, 0.1])})
    assert weights.axes[0].lines[1].get_ydata() == pytest.approx([2.8, 0.4, 0.4, 0.4])


def test_faces_without_skin_tones_are_refused(lesson, monkeypatch):
    monkeypatch.setattr("facebias.analyses.mistakes.training.groups_of", lambda *_: None)
    with pytest.raises(FacebiasError, match="no skin tones"):
        Lesson.of(lesson.config)
