"""What stands in a figure, and whether all of it lies on the canvas."""

from __future__ import annotations

import matplotlib as mpl


def texts(figure):
    figure.draw_without_rendering()
    found = [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_visible()]
    return "\n".join(found)


def fits(figure):
    """Whether all that is drawn lies on the canvas, within a pixel."""
    figure.draw_without_rendering()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    pixel = 1 / figure.dpi
    return box.x0 >= -pixel and box.y0 >= -pixel and box.x1 <= width + pixel and box.y1 <= height + pixel


def shown_size(figure, text):
    """Points of a text where the figure is shown: a page has 96 px to the inch, the README's figure 800 px.

    A notebook shows a figure at its own size, and a page or the README at no more than its column.
    """
    width = figure.get_size_inches()[0]
    return text.get_fontsize() * min(1.0, 800 / 96 / width)
