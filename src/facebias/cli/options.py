"""Every field of `Config` as a command-line option, so that flags, notebook parameters and settings share one name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, Optional

import typer

from facebias.core.arms import ARM_FIELDS
from facebias.core.config import Config
from facebias.core.profiles import PROFILES, profile

EVERYTHING = ("data", "audit_data", "train", "study", "runtime")  # stages of `Config`: all of them name a study


def with_config(*stages: str, arm: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options of the named stages and `--profile`; it is called with `config=`.

    Args:
        stages: of `Config`'s fields.
        arm: whether the fields that the arms of a study decide are options too.
    """
    names = {
        spec.name: spec
        for spec in fields(Config)
        if spec.metadata["stage"] in stages and (arm or spec.name not in ARM_FIELDS)
    }

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        """Give the command its options."""

        @functools.wraps(command)
        def called(**given: Any) -> Any:
            """Gather what was given into `config=`."""
            values = {name: given.pop(name) for name in names}
            chosen = {name: value for name, value in values.items() if value is not None}
            return command(config=profile(given.pop("profile"), **chosen), **given)

        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "config"]
        keyword = inspect.Parameter.KEYWORD_ONLY
        own = [p.replace(kind=keyword) for p in own]
        listed = typer.Option("--profile", help=f"Settings to start from: {', '.join(PROFILES)}.")
        extra = [inspect.Parameter("profile", keyword, default="embedded", annotation=Annotated[str, listed])]
        extra += [
            inspect.Parameter(name, keyword, default=None, annotation=_annotation(spec)) for name, spec in names.items()
        ]
        called.__signature__ = inspect.Signature([*own, *extra])  # type: ignore[attr-defined]  # where Typer looks
        called.__annotations__ = {p.name: p.annotation for p in [*own, *extra]}
        return called

    return decorate


def _annotation(spec: Any) -> Any:
    flag = "--" + spec.name.replace("_", "-")
    flags = [f"{flag}/--no-{flag[2:]}"] if isinstance(spec.default, bool) else [flag]
    among = f" ({', '.join(spec.metadata['among'])})" if spec.metadata["among"] else ""
    text = spec.metadata["help"][0].upper() + spec.metadata["help"][1:]
    option = typer.Option(*flags, help=f"{text}{among}; {spec.default} unless told.", show_default=False)
    return Annotated[Optional[type(spec.default)], option]  # noqa: UP045 - typer reads this at run time


def say_and_draw(figures: Any) -> None:
    """Draw every figure of an analysis, then say what they show and where they lie."""
    figures.all()
    typer.echo(f"{figures.text}\nfigures: {figures.files.folder}")
