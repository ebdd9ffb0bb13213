"""Sliders and lists that redraw a figure, where somebody can move them; everywhere else the figure as it stands."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from facebias.core.errors import FacebiasError
from facebias.core.progress import at_a_front_end
from facebias.plots.saving import Shown


@dataclass(frozen=True)
class Choice:
    """What a reader may choose.

    Attributes:
        label: what it is, for example "false positive rate".
        options: each choice in words, and what it stands for.
        start: the words chosen first.
        ordered: whether the choices lie on a scale: then they are a slider, else a list.
    """

    label: str
    options: Mapping[str, Any]
    start: str
    ordered: bool = True


@dataclass(frozen=True)
class Adjustable:
    """A figure that is drawn again for each choice.

    A notebook keeps the figure as it stands as a picture too: GitHub and a kernel without ipywidgets show that one.

    Attributes:
        draw: the figure, by name of each choice and what was chosen.
        choices: by the name that `draw` has for each.
    """

    draw: Callable[..., Shown]
    choices: Mapping[str, Choice]

    def shown(self, **chosen: str) -> Shown:
        """The figure for the words chosen; as it stands, for each choice's start."""
        words = {name: chosen.get(name, choice.start) for name, choice in self.choices.items()}
        return self.draw(**{name: choice.options[words[name]] for name, choice in self.choices.items()})

    def picture(self, **chosen: str) -> str:
        """HTML of the figure for the words chosen; of what was refused, its one line."""
        try:
            drawn = self.shown(**chosen)
        except FacebiasError as error:
            return f"<p>{html.escape(str(error))}</p>"
        return _html(drawn.words, drawn._repr_mimebundle_()[0])

    def _ipython_display_(self) -> None:
        from IPython.display import display

        first = self.shown()
        bundle, about = first._repr_mimebundle_() if at_a_front_end() else ({}, {})
        if not bundle or (box := self._box(_html(first.words, bundle))) is None:
            first._ipython_display_()
            return
        display(bundle | box._repr_mimebundle_(), raw=True, metadata=about)

    def _box(self, first: str) -> Any:
        """Controls above the figure, which is `first` as HTML; None without ipywidgets."""
        try:
            import ipywidgets
        except ImportError:
            return None
        wide = {"style": {"description_width": "12em"}, "layout": {"width": "36em"}}
        controls = {}
        for name, one in self.choices.items():
            kind = ipywidgets.SelectionSlider if one.ordered else ipywidgets.Dropdown
            live = {"continuous_update": False} if one.ordered else {}
            controls[name] = kind(options=list(one.options), value=one.start, description=one.label, **wide, **live)
        view = ipywidgets.HTML(first)

        def redraw(_: object) -> None:
            """Show the picture of what stands in the controls now."""
            view.value = self.picture(**{name: control.value for name, control in controls.items()})

        for control in controls.values():
            control.observe(redraw, names="value")
        return ipywidgets.VBox([*controls.values(), view])


def _html(words: str, bundle: Mapping[str, str]) -> str:
    """A figure of these words and this display bundle as an image with its alt text."""
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{bundle["image/png"]}">'
