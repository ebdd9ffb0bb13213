"""Figures of style of a checkout: how long files and functions are, what is documented, annotated and tested.

    python benchmarks/style.py [CHECKOUT]     this checkout, if none is named

Files and functions are given as median / 90th percentile / longest, functions without their docstrings. mypy and ruff
judge with this checkout's settings, so that two checkouts can be compared.
"""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def spread(lengths: Sequence[int]) -> str:
    """Median, 90th percentile and largest of some lengths (at least one)."""
    return f"{np.median(lengths):.0f} / {np.quantile(lengths, 0.9):.0f} / {max(lengths)}"


def share(answers: Sequence[bool]) -> str:
    """How many are true, in per cent of all and as counts."""
    return f"{100 * sum(answers) / len(answers):.1f} % ({sum(answers):,} of {len(answers):,})"


def functions(tree: ast.AST) -> Iterator[Function]:
    """All functions and methods, those inside others too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Lines from `def` to the last statement, without the docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


def public(node: ast.Module | ast.ClassDef) -> Iterator[ast.AST]:
    """A module or class and what it defines for others: public classes, functions and methods."""
    yield node
    for child in node.body:
        if isinstance(child, (*Function.__args__, ast.ClassDef)) and not child.name.startswith("_"):
            yield from public(child) if isinstance(child, ast.ClassDef) else [child]


def annotated(function: Function) -> bool:
    """Whether all arguments but self and cls, and what is returned, have a type."""
    rules = function.args
    given = [*rules.posonlyargs, *rules.args, *rules.kwonlyargs, *filter(None, (rules.vararg, rules.kwarg))]
    return function.returns is not None and all(a.annotation or a.arg in ("self", "cls") for a in given)


def commented(text: str) -> int:
    """Lines that hold a comment, alone or behind code."""
    found = tokenize.generate_tokens(io.StringIO(text).readline)
    return len({token.start[0] for token in found if token.type == tokenize.COMMENT})


def filled(text: str) -> int:
    """Lines that are not blank."""
    return sum(bool(line.strip()) for line in text.splitlines())


def about_code(checkout: Path) -> Iterator[tuple[str, str]]:
    """The figures of src and tests."""
    package = next((checkout / "src").glob("*/__init__.py")).parent
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py"))}
    trees = [ast.parse(text) for text in texts.values()]
    lines = {path: text.count("\n") for path, text in texts.items()}
    everything = [function for tree in trees for function in functions(tree)]
    tests = sum(path.read_text(encoding="utf-8").count("\n") for path in (checkout / "tests").rglob("*.py"))
    entries = [path for path in package.iterdir() if path.name != "__pycache__"]
    bodies = [body_lines(function) for function in everything]
    yield "entries at the top of the package", str(len(entries))
    yield "source files, lines", f"{len(texts)}, {sum(lines.values()):,}"
    yield "lines of a file", f"{spread(list(lines.values()))}; {sum(n > 300 for n in lines.values())} over 300"
    yield "lines of a function", f"{spread(bodies)}; {sum(n > 40 for n in bodies)} over 40"
    yield "public things with a docstring", share([bool(ast.get_docstring(n)) for tree in trees for n in public(tree)])
    yield "functions annotated throughout", share([annotated(function) for function in everything])
    comments = sum(map(commented, texts.values()))
    yield "lines with a comment", f"{100 * comments / sum(map(filled, texts.values())):.1f} % of those not blank"
    yield "lines of tests to lines of source", f"{tests / sum(lines.values()):.2f} ({tests:,})"


def about_notebooks(checkout: Path) -> Iterator[tuple[str, str]]:
    """The figures of each notebook."""
    for path in sorted([*checkout.glob("*.ipynb"), *checkout.glob("notebooks/*.ipynb")]):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        plain = ["\n".join(line for line in text.splitlines() if not line.startswith("%")) for text in code]
        defined = [n for text in plain for n in ast.walk(ast.parse(text)) if isinstance(n, (Function, ast.ClassDef))]
        said = f"{len(cells)} cells, {len(cells) - len(code)} of them prose; {len(defined)} definitions"
        yield path.name, f"{said}; {path.stat().st_size / 1000:,.0f} kB"


def about_figures(checkout: Path) -> Iterator[tuple[str, str]]:
    """What of figures/ is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "figures"], cwd=checkout, check=True, capture_output=True, text=True
    ).stdout
    sizes = [path.stat().st_size for name in listed.split("\0") if name and (path := checkout / name).exists()]
    largest = max(sizes, default=0) / 1e6
    yield "figures/", f"{len(sizes)} files, {sum(sizes) / 1e6:.1f} MB; the largest {largest:.2f} MB"


def about_checks(checkout: Path) -> Iterator[tuple[str, str]]:
    """What mypy and ruff find."""
    settings = str(ROOT / "pyproject.toml")
    for tool, words in {
        "mypy": ["--config-file", settings, "src"],
        "ruff": ["check", "--config", settings, "--output-format", "concise", "."],
    }.items():
        done = subprocess.run([sys.executable, "-m", tool, *words], cwd=checkout, capture_output=True, text=True)
        lines = done.stdout.splitlines() + done.stderr.splitlines()
        yield tool, next(line for line in lines if line.startswith(("Found", "Success", "All checks")))


def main() -> None:
    """Print the figures of the checkout that is named, or of this one."""
    checkout = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    for part in (about_code, about_notebooks, about_figures, about_checks):
        for name, figure in part(checkout):
            print(f"{name:36s}{figure}", flush=True)


if __name__ == "__main__":
    main()
