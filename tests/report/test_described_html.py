"""A notebook as HTML: every figure has its words as alt text, once, and no other picture loses anything."""

from __future__ import annotations

import html
import re

import nbformat
from matplotlib.figure import Figure

from facebias import plots
from facebias.plots.style import figure_title
from facebias.report.notebook import export_html

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


def outputs():
    """What a kernel keeps of a figure that is shown, and of a picture without words."""
    figure = Figure(layout="constrained")
    figure_title(figure, 'Recall of "a" & <b>')
    shown = plots.show(figure, synthetic=True)
    data, about = shown._repr_mimebundle_()
    hidden = {"text/html": '<p class="jp-sr-only">Recall, for those who do not see it</p>'}
    return [
        nbformat.v4.new_output("display_data", data, metadata=about),
        nbformat.v4.new_output("display_data", hidden),
        nbformat.v4.new_output("display_data", {"image/png": PIXEL}),
        nbformat.v4.new_output("display_data", {"text/html": "<b>a table</b>"}),
    ]


def test_a_figure_has_its_words_as_alt_text_and_they_are_not_said_twice(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=outputs())])
    nbformat.write(notebook, tmp_path / "a.ipynb")
    page = export_html(tmp_path / "a.ipynb").read_text(encoding="utf-8")
    described, other = re.findall(r"<img[^>]*>", page)
    assert html.unescape(re.search(r"alt=(['\"])(.*?)\1", described)[2]) == 'Recall of "a" & <b>.'
    assert PIXEL in other and "a table" in page
    assert "for those who do not see it" not in page
