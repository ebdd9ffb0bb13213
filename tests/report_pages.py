"""An audited study of made predictions, its report, and how the tests read the page."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

from audit_tables import RACES, predictions
from facebias.audit.whole import Audit
from facebias.core.config import Config
from facebias.core.files import write_json
from facebias.core.outputs import RECORD, OutputFolder
from facebias.core.records import write_record
from facebias.plots import FigureFolder
from facebias.report.audit_figures import AuditFigures
from facebias.report.page import AuditFolder
from facebias.training.run import PREDICTIONS_SCHEMA, Run

HOSTILE = ('<script>alert("1")</script>', "\"' onload=alert(2) x='", "</script></title><b>=1+1")
DONE = {"device": "cpu", "seconds_of_this_process": 90.0, "torch": "2", "code_version": "0"}


def study(root: Path, names=RACES, arms="cnn,dbvae-0.01", seeds=6, *, tones=True, **more) -> AuditFolder:
    """An audited study of made predictions, races named at will, with figures of the audit, of FullGrad and of a kind
    that the report does not know. Without `tones` no skin is measured, so the headline is about the named races."""
    config = Config.make(
        train_faces="celeba",
        negatives="folder",
        audit_sets="fairface",
        arms=arms,
        seeds=seeds,
        runs_dir=str(root / "runs"),
        studies_dir=str(root / "figures"),
    )
    table = predictions(models=config.arm_names, seeds=seeds, **{"negatives": 2000, **more})
    table["race"] = table["race"].replace(dict(zip(RACES, names, strict=True)))
    if not tones:
        table = table.assign(ita=np.nan, skin_tone="")
    for (arm, seed), rows in table.groupby(["model", "seed"]):
        run = Run.of(config.for_arm(arm, seed))
        table.loc[rows.index, "run_id"] = run.id
        run.start(config.for_arm(arm, seed))
        run.write_parquet("predictions.parquet", rows.assign(run_id=run.id), PREDICTIONS_SCHEMA, "made")
        write_json(run.path / "DONE.json", DONE)
    outputs = OutputFolder(config.study_folder, config.study_id)
    findings = Audit(table, 0.01, "celeba", config.arm_names[0], primary=config.primary)
    figures = AuditFigures(findings, FigureFolder(outputs, synthetic=False), settings=config)
    figures.source_recall()
    figures.write()
    noise = np.random.default_rng(0).integers(0, 255, (300, 1600, 3), np.uint8)
    for name in ("saliency-means-fairface-race-x-gender-raw", "something-new"):
        path = outputs.folder / f"{name}.png"
        Image.fromarray(noise).save(path)
        outputs.add(path)
    return AuditFolder(outputs.folder, config.path("runs"))


def forget(folder: Path, name: str) -> None:
    """Take a file out of a folder and out of its record."""
    (folder / name).unlink()
    record = json.loads((folder / RECORD).read_text())
    del record["files"][name]
    write_record(folder / RECORD, record)


class Outline(HTMLParser):
    """Headings, ids, tables with and without caption, addresses and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings, self.ids, self.addresses, self.tags, self.alts = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append((tag, values))
        self.ids += [values["id"]] if "id" in values else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.addresses += [values[name] for name in ("src", "href") if name in values]
        self.alts += [values.get("alt")] if tag == "img" else []


def words(text: str) -> str:
    """The text of a page without its tags."""
    text = re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def table_of(page: str, caption: str) -> list[list[str]]:
    """Head and rows of the table with this caption: those that are shown at first, then those that are carried."""
    part = page[page.index(f'<caption class="hidden">{html.escape(caption, quote=False)}</caption>') :]
    part = part[: part.index("</details>")]
    rows = re.findall(r"<tr>(.*?)</tr>", part[: part.index("</table>")], flags=re.S)
    cells = [
        [words(cell).strip() for cell in re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", row, flags=re.S)]
        for row in rows
    ]
    carried = re.search(r'<script type="application/json">(.*?)</script>', part, flags=re.S)
    others = json.loads(carried[1]) if carried else []
    return cells + [[cell if isinstance(cell, str) else cell[0] for cell in row] for row in others]
