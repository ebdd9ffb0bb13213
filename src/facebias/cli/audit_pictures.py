"""`facebias audit-pictures`: detectors of whole pictures, groups compared as shipped and at matched false alarms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facebias.cli.cluster import Gpus, Kind, Memory, Minutes, Partition
from facebias.cli.options import Answer, with_config
from facebias.core.config import Config

Detectors = Annotated[
    str, typer.Option(help="Detectors, separated by commas: names of facebias detectors, file.py:function, ...")
]
Pictures = Annotated[
    str, typer.Option(help="A folder or zip of pictures, or rendered, fairface-1.25, celeba, utkface, ppb.")
]
Labels = Annotated[
    Path | None, typer.Option(help="CSV of your own pictures: file, x1, y1, x2, y2, and columns to group by.")
]
Negatives = Annotated[
    Path | None, typer.Option(help="Folder or zip of pictures without faces.  [default: nonfaces/ of data-root]")
]
Groups = Annotated[
    str, typer.Option(help="Columns to group by, separated by commas; two at once as a+b.  [default: all]")
]
Match = Annotated[str, typer.Option(help="Which detection finds a face: centre or iou; tables have both.")]
Faces = Annotated[
    str, typer.Option(help="Where faces are, if the CSV has no boxes: central, one in the middle of each picture.")
]
Names = Annotated[list[str] | None, typer.Option(help="What to call each detector, in order.")]
Threshold = Annotated[
    float | None, typer.Option(help="Score from which on a function's detections count as shipped.  [default: all]")
]
Batch = Annotated[bool, typer.Option("--batch", help="Functions take a list of pictures.")]
Conditions = Annotated[
    str, typer.Option(help="Properties to change, separated by commas: height, exposure, noise, defocus, ...")
]
Out = Annotated[Path, typer.Option(help="Folder for tables, figures and report.")]


@with_config("data_root", "data_dir", "audit_size", "workers", "data_seed", as_json=True)
def audit_pictures(
    config: Config,
    detectors: Detectors,
    pictures: Pictures = "fairface-1.25",
    labels: Labels = None,
    negatives: Negatives = None,
    groups: Groups = "",
    match: Match = "centre",
    faces: Faces = "",
    name: Names = None,
    threshold: Threshold = None,
    batch: Batch = False,
    conditions: Conditions = "",
    out: Out = Path("audit-pictures"),
    cluster: Kind = "",
    partition: Partition = "",
    gpus: Gpus = 0,
    memory: Memory = 8,
    minutes: Minutes = 240,
) -> Answer:
    """Compare groups in whole pictures: who is found, as shipped and at the same share of false alarms.

    \b
    Example: facebias audit-pictures --detectors lbp --pictures rendered

    Pictures of your own, with a CSV that says who is in them and where:

    facebias audit-pictures --detectors haar,mine.py:find --pictures photos --labels photos.csv --negatives scenes
    """
    from facebias.report.pictures import PictureQuestion

    given = (pictures, labels, negatives, _words(groups), match, faces, tuple(name or ()), threshold, batch)
    asked = PictureQuestion(_words(detectors), *given, _words(conditions))
    if cluster:
        from facebias.report.pictures_on_cluster import ask_on
        from facebias.training.cluster import Cluster

        ask_on(Cluster(cluster, partition, gpus, memory, minutes), asked, config)
    found = asked.answer(config, out.resolve())
    text = f"{found.text}\ntables, figures and report: {out.resolve()}"
    return Answer(text, found.told | {"folder": str(out.resolve())})


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))
