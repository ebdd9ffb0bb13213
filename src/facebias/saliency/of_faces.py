"""FullGrad of every face of an audit set, written into the run's folder: what maps per group are made of."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facebias.core.errors import FacebiasError
from facebias.core.files import sweep_stale
from facebias.core.manifest import fingerprint, recorded_sha256
from facebias.core.processes import abandon, process_pool
from facebias.core.progress import bar, silence
from facebias.data.dataset import FaceDataset
from facebias.detectors.inference import as_input
from facebias.saliency.fullgrad import FullGrad
from facebias.saliency.fullgrad.collector import Collector
from facebias.saliency.fullgrad.decomposition import Decomposition
from facebias.saliency.maps_file import CELLS, SaliencyMaps
from facebias.training.run import Run
from facebias.training.threads import threads

BATCH = 64  # all activations of a batch are held at once, about 0.5 MB a face in the lab's network


_FEW = 8 * 1024  # maps that are made in this process: others take seconds to start


def explain_runs(runs: Sequence[Run], data: FaceDataset, name: str, workers: int) -> None:
    """`explain_faces` of several finished runs, where it is still missing, in `workers` processes.

    Args:
        runs: their settings say on which device.
        data: as packed, since each process reads it anew.
        name: of the data set.
        workers: processes at most.

    Raises:
        CompletenessError, FacebiasError: as `explain_faces`.
    """
    todo = [run for run in runs if not run.holds(_file(name), _key(run, data))]
    if workers == 1 or len(todo) * len(data.faces) < _FEW:
        for run in todo:
            explain_faces(run, data, name)
        return
    with bar(total=len(todo), desc=f"FullGrad, {name}", unit="runs") as progress, process_pool(workers) as pool:
        with silence(True):  # for the processes, which start here: their bars would be drawn over one another
            found = [pool.submit(_explain_apart, run, data.path, name) for run in todo]
        try:
            for done in as_completed(found):
                done.result()
                progress.update()
        except BaseException:
            abandon(pool)
            raise


def _explain_apart(run: Run, path: Path, name: str) -> None:
    explain_faces(run, FaceDataset.load(path), name)


def explain_faces(
    run: Run, data: FaceDataset, name: str, *, scope: str = "layer", batch_size: int = BATCH
) -> SaliencyMaps:
    """FullGrad of a finished run for the faces of a data set; kept in the run's folder and found there again.

    One forward and one backward pass a batch; each image's terms have to add up to its logit.

    Args:
        run: a finished run.
        data: its faces are explained.
        name: of the data set ("fairface"), part of the file's name.
        scope: what is rescaled at a time in the rescaled map, "layer" or "channel".
        batch_size: images a pass; memory grows with it, results do not depend on it.

    Raises:
        CompletenessError: an image's terms do not add up to its logit.
        FacebiasError: no face, an incomplete run, or a folder that cannot be written to.
    """
    file, key = run.path / _file(name), _key(run, data, scope)
    if run.holds(file.name, key):
        return SaliencyMaps.read(file)
    if not len(data.faces):
        raise FacebiasError("SALIENCY", data.path, "no faces", "Give a data set with faces")
    sweep_stale(run.path)
    config = run.config
    with threads(config.threads):
        found = _explain(FullGrad(run.model(config.device)), data, f"FullGrad {run.id}, {name}", scope, batch_size)
    found.write(file, key)
    return found


def _file(name: str) -> str:
    return f"saliency-{name}.h5"


def _key(run: Run, data: FaceDataset, scope: str = "layer") -> str:
    weights, packed = recorded_sha256(run.path / "weights.pt"), recorded_sha256(data.path)
    return fingerprint({"weights": weights, "data": packed, "scope": scope})


def _explain(method: FullGrad, data: FaceDataset, title: str, scope: str, batch_size: int) -> SaliencyMaps:
    images, faces = data.tensor(), torch.from_numpy(data.faces)
    device = next(method.model.parameters()).device
    parts: list[tuple[np.ndarray, ...]] = []
    with bar(total=len(faces), desc=title, unit="faces") as progress:
        for rows in faces.split(batch_size):
            batch = as_input(images[rows], device)
            result = method.decompose(batch, keep_maps=True)
            result.check()
            parts.append(_arrays(result, batch, scope))
            progress.update(len(rows))
    output, terms, rescaled, raw = (np.concatenate(column) for column in zip(*parts, strict=True))
    names = ("input", *result.bias_terms)
    spatial = np.array([name == "input" or name in result.spatial for name in names])
    ids = data.table["image_id"].to_numpy(dtype=object)[data.faces]
    return SaliencyMaps(ids, output, terms, names, spatial, rescaled, raw)


def _arrays(result: Decomposition, images: Tensor, scope: str) -> tuple[np.ndarray, ...]:
    drawn = [result.input_gradient * images, *result.spatial_maps.values()]
    collector = Collector(images, scope)
    for term in drawn:
        collector.draw(term)
    rescaled = collector.map(align_corners=True)[:, 0]
    terms = torch.stack([result.input_term, *result.bias_terms.values()], dim=1)
    arrays = (result.output.float(), terms.double(), rescaled.half(), raw_map(drawn, images.shape[-1]).half())
    return tuple(array.cpu().numpy() for array in arrays)


def raw_map(terms: list[Tensor], side: int) -> Tensor:
    """The sum of |terms| over channels and layers, resized, not rescaled: (N, side, side), in logits per 1/256 of area.

    A term is spread evenly over the pixels of its cell, so that the mean over pixels is 1/256 of the sum of all
    |terms|; exactly, where `side` is a multiple of every layer's.

    As in FullGrad itself, a layer's cells are laid evenly over the image, although with padded strides their receptive
    fields are centred up to (stride - 1) / 2 pixels further left and up: 0.5, 1.5, 3.5 and 7.5 in the face networks.

    Args:
        terms: each (N, C, h, w), signed contributions to the logit.
        side: of the images, in pixels.
    """
    planes: dict[tuple[int, ...], Tensor] = {}  # of layers of one size together: resizing takes longer than adding
    for term in terms:
        plane = term.abs().sum(1, keepdim=True) * (term.shape[2:].numel() / CELLS)
        planes[plane.shape] = planes[plane.shape] + plane if plane.shape in planes else plane
    size = (side, side)
    resized = [functional.interpolate(plane, size, mode="bilinear", align_corners=False) for plane in planes.values()]
    return torch.stack(resized).sum(0)[:, 0]
