"""The detectors that people use on whole pictures of FairFace and CelebA: the tables and figures of docs/pictures.md.

    python benchmarks/whole_pictures.py table DATA_ROOT OUT [RUN]
    python benchmarks/whole_pictures.py conditions DATA_ROOT OUT DETECTOR...

`table` asks all detectors, and a run of ours in sliding windows where its folder is given. Slow ones see a draw of the
pictures; the columns `n` and `face_free` say how many. `conditions` changes FairFace's pictures, one
property at a time. Answers are kept in the data folder, so that a run that was ended goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from facebias.analyses.whole_pictures.asking import ask, tasks_of
from facebias.analyses.whole_pictures.audited import PictureAudit
from facebias.analyses.whole_pictures.by_condition import condition_scores
from facebias.analyses.whole_pictures.conditions import LEVELS
from facebias.analyses.whole_pictures.figures import PictureFigures
from facebias.analyses.whole_pictures.find import Spec
from facebias.analyses.whole_pictures.known_sets import known_set
from facebias.analyses.whole_pictures.points import RATES, SHIPPED, named
from facebias.analyses.whole_pictures.scored import Scored, scored
from facebias.analyses.whole_pictures.sets import PictureSet, face_free
from facebias.analyses.whole_pictures.store import Store
from facebias.core.config import Config
from facebias.core.csv import write_csv
from facebias.core.outputs import OutputFolder
from facebias.detectors.pictures import PictureDetector
from facebias.plots import FigureFolder

DETECTORS = ("haar", "lbp", "hog", "mtcnn", "centerface", "blazeface", "mmod")
# Face-free pictures that are asked about, of those that take long; the slowest see a draw of the faces too
FREE = {"lbp": 1000, "mmod": 200, "ours": 200}
SLOWEST = ("mmod", "ours")
CHANGED = 200  # face-free pictures at each level of a condition
SETS = {  # faces, those of the slowest, groupings
    "fairface-1.25": (0, 120, (("skin_tone",), ("race",), ("gender",), ("race", "gender"))),
    "celeba": (1500, 150, (("gender",), ("young",), ("pale_skin",), ("skin_tone",))),
}
CONDITION_GROUPS = (("skin_tone",), ("gender",))
SHOWN = (named(SHIPPED), named(RATES[0]))


def asked(config: Config, spec: Spec, faces: PictureSet, free: PictureSet) -> tuple[PictureDetector, Scored]:
    """A detector and what it made of some pictures."""
    one = spec()
    store = Store(config.path("data") / "detections" / f"{one.name}-{one.key}" / "clean")
    for part in (faces, free):
        ask(spec, tasks_of(part.pictures), store, workers=config.workers, what=f"{one.name} on {part.name}")
    return one, scored(one, faces, free, store, config.data_seed)


def rounded(table: pd.DataFrame, out: Path) -> None:
    """Write a table with five decimals; sentences stand in the report."""
    numbers = list(table.select_dtypes("float").columns)
    write_csv(table.drop(columns="sentence", errors="ignore").round(dict.fromkeys(numbers, 5)), out)


def tables(root: str, out: Path, run: Sequence[str]) -> None:
    """Every detector x point x group, on each data set."""
    specs = [*map(Spec, DETECTORS), *(Spec(f"ours={folder}", "ours") for folder in run)]
    names = [spec.name or spec.text for spec in specs]
    free = {size: face_free(Path(root) / "nonfaces", size) for size in {0, *FREE.values()}}
    for which, (size, few, groupings) in SETS.items():
        config = Config.make(data_root=root, audit_size=size, workers=1)
        faces, drawn = known_set(config, which), known_set(config.with_(audit_size=few), which)
        detectors, found = zip(
            *(
                asked(config, spec, drawn if name in SLOWEST else faces, free[FREE.get(name, 0)])
                for spec, name in zip(specs, names, strict=True)
            ),
            strict=True,
        )
        audit = PictureAudit(detectors, found, faces, free[0], groupings)
        for kind in ("points", "findings"):
            table = getattr(audit, kind)
            seen = table["model"].map(lambda name: len(free[FREE.get(name, 0)].pictures))
            rounded(table[table["point"].isin(SHOWN)].assign(face_free=seen), out / f"{faces.name}-{kind}.csv")
        figures = figures_of(audit, out)
        for draw in (figures.detectors, figures.groups, figures.tones, figures.means):
            draw()
        print("\n".join([*audit.headline, *audit.cautions]), flush=True)


def conditions(root: str, out: Path, names: Sequence[str]) -> None:
    """FairFace's pictures changed: thresholds by all face-free pictures, changed ones a draw of them."""
    config = Config.make(data_root=root, audit_size=0, workers=1)
    faces, free = known_set(config, "fairface-1.25"), face_free(Path(root) / "nonfaces")
    few = face_free(Path(root) / "nonfaces", CHANGED)
    found, changed = [], {}
    for spec in map(Spec, names):
        one, whole = asked(config, spec, faces, free)
        _, clean = asked(config, spec, faces, few)
        found.append((one, whole))
        table = clean.predictions["centre"]
        changed[one.name] = condition_scores(config, spec, one, faces, few, list(LEVELS), table, "centre")
    audit = PictureAudit(
        tuple(one for one, _ in found), tuple(part for _, part in found), faces, free, CONDITION_GROUPS, changed=changed
    )
    rounded(audit.falls, out / "fairface-falls.csv")
    rounded(audit.condition_changes, out / "fairface-condition-changes.csv")
    figures_of(replace(audit, negatives=few), out).conditions()


def figures_of(audit: PictureAudit, out: Path) -> PictureFigures:
    """Draws into a folder."""
    return PictureFigures(audit, FigureFolder(OutputFolder(out, f"{audit.faces.name}: detectors"), synthetic=False))


def main() -> None:
    """Ask, judge, write."""
    if len(sys.argv) < 4 or sys.argv[1] not in ("table", "conditions"):
        raise SystemExit(__doc__)
    work = tables if sys.argv[1] == "table" else conditions
    work(str(Path(sys.argv[2]).resolve()), Path(sys.argv[3]), sys.argv[4:])


if __name__ == "__main__":
    main()
