"""Every result that README and docs print is computed anew from a committed CSV: docs/numbers.toml says from which.

An entry of `[[number]]` names a document (`in`), a phrase of it (`says`, with fields) and the rows that fill the fields
(`rows`: "study/file.csv: pandas query", the study being one of `[studies]`; what all `rows` begin with may stand in
`of`). In `says`, `{0[...]}` is a pandas expression on the first of `rows`, after `count`, `min`, `median`, `max` or
`sum` where it leaves several; `{0:.1f}` is short for the estimate in hundredths and its interval, "93.4 [92.0, 94.5]".
With `each`, a list of arms, the entry stands once for each: `{arm}` is its key in `rows` and its name in `says`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from facebias.core.arms import arm_name

ROOT = Path(__file__).resolve().parents[1]
CONTENT = tomllib.loads((ROOT / "docs/numbers.toml").read_text(encoding="utf-8"))
_DOCS = ("results", "intervals", "model_card", "pictures", "saliency", "scale")
DOCUMENTS = ("README.md", *(f"docs/{name}.md" for name in _DOCS))
REDUCERS = ("count", "min", "median", "max", "sum")
# A number that is a result: a decimal, a share, points, a count of so many, an interval. Code and links hold none.
RESULT = re.compile(
    r"[-+]?\d[\d,]*\.\d+|\d[\d,.]*(?: to \d+)?\s*(?:%|points?\b|per cent)|\b\d+ of (?:the |its )?\d+|\[[-+]?\d[^\]]*\]"
)
NOT_PROSE = re.compile(r"<!--.*?-->|```.*?```|`[^`]*`|<img[^>]*>|\]\([^)]*\)|https?://\S+", re.DOTALL)


@cache
def table(path: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / path)


class Rows:
    """The rows of a CSV that a query leaves, as a field of `str.format`."""

    def __init__(self, where: str) -> None:
        path, query = where.split(":", 1)
        study, file = path.split("/", 1)
        self.where, frame = where, table(f"{CONTENT['studies'][study]}/{file}")
        self.frame = frame.query(query.strip()) if query.strip() else frame

    def __getitem__(self, key: str) -> float:
        reducer, _, expression = key.partition(" ")
        if reducer not in REDUCERS:
            assert len(self.frame) == 1, f"{len(self.frame)} rows, not one: {self.where}"
            return float(self.frame.eval(key).iloc[0])
        values = self.frame.eval(expression) if expression else self.frame.iloc[:, 0]
        assert len(self.frame) or reducer == "count", f"no row: {self.where}"
        return float(getattr(values, reducer)())

    def __format__(self, spec: str) -> str:
        estimate = next(name for name in ("change", "rate", "value", "mean") if name in self.frame)
        spec = f"+z{spec[1:]}" if spec.startswith("+") else f"z{spec}"  # z: no minus before a zero
        value, low, high = (f"{100 * self[name]:{spec}}" for name in (estimate, "low", "high"))
        return f"{value} [{low}, {high}]"


def spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def phrases() -> Iterator[tuple[str, str]]:
    """Document and phrase of every entry, its numbers computed from the tables."""
    for entry in CONTENT["number"]:
        documents = [entry["in"]] if isinstance(entry["in"], str) else entry["in"]
        for arm in entry.get("each", [""]):
            rows = [Rows((entry.get("of", "") + where).replace("{arm}", arm)) for where in entry["rows"]]
            text = spaced(entry["says"].format(*rows, arm=arm_name(arm) if arm else ""))
            yield from ((document, text) for document in documents)


def unexplained(document: str, text: str, found: list[tuple[str, str]]) -> list[str]:
    """Numbers of a text that look like results and stand in none of the phrases, each of which covers one place."""
    text = spaced(NOT_PROSE.sub(" ", text))
    for phrase in sorted((words for name, words in found if name == document), key=len, reverse=True):
        text = text.replace(phrase, " ", 1)
    for setting in sorted(CONTENT["settings"], key=len, reverse=True):
        text = text.replace(setting, " ")
    return [match.group() for match in RESULT.finditer(text)]


@pytest.fixture(scope="module")
def computed() -> list[tuple[str, str]]:
    return list(phrases())


def test_every_phrase_is_printed_as_the_tables_have_it(computed: list[tuple[str, str]]) -> None:
    texts = {name: spaced((ROOT / name).read_text(encoding="utf-8")) for name in {name for name, _ in computed}}
    absent = [f"{name}: {phrase}" for name, phrase in computed if phrase not in texts[name]]
    assert not absent, "the tables say now:\n" + "\n".join(absent)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_result_is_printed_that_no_table_explains(document: str, computed: list[tuple[str, str]]) -> None:
    assert unexplained(document, (ROOT / document).read_text(encoding="utf-8"), computed) == []


def test_a_result_without_an_entry_and_a_second_use_of_one_are_found() -> None:
    found = [("README.md", "finds 93.4 % [92.0, 94.5]")]
    text = "It finds 93.4\n% [92.0, 94.5] at FPR 1 %. `61.5 %` is code. A gap of 8.4 points: 3 of 40. It finds 93.4 %."
    assert unexplained("README.md", text, found) == ["8.4", "3 of 40", "93.4"]


def test_the_readme_shows_how_the_verdict_that_make_audit_prints_begins() -> None:
    text = json.loads((ROOT / CONTENT["studies"]["audit"] / "verdict.json").read_text(encoding="utf-8"))["text"]
    opening = "\n".join(text.split("\n")[:2])  # the primary comparison and the headline
    blocks = [
        spaced(block) for block in re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    ]
    assert any(block.startswith(spaced(opening)) for block in blocks), f"the block of README should begin\n{opening}"
