"""Detectors that are stored programs: TorchScript and torch.export."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from brought_detectors import IMAGES, brightness, exported, one_line, scripted
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.detectors import find_detector
from facebias.detectors.inference import logits
from facebias.detectors.networks import build_model


class Column(nn.Module):
    def forward(self, images):
        return images.mean((1, 2, 3)).unsqueeze(1)


class Pair(nn.Module):
    def forward(self, images):
        return images.mean((1, 2, 3)), images.amax((1, 2, 3))


class TestPrograms:
    @pytest.mark.parametrize(("store", "name"), [(scripted, "net.pt"), (exported, "net.pt2"), (exported, "net.pt")])
    def test_scores_equal_those_of_the_network_that_was_stored(self, tmp_path, store, name):
        model = build_model(Config(model="standard_cnn", seed=3)).eval()
        found = find_detector(store(model, tmp_path / name), device="cpu")
        expected = logits(model, torch.from_numpy(IMAGES).permute(0, 3, 1, 2)).numpy()
        assert found.name == "net" and np.allclose(found.scores(IMAGES), expected, atol=1e-6)

    def test_a_column_of_logits_is_taken(self, tmp_path):
        found = find_detector(scripted(Column(), tmp_path / "net.pt"), device="cpu")
        assert np.allclose(found(IMAGES), brightness(IMAGES) / 255, atol=1e-6)

    def test_a_program_that_answers_with_several_tensors_is_one_line(self, tmp_path):
        found = find_detector(scripted(Pair(), tmp_path / "net.pt"), device="cpu")
        with pytest.raises(FacebiasError, match="TypeError: it returned a tuple, not one tensor") as error:
            found(IMAGES)
        assert "It must take float32 (N, 3, 64, 64) RGB in 0..1 for any N" in one_line(error)

    def test_a_program_for_one_batch_size_alone_is_one_line_that_says_so(self, tmp_path):
        found = find_detector(exported(Column(), tmp_path / "net.pt2", batch=False), device="cpu")
        with pytest.raises(FacebiasError, match=r"Guard failed.*exported with a dynamic batch") as error:
            found(IMAGES)
        assert one_line(error)

    def test_a_file_without_a_program_is_one_line(self, tmp_path):
        torch.save(Column().state_dict(), tmp_path / "weights.pt")
        (tmp_path / "text.pt").write_text("no program")
        for name, says in (("weights.pt", "holds no program, but weights"), ("text.pt", "not a zip archive")):
            with pytest.raises(FacebiasError, match=says) as error:
                find_detector(str(tmp_path / name))
            assert one_line(error)
