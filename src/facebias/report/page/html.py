"""The page: templates filled with text that is escaped, one script and one style that the policy names by hash."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import mistune
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from facebias.core.errors import FacebiasError
from facebias.core.paths import checkout
from facebias.report.page.folder import AuditFolder

LIMIT = 2_000_000  # bytes of a page that is opened and mailed without thought


def render(template: str, **content: Any) -> str:
    """A page as text, from a template of this package.

    Raises:
        FacebiasError: it would be larger than LIMIT.
    """
    loader = PackageLoader("facebias.report.page")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["island"] = island
    # neither has anything of the data in it, so neither needs escaping
    style, script = (Markup(loader.get_source(environment, name)[0]) for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    page = environment.get_template(template).render(style=style, script=script, policy=policy, **content)
    if (size := len(page.encode())) > LIMIT:
        raise FacebiasError(
            "SIZE", "report", f"{size:,} bytes, more than {LIMIT:,}", "Audit fewer arms, seeds or groups at once"
        )
    return page


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def island(value: Any) -> Markup:
    """A value as JSON inside a script element that is not run: no character of it can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(re.sub("[<>&'\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text))


def brought_card(audited: AuditFolder) -> Markup:
    """What is known of detectors that are not ours: their names, and that the rest is their makers' to tell."""
    names = ", ".join(audited.arms)
    text = (
        f"Audited: {names}. Not a network of this project. Each is one set of weights, and that is all there is of it: "
        "its numbers are judged over images and threshold. It was given cut-out faces of 64 x 64 pixels, not whole "
        "pictures. Version, weights and licence are what its makers say; `facebias audit-pictures` tells those that it "
        "knows."
    )
    return Markup(mistune.create_markdown(escape=True)(text))


def model_card() -> Markup:
    """docs/model_card.md as HTML without its title and results, which this report has of its own."""
    root = checkout()
    path = root / "docs" / "model_card.md" if root else Path(__file__).with_name("model_card.md")  # a wheel's own copy
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\A# .*\n", "", text)
    text = re.sub(r"^## Results\n.*?(?=^## |\Z)", "", text, flags=re.M | re.S)
    text = re.sub(r"^## ", "### ", text, flags=re.M)
    html = str(mistune.create_markdown(escape=True, plugins=["table"])(text))
    # a table may be wider than the page: it scrolls alone, and by keyboard
    html = html.replace(
        "<table>", '<div class="wide" tabindex="0" role="region" aria-label="Table of the model card"><table>'
    ).replace("</table>", "</table></div>")
    html = html.replace("<th></th>", "<td></td>").replace("<th>", '<th scope="col">')
    return Markup(html)  # escape=True: mistune lets no HTML of the file through
