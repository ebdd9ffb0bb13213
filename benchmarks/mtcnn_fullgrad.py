"""FullGrad of the logit that decides in MTCNN: its last stage, a torch network, on the faces of FairFace by group.

    python benchmarks/mtcnn_fullgrad.py DATA_ROOT OUT [GROUPING]

The last stage sees 48 x 48 pixels: here each face in its own box, the same framing for all. Its log odds (face less
non-face) are explained, and each image's terms must add up to them. Mean maps of groups of 30 faces or more are written
as whole-fullgrad-mtcnn-fairface-GROUPING.png, with each group's numbers as CSV; no single face is shown.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from facenet_pytorch.models.mtcnn import ONet
from matplotlib.figure import Figure
from torch import nn

from facebias.analyses.whole_pictures.known_sets import known_set
from facebias.analyses.whole_pictures.means import face_crops
from facebias.analyses.whole_pictures.sets import PictureSet
from facebias.audit.groups import SMALL, groups_of
from facebias.core.config import Config
from facebias.core.outputs import OutputFolder
from facebias.plots import FigureFolder
from facebias.plots.style import WIDEST, figure_title, new_figure, styled
from facebias.saliency import FullGrad

SIDE, BATCH = 48, 64


class LastStage(nn.Module):
    """Pixels (N, 3, 48, 48) in 0..1 to the log odds (N, 1) of a face, normalised as the library does."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = ONet().eval()
        self.stage.softmax6_1 = nn.Identity()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits of face less non-face."""
        both = self.stage((255 * pixels - 127.5) * 0.0078125)[2]
        return both[:, 1:] - both[:, :1]


def crops(faces: PictureSet) -> torch.Tensor:
    """Each face in its own box, (N, 3, 48, 48) in 0..1."""
    return torch.from_numpy(np.stack(list(face_crops(faces, SIDE)))).permute(0, 3, 1, 2).float() / 255


def explained(images: torch.Tensor) -> tuple[np.ndarray, pd.DataFrame]:
    """Maps (N, 48, 48), each with a mean of 1, and of each face its logit and how far its terms are from it."""
    method, maps, rows = FullGrad(LastStage(), (3, SIDE, SIDE)), [], []
    for part in images.split(BATCH):
        found = method.decompose(part)
        found.check()
        shown = method.saliency(part)[:, 0]
        maps.append((shown / shown.mean(dim=(1, 2), keepdim=True)).numpy())
        rows.append(
            pd.DataFrame(
                {
                    "logit": found.output.numpy(),
                    "relative_error": found.relative_error.numpy(),
                    "non_spatial_share": found.non_spatial_share.numpy(),
                }
            )
        )
    return np.concatenate(maps), pd.concat(rows, ignore_index=True)


def drawn(means: dict[str, np.ndarray], sizes: dict[str, int], grouping: str) -> Figure:
    """Mean maps of groups on one scale."""
    columns = min(4, len(means))
    with styled():
        figure = new_figure(WIDEST, 0.9 + 2.1 * -(-len(means) // columns), "compressed")
        axes = figure.subplots(-(-len(means) // columns), columns, squeeze=False).ravel()
        low, top = np.quantile(np.stack(list(means.values())), (0.001, 0.999))
        for axis in axes:
            axis.set_axis_off()
        for axis, (group, mean) in zip(axes, means.items(), strict=False):
            shown = axis.imshow(mean, cmap="cividis", vmin=low, vmax=top)
            axis.set_title(f"{group}, n = {sizes[group]}", fontsize=8)
        figure.colorbar(shown, ax=list(axes), shrink=0.7, label="mean of the map = 1")
        figure_title(figure, f"FullGrad of MTCNN's last stage on FairFace by {grouping}: mean of each group")
    return figure


def main() -> None:
    """Explain, check, and write figure and table."""
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    column = sys.argv[3] if len(sys.argv) > 3 else "skin_tone"
    faces = known_set(Config.make(data_root=str(Path(sys.argv[1]).resolve()), audit_size=0), "fairface-1.25")
    maps, table = explained(crops(faces))
    cells = groups_of(faces.faces, (column,))
    assert cells is not None
    label = cells.table["label"].to_numpy()[cells.codes]
    summary = (
        table.assign(group=label)
        .groupby("group", sort=False)
        .agg(
            n=("logit", "size"),
            logit=("logit", "mean"),
            relative_error=("relative_error", "max"),
            non_spatial_share=("non_spatial_share", "median"),
        )
    )
    large = [name for name in cells.table["label"] if (label == name).sum() >= SMALL and name != "unknown"]
    means = {name: maps[label == name].mean(axis=0) for name in large}
    files = FigureFolder(OutputFolder(Path(sys.argv[2]), "fairface: mtcnn's last stage"), synthetic=False)
    name = f"whole-fullgrad-mtcnn-fairface-{column.replace('_', '-')}"
    figure = drawn(means, {one: int((label == one).sum()) for one in large}, column.replace("_", " "))
    files.save(
        figure,
        summary.loc[large].reset_index(),
        name,
        f"n\u00a0=\u00a0{len(label)} faces in their own box",
        behind=pd.DataFrame(),
    )
    print(f"{len(table)} faces, largest |f - sum of terms| / |f| {table['relative_error'].max():.1e}")
    print(summary.round(3).to_string())


if __name__ == "__main__":
    main()
