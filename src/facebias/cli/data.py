"""`facebias data`: pack, fetch and describe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facebias.cli.options import with_config
from facebias.core.config import Config

if TYPE_CHECKING:
    from facebias.data.dataset import FaceDataset

app = typer.Typer(
    help="Fetch raw data sets, pack them, and see who is in them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
@with_config("data", "audit_data", "runtime")
def pack(
    config: Config,
    reject_share: Annotated[float, typer.Option(help="Stop when more of the pictures cannot be read.")] = 0.001,
) -> None:
    """Pack training and audit sets to HDF5 files; finished ones are found again.

    \b
    Example: facebias data pack --train-size 200 --negative-size 200 --audit-size 100
    """
    from facebias.data.pack import pack_audit, pack_training

    paths = list(pack_training(config, reject_share).values())
    paths += [pack_audit(config, name, reject_share) for name in config.audit_names]
    for path in paths:
        typer.echo(path)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="celeba, fairface, fairface-1.25 or lab; others say what to do by hand.")],
    data_root: Annotated[str, typer.Option(help="Folder of raw data.")] = "data/raw",
) -> None:
    """Download a data set that is that may be downloaded freely, with checksums and resume.

    \b
    Example: facebias data fetch fairface
    """
    from facebias.core.paths import anchored
    from facebias.data.fetch import fetch as run

    for path in run(name, anchored(data_root)):
        typer.echo(path)


@app.command()
def describe(
    files: Annotated[list[Path] | None, typer.Argument(help="Packed files; all in data/ unless given.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Also plot who is in it to this PNG; one file.")] = None,
) -> None:
    """Print who is in packed files: labels, gender, race, age and measured skin tone.

    \b
    Example: facebias data describe
    """
    from facebias.core.errors import FacebiasError
    from facebias.core.paths import anchored
    from facebias.data.dataset import FaceDataset
    from facebias.data.describe import report

    paths = files or sorted(anchored("data").glob("*.h5"))
    if not paths:
        raise FacebiasError("MISSING", anchored("data"), "no packed file is there", "Run: facebias data pack")
    if figure and len(paths) > 1:
        raise FacebiasError("CONFIG", "figure", f"{len(paths)} files for one figure", "Name one packed file")
    for path in paths:
        dataset = FaceDataset.load(path)
        typer.echo(report(dataset))
        if figure:
            _plot(dataset, figure)


def _plot(dataset: FaceDataset, figure: Path) -> None:
    from facebias.core.outputs import OutputFolder
    from facebias.plots import FigureFolder, composition, composition_counts

    counts, synthetic = composition_counts(dataset.table), bool(dataset.attrs.get("synthetic"))
    files, name = FigureFolder(OutputFolder(figure.resolve().parent, "data"), synthetic), figure.stem
    typer.echo(files.save(composition(dataset.table), counts, name, dataset.path.name, behind=counts[[]]).path)
