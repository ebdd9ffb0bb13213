"""Remedies beside DB-VAE: what they draw more often, and what their losses weigh."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from facebias.training.remedies import MOST, GroupDRO, balanced_probabilities, face_groups, twice_probabilities


def test_every_cell_is_drawn_alike_where_no_cap_is_reached():
    cells = np.array([0] * 70 + [1] * 20 + [2] * 10)
    probability = balanced_probabilities(cells)
    np.testing.assert_allclose(np.bincount(cells, weights=probability), 1 / 3)


def test_no_face_is_drawn_more_than_the_cap_allows():
    cells = np.array([0] * 9999 + [1])
    probability = balanced_probabilities(cells)
    assert probability.sum() == pytest.approx(1)
    # the cap holds before the rest is shared out, which lifts all by the same factor
    assert probability[-1] / probability[0] < 2 * MOST
    assert probability[-1] > 10 / len(cells)


def test_cells_are_skin_tone_by_gender_and_unknown_ones_are_cells_too():
    table = pd.DataFrame({"skin_tone": ["dark", "dark", "light", ""], "gender": ["Male", "Female", "Male", "Male"]})
    assert len(set(face_groups(table))) == 4
    assert face_groups(pd.concat([table, table]))[:4].tolist() == face_groups(pd.concat([table, table]))[4:].tolist()


def test_what_the_first_training_got_wrong_is_drawn_that_many_times_as_often():
    probability = twice_probabilities(np.array([True, False, False]), 20.0)
    assert probability[0] / probability[1] == pytest.approx(20)
    assert probability.sum() == pytest.approx(1)


def test_the_group_with_the_highest_loss_gains_weight_as_the_algorithm_says():
    dro = GroupDRO(2, step=0.5)
    losses, groups = torch.tensor([2.0, 4.0, 1.0, 0.7, 0.1]), torch.tensor([0, 0, 1, 1, -1])
    total = dro.loss(losses, groups)
    raised = 0.5 * np.exp(0.5 * np.array([3.0, 0.85]))
    weights = raised / raised.sum()
    np.testing.assert_allclose(dro.weights, weights, rtol=1e-6)
    assert float(total) == pytest.approx(0.5 * (0.1 + weights @ [3.0, 0.85]), rel=1e-6)


def test_a_group_that_a_batch_lacks_keeps_its_place_and_non_faces_keep_their_half():
    dro = GroupDRO(3, step=1.0)
    losses = torch.tensor([1.0, 3.0], requires_grad=True)
    dro.loss(losses, torch.tensor([0, -1])).backward()
    assert dro.weights[1] == dro.weights[2] < dro.weights[0]
    assert losses.grad[1] == 0.5
    assert losses.grad[0] == pytest.approx(0.5 * float(dro.weights[0]))


def test_a_batch_without_faces_or_without_non_faces_has_a_finite_loss():
    for groups in ([-1, -1], [0, 1]):
        assert torch.isfinite(GroupDRO(2, 0.1).loss(torch.ones(2), torch.tensor(groups)))
