"""The documents name what exists, are short enough to be read, and `figures/` holds what they show and need."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from facebias.detectors.networks import DBVAE, StandardCNN

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src/facebias"
DOCUMENTS = [
    "README.md",
    "data/README.md",
    "figures/README.md",
    *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
]
DOTTED = re.compile(r"`(facebias(?:\.\w+)+)(?::(\w+))?")  # facebias.audit.rates.recall, facebias.adapters:mtcnn
FILES = re.compile(r"`((?:\w+/)+\w+\.py)(?::([\w.]+))?`")  # core/csv.py, audit/verdict.py:build, benchmarks/windows.py
LINKS = re.compile(r'\]\(([^)#\s]+)|src="([^"]+)"')
KEPT = {"README.md", "verdict.json", "benchmark_saliency.csv.manifest.json"}  # what a folder says of itself
GITHUB = {"CITATION.cff", "CONTRIBUTING.md", "CHANGELOG.md"}


def text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


@cache
def defined(file: Path) -> set[str]:
    """What a module defines at its top, its classes' methods and fields as Class.name, and what it imports."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                target = getattr(inner, "target", None)
                name = getattr(inner, "name", getattr(target, "id", ""))
                names.add(f"{node.name}.{name}")
    return names


def exists(path: str, symbol: str) -> bool:
    """Whether `path` (of the package, or of the project) is a file that has `symbol`, if one is named."""
    files = [file for file in (PACKAGE / path, ROOT / path) if file.is_file()]
    return any(not symbol or symbol in defined(file) for file in files)


def missing(document: str, content: str) -> Iterator[str]:
    """Modules, files and symbols that a text names in backticks and that are not there."""
    for dotted, symbol in DOTTED.findall(content):
        parts = dotted.split(".")[1:]
        for cut in range(len(parts), -1, -1):
            folder = "/".join(parts[:cut])
            file = next(
                (f for f in (f"{folder}.py", f"{folder}/__init__.py") if (PACKAGE / f.lstrip("/")).is_file()), ""
            )
            if file:
                rest = ".".join(parts[cut:]) or symbol
                if rest and rest not in defined(PACKAGE / file.lstrip("/")):
                    yield f"{document}: {dotted}:{symbol}"
                break
    yield from (f"{document}: {path}:{symbol}" for path, symbol in FILES.findall(content) if not exists(path, symbol))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_and_function_that_a_document_names_exists(document: str) -> None:
    assert list(missing(document, text(document))) == []


def test_a_module_or_function_that_is_gone_is_found() -> None:
    gone = ["`facebias.audit.rates.nothing`", "`facebias.audit.gone`", "`core/gone.py`", "`core/arms.py:gone`"]
    there = "`facebias.core.arms`, `facebias.core.arms.arm_name`, `core/arms.py:arm_name`, `benchmarks/windows.py`"
    assert len(list(missing("x", " ".join(gone)))) == len(gone)
    assert list(missing("x", there)) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    targets = [a or b for a, b in LINKS.findall(text(document))]
    assert [t for t in targets if "://" not in t and t not in GITHUB and not (folder / t).exists()] == []


def test_what_lies_in_figures_is_shown_or_needed_and_small() -> None:
    """A table is needed where a number comes from it, or a shown figure was drawn from it."""
    shown = {
        (ROOT / document).parent.joinpath(a or b).resolve()
        for document in DOCUMENTS
        for a, b in LINKS.findall(text(document))
        if "figures/" in (a or b) or document.startswith("figures/")
    }
    content = tomllib.loads((ROOT / "docs/numbers.toml").read_text(encoding="utf-8"))
    sources = {entry.get("of", "") + row for entry in content["number"] for row in entry["rows"]}
    tables = {
        ROOT / content["studies"][study] / file for study, file in (s.split(":")[0].split("/", 1) for s in sources)
    }
    wanted = shown | {path.with_suffix(".csv") for path in shown} | tables
    held = committed("figures")
    assert sorted(str(path.relative_to(ROOT)) for path in held if path not in wanted and path.name not in KEPT) == []
    assert max(path.stat().st_size for path in held) < 1e6
    assert sum(path.stat().st_size for path in held) < 5e6


def committed(folder: str) -> list[Path]:
    """Files that git has; what `make audit` writes there is the reader's own. All files where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z", folder], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        return [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def sentences(document: str) -> list[str]:
    """The prose of a document, a sentence an item: without code, tables, headings and the targets of links."""
    content = re.sub(r"```.*?```|<img.*?>|<!--.*?-->", "\n\n", text(document), flags=re.DOTALL)
    content = re.sub(r"\]\([^)]*\)", "]", content)
    content = re.sub(r"^(\||#|\s*`).*$", "\n", content, flags=re.MULTILINE)
    blocks = re.split(r"\n\s*\n|\n(?=\s*- )", content)
    split = [
        re.split(r"(?<=[.!?])[*_]*\s+(?=[A-Z*\[`]|facebias)", re.sub(r"\s+", " ", block).strip(" -"))
        for block in blocks
    ]
    return [sentence for block in split for sentence in block if re.search(r"[a-z]{2}", sentence)]


def test_the_readme_is_one_page_of_short_sentences() -> None:
    lengths = {sentence: len(re.findall(r"[^\s]*\w[^\s]*", sentence)) for sentence in sentences("README.md")}
    assert len(text("README.md").splitlines()) <= 120
    assert sum(lengths.values()) / len(lengths) <= 20
    assert {sentence: n for sentence, n in lengths.items() if n > 35} == {}


@pytest.mark.parametrize("size", ["lab", "paper"])
def test_the_model_card_counts_the_parameters_of_the_networks(size: str) -> None:
    row = next(line for line in text("docs/model_card.md").splitlines() if f"size `{size}`" in line)
    for network in (StandardCNN(size), DBVAE(size, 100)):
        assert f"{sum(weight.numel() for weight in network.parameters()):,} parameters" in row
