"""FullGrad of every face of a run: exact on disk, found again, alike in any number of processes."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_audit
from facebias.detectors.inference import as_input
from facebias.saliency import FullGrad
from facebias.saliency import of_faces as computing
from facebias.saliency.maps_file import SaliencyMaps
from facebias.saliency.of_faces import explain_faces, explain_runs, raw_map
from facebias.training.fit import fit
from facebias.training.run import Run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    config = profile("tiny", data_dir=str(folder / "data"), runs_dir=str(folder / "runs")).for_arm("dbvae-0.01", 0)
    run = fit(config, lambda row: None)
    return run, FaceDataset.load(pack_audit(config, "synthetic"))


def test_terms_add_up_and_the_rescaled_map_is_fullgrads(trained):
    run, data = trained
    found = explain_faces(run, data, "synthetic", batch_size=7)
    assert len(found.output) == len(data.faces)
    assert list(found.image_id) == list(data.table["image_id"].iloc[data.faces])
    np.testing.assert_allclose(found.terms.sum(axis=1), found.output, rtol=1e-5, atol=1e-5)
    images = as_input(data.tensor()[data.faces[:5]])
    wanted = FullGrad(run.model()).saliency(images)[:, 0].numpy()
    np.testing.assert_allclose(found.rescaled[:5], wanted, rtol=2e-3)


def test_the_raw_map_adds_up_to_all_contributions(trained):
    run, data = trained
    found = explain_faces(run, data, "synthetic")
    images = as_input(data.tensor()[data.faces[:5]])
    result = FullGrad(run.model()).decompose(images, keep_maps=True)
    wanted = (result.input_gradient * images).abs().sum((1, 2, 3))
    wanted = wanted + sum(result.maps[name].abs().sum((1, 2, 3)) for name in result.spatial)
    np.testing.assert_allclose(found.raw[:5].astype(float).mean(axis=(1, 2)) * 256, wanted, rtol=2e-3)
    assert set(np.array(found.names)[~found.spatial]) == {"encoder.hidden.linear", "head.linear"}
    np.testing.assert_allclose(found.non_spatial_share[:5], result.non_spatial_share, rtol=1e-4)


def test_a_term_stays_where_it_is_in_the_raw_map():
    term = torch.zeros(1, 2, 4, 4)
    term[0, :, 1, 2] = torch.tensor([1.0, -1.0])
    found = raw_map([term], 64)[0]
    assert float(found.mean()) * 256 == pytest.approx(2)
    y, x = np.unravel_index(int(found.argmax()), found.shape)
    assert 16 <= y < 32 <= x < 48


def test_maps_are_found_again_and_made_anew_only_for_other_data(trained, monkeypatch):
    run, data = trained
    first = explain_faces(run, data, "synthetic")

    def refuse(*_):
        raise AssertionError("explained again")

    monkeypatch.setattr(computing, "_explain", refuse)
    again = explain_faces(run, data, "synthetic")
    np.testing.assert_array_equal(first.raw, again.raw)
    assert first.names == again.names
    with pytest.raises(AssertionError, match="explained again"):
        explain_faces(run, data, "synthetic", scope="channel")


def test_runs_are_explained_alike_in_processes_of_their_own_and_once(trained, tmp_path, monkeypatch):
    run, data = trained
    alone = explain_faces(run, data, "synthetic")
    copies = [Run(shutil.copytree(run.path, tmp_path / name / run.id)) for name in ("one", "two")]
    for copy in copies:
        (copy.path / "saliency-synthetic.h5").unlink()
    monkeypatch.setattr(computing, "_FEW", 1)
    explain_runs([*copies, run], data, "synthetic", workers=2)
    for copy in copies:
        np.testing.assert_array_equal(SaliencyMaps.read(copy.path / "saliency-synthetic.h5").raw, alone.raw)
    monkeypatch.setattr(computing, "process_pool", None)
    explain_runs(copies, data, "synthetic", workers=2)


def test_a_changed_file_of_maps_is_refused(trained, tmp_path):
    run, data = trained
    found = explain_faces(run, data, "synthetic")
    file = tmp_path / "saliency-x.h5"
    found.write(file, "key")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(FacebiasError, match="bytes differ"):
        SaliencyMaps.read(file)


def test_maps_that_overflow_are_refused_and_leave_no_file(tmp_path):
    broken = np.full((1, 4, 4), np.inf, dtype=np.float16)
    maps = SaliencyMaps(np.array(["a"]), np.ones(1), np.ones((1, 1)), ("input",), np.ones(1, bool), broken, broken)
    with pytest.raises(FacebiasError, match="not finite"):
        maps.write(tmp_path / "maps.h5", "key")
    assert not list(tmp_path.iterdir())
