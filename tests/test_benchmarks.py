"""The benchmarks run, in their tiny form; what they measure is not looked at."""

from __future__ import annotations

import sys

import bench
import gpu
import growth
import measured
import pandas as pd
import pytest
import torch


@pytest.fixture(autouse=True)
def _threads():
    """The benchmarks set PyTorch's threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_every_stage_is_measured_beside_its_peer(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench.py", "--tiny"])
    monkeypatch.delattr(bench, "write_between")  # nothing is to be written
    bench.main()
    told = capsys.readouterr().out.splitlines()
    stages = {line.split(" | ")[0].removeprefix("| ") for line in told[2:]}
    assert stages == {
        *("CNN step", "DB-VAE step", "CNN epoch", "DB-VAE epoch", "augmentation", "latent pass", "scoring"),
        *("resampling probabilities", "FullGrad, face", "windows of a picture", "loading batches"),
        *("packing, 178 x 218", "packing, 224 x 224", "intervals of groups", "whole audit", "report"),
    }
    assert {line.count(" | ") for line in told[2:]} == {5}


def test_the_growth_of_an_audit_is_told_for_each_stage(monkeypatch):
    monkeypatch.setattr(growth, "_in_child", growth.stages)
    told = growth.table([500, 1_000]).splitlines()
    assert told[0] == "| stage | 500 rows | 1,000 rows | exponent |"
    assert [line.split(" | ")[0] for line in told[2:]][-2:] == ["| memory, from csv", "| memory, from parquet"]


def test_the_script_for_a_graphics_card_runs_without_one(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--tiny", "--out", str(tmp_path / "gpu.csv")])
    gpu.main()
    found = pd.read_csv(tmp_path / "gpu.csv")
    stages = {"logits beside the processor's", "step", "side by side", "FullGrad over forward and backward"}
    assert set(found["stage"]) == stages and (found["value"] >= 0).all()


def test_a_table_is_written_between_its_markers_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n")
    measured.write_between("a", "new", page)
    assert page.read_text() == "before\n<!-- a -->\nnew\n<!-- /a -->\nafter\n"
    with pytest.raises(ValueError, match="lacks the markers"):
        measured.write_between("b", "new", page)
