"""Foreign code is said to run, once a file; a device that is not here is one line."""

from __future__ import annotations

import pytest
import torch

from facebias.core.errors import FacebiasError
from facebias.detectors.find import find_detector
from facebias.detectors.inference import pick_device


def test_a_file_whose_code_is_run_is_named_once(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text("def score(images):\n    return images.mean((1, 2, 3)) / 255\n")
    for _ in range(2):
        find_detector(f"{path}:score")
    assert capsys.readouterr().out.count(f"{path}: runs the code in this file") == 1


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_here_is_one_line(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(FacebiasError, match=rf"\[DEVICE\] {name}: no device {name} here.*--device cpu"):
        pick_device(name)
    assert pick_device("auto").type == pick_device("cpu").type == "cpu"
