"""Figures that were drawn of the same before: read, and not drawn again."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import wraps
from typing import Any

from facebias.core.kept import keep, known
from facebias.core.progress import in_jupyter
from facebias.plots.saving import Shown

Draw = Callable[..., list[Shown]]


def kept(draw: Draw) -> Draw:
    """A method that saves figures to `self.files`; those that it saved of the same data, with the same code, are read.

    Only a kernel keeps them: elsewhere nobody needs the picture that a notebook shows.
    """

    @wraps(draw)
    def drawn(self: Any, *args: Any, **more: Any) -> list[Shown]:
        """As `draw`, of the same arguments."""
        outputs, key = self.files.outputs, self.files.key
        work = "-".join(map(str, (type(self).__name__, draw.__name__, *args, *more.values())))
        if (found := known(outputs.folder, work, key, shown=list)) is not None:
            if found["files"]:
                outputs.add(*map(outputs.path, found["files"]))
            return [
                Shown(None, outputs.path(name), words, drawn=base64.b64decode(picture))
                for name, words, picture in found["shown"]
            ]
        shown = draw(self, *args, **more)
        if key and in_jupyter():
            told = [[one.path.name, one.words, base64.b64encode(one.screen).decode()] for one in shown]
            keep(outputs.folder, work, key, [file for one in shown for file in one.files], shown=told)
        return shown

    return drawn
