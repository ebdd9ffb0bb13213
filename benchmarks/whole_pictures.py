"""The detectors that people use on whole pictures of FairFace and CelebA: the tables and figures of docs/pictures.md.

    python benchmarks/whole_pictures.py table DATA_ROOT OUT
    python benchmarks/whole_pictures.py slow DATA_ROOT OUT RUN
    python benchmarks/whole_pictures.py conditions DATA_ROOT OUT DETECTOR=CONDITION,... ...

`table` asks the fast detectors; `slow` asks mmod, and a run of ours in sliding windows, on a draw of the pictures. The
columns `n` and `face_free` say how many each has seen. `conditions` changes FairFace's pictures, one property a time.
Answers are kept in the data folder, so that a run that was ended goes on.
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
from facebias.analyses.whole_pictures.points import RATES
from facebias.analyses.whole_pictures.scored import Scored, scored
from facebias.analyses.whole_pictures.sets import PictureSet, face_free
from facebias.analyses.whole_pictures.store import Store
from facebias.core.config import Config
from facebias.core.csv import write_csv
from facebias.core.outputs import OutputFolder
from facebias.detectors.pictures import PictureDetector
from facebias.plots import FigureFolder

FREE = {"lbp": 1000, "mmod": 60, "ours": 60}  # face-free pictures of those that take long; others see all
CHANGED = 200  # face-free pictures at each level of a condition
GROUPINGS = {
    "fairface-1.25": (("skin_tone",), ("race",), ("gender",), ("race", "gender")),
    "celeba": (("gender",), ("young",), ("pale_skin",), ("skin_tone",)),
}
FAST = ("haar", "hog", "mtcnn", "centerface", "blazeface")
# Faces (0 for all) and detectors, by what the command is called. Of the slow ones a draw of the faces
ASKED = {
    "table": {"fairface-1.25": (0, (*FAST, "lbp")), "celeba": (1500, FAST)},
    "slow": {"fairface-1.25": (120, ("mmod", "ours")), "celeba": (90, ("lbp", "mmod", "ours"))},
}
CONDITION_GROUPS = (("skin_tone",), ("gender",))


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


def tables(root: str, out: Path, command: str, run: str = "") -> None:
    """Every detector x point x group, on each data set."""
    for which, (size, names) in ASKED[command].items():
        config = Config.make(data_root=root, audit_size=size, workers=1)
        faces = known_set(config, which)
        free = {name: face_free(Path(root) / "nonfaces", FREE.get(name, 0)) for name in names}
        specs = [Spec(f"ours={run}", "ours") if name == "ours" else Spec(name) for name in names]
        asks = [asked(config, spec, faces, free[name]) for spec, name in zip(specs, names, strict=True)]
        detectors, found = zip(*asks, strict=True)
        most = max(free.values(), key=_size)
        audit = PictureAudit(detectors, found, faces, most, GROUPINGS[which], rates=RATES[:1])
        kind = "slow-" if command == "slow" else ""
        for table in ("points", "findings"):
            rows = getattr(audit, table).drop(columns="seconds", errors="ignore")  # of a machine with other work
            seen = rows["model"].map({name: _size(pictures) for name, pictures in free.items()})
            rounded(rows.assign(face_free=seen), out / f"{faces.name}-{kind}{table}.csv")
        figures = figures_of(audit, out)
        for draw in () if kind else (figures.detectors, figures.groups, figures.tones, figures.means):
            draw()
        print("\n".join([*audit.headline, *audit.cautions]), flush=True)


def _size(pictures: PictureSet) -> int:
    return len(pictures.pictures)


def conditions(root: str, out: Path, asks: Sequence[str]) -> None:
    """FairFace's pictures changed: thresholds by all face-free pictures, changed ones a draw of them."""
    config = Config.make(data_root=root, audit_size=0, workers=1)
    faces, free = known_set(config, "fairface-1.25"), face_free(Path(root) / "nonfaces")
    few = face_free(Path(root) / "nonfaces", CHANGED)
    found, changed = [], {}
    for text, _, names in (one.partition("=") for one in asks):
        one, whole = asked(config, Spec(text), faces, free)
        clean = asked(config, Spec(text), faces, few)[1].predictions["centre"]
        found.append((one, whole))
        wanted = names.split(",") if names else list(LEVELS)
        changed[one.name] = condition_scores(config, Spec(text), one, faces, few, wanted, clean, "centre")
    detectors, scores = zip(*found, strict=True)
    audit = PictureAudit(detectors, scores, faces, free, CONDITION_GROUPS, rates=RATES[:1], changed=changed)
    rounded(audit.falls, out / "fairface-falls.csv")
    rounded(audit.condition_changes, out / "fairface-condition-changes.csv")
    figures_of(replace(audit, negatives=few), out).conditions()


def figures_of(audit: PictureAudit, out: Path) -> PictureFigures:
    """Draws into a folder."""
    return PictureFigures(audit, FigureFolder(OutputFolder(out, f"{audit.faces.name}: detectors"), synthetic=False))


def main() -> None:
    """Ask, judge, write."""
    if len(sys.argv) < 4 or sys.argv[1] not in ("table", "slow", "conditions"):
        raise SystemExit(__doc__)
    root, out, more = str(Path(sys.argv[2]).resolve()), Path(sys.argv[3]), sys.argv[4:]
    if sys.argv[1] == "conditions":
        conditions(root, out, more)
    else:
        tables(root, out, sys.argv[1], *more)


if __name__ == "__main__":
    main()
