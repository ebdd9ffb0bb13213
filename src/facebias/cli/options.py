"""Every field of `Config` as a command-line option, so that flags, notebook parameters and settings share one name.

A verb names the settings that count for it, by stage or one by one, and returns what it has to say. It is said here:
as text, or with --json as one object.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import re
import shlex
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from facebias.cli.completion import among, complete_studies
from facebias.cli.ending import printable
from facebias.core.arms import ARM_FIELDS
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import refuse_unwritable
from facebias.core.profiles import PROFILES, profile
from facebias.core.progress import silence

EVERYTHING = ("data", "audit_data", "train", "study", "runtime")  # stages of `Config`: all of them name a study
COMPUTING = ("data_root", "runs_dir", "data_dir", "device", "threads", "workers")  # where runs and data are, on what
STUDIES = "studies_dir"  # of verbs that find a study or write into its folder
_PLACES = (*COMPUTING[:3], STUDIES)
_PROFILED = frozenset(EVERYTHING[:4])
_VERB = re.compile(r"\bfacebias ((?:(?:data|runs) )?[a-z][a-z-]+)(?![a-z-])(?! --help)")


@dataclass(frozen=True)
class Answer:
    """What a verb found: the text for a person, and an object of the same for a program."""

    text: str
    found: dict[str, Any]


def with_config(
    *wanted: str, arm: bool = False, study: bool = False, default: str = "", as_json: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options that count for it; it is called with `config=`, and what it returns is said.

    Args:
        wanted: stages of `Config`'s fields, or names of fields.
        arm: whether the fields that the arms of a study decide are options too.
        study: whether the settings are those of a finished study, which is named by an argument; what is given on the
            command line then replaces them.
        default: in words, what a setting is where it is not given; its own default unless told.
        as_json: whether the command returns an `Answer`, of which --json prints the object.

    A command that takes `given` gets the settings that were given on the command line, by name.
    """
    names = {
        spec.name: spec
        for spec in fields(Config)
        if wanted and {spec.metadata["stage"], spec.name} & set(wanted) and (arm or spec.name not in ARM_FIELDS)
    }
    where = STUDIES if study else "runs_dir"  # where to look comes from the command line alone
    shown = {name: default or "the study's" for name in names if (study or default) and name != where}
    profiled = bool(_PROFILED & set(wanted)) and not shown

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        """Give the command its options."""
        own = inspect.signature(command, eval_str=True).parameters.values()
        takes = {parameter.name for parameter in own} & {"config", "given"}

        @functools.wraps(command)
        def called(**given: Any) -> None:
            """Gather what was given into `config=`, run the command, and say what it returns."""
            told = {name: value for name in names if (value := given.pop(name)) is not None}
            _call(command, takes, told, given, names, study)

        parameters = [_STUDY] if study else []
        parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p.name not in takes]
        parameters += [_PROFILE] if profiled else []
        parameters += [_parameter(name, None, _annotation(spec, shown.get(name, ""))) for name, spec in names.items()]
        parameters += [_QUIET, *([_JSON] if as_json else [])]
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # where Typer looks
        called.__annotations__ = {p.name: p.annotation for p in parameters}
        return called

    return decorate


def _call(
    command: Callable[..., Any],
    takes: set[str],
    told: dict[str, Any],
    given: dict[str, Any],
    names: Collection[str],
    study: bool,
) -> None:
    """Call a command with its settings and with all else that was given; say what it returns."""
    quiet, as_json = given.pop("quiet"), given.pop("json", False)
    start, named = given.pop("profile", "embedded"), given.pop("study", "")
    with _silent(quiet, as_json), _places_repeated(told):
        config = _found(named, told) if study else profile(start, **told)
        _try_folders(config, names, given.get("out"))
        settings = {"config": config, "given": told}
        answer = command(**{name: settings[name] for name in takes}, **given)
    if answer is not None:
        text = json.dumps(answer.found, allow_nan=False) if as_json else str(getattr(answer, "text", answer))
        typer.echo(printable(text))


def _try_folders(config: Config, names: Collection[str], out: Path | None) -> None:
    """Fail before any work where a folder cannot be written to that the command will write to at its end."""
    if "epochs" in names:  # it trains
        for kind in ("runs", "studies"):
            if f"{kind}_dir" in names:
                refuse_unwritable(config.path(kind))
    if out is not None:
        refuse_unwritable(out.resolve() if not out.suffix else out.resolve().parent)


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_STUDY = _parameter(
    "study",
    "",
    Annotated[
        str,
        typer.Argument(
            help="An audited study: its id, the beginning of it, or its folder.  [default: the only one there is]",
            autocompletion=complete_studies,
            show_default=False,
        ),
    ],
)
_PROFILE = _parameter(
    "profile",
    "embedded",
    Annotated[
        str,
        typer.Option(
            help=f"Settings to start from, in place of the defaults below: {', '.join(PROFILES)}.",
            autocompletion=among(PROFILES),
        ),
    ],
)
_QUIET = _parameter("quiet", False, Annotated[bool, typer.Option("--quiet", "-q", help="No progress: results alone.")])
_JSON = _parameter("json", False, Annotated[bool, typer.Option("--json", help="The result as one JSON object.")])


def _annotation(spec: Any, default: str = "") -> Any:
    flag, choices = "--" + spec.name.replace("_", "-"), spec.metadata["among"]
    shown, flags = default or str(spec.default), [flag]
    if isinstance(spec.default, bool):
        flags, shown = [f"{flag}/--no-{flag[2:]}"], flag[2:] if spec.default else f"no-{flag[2:]}"
    text = (
        spec.metadata["help"][0].upper() + spec.metadata["help"][1:] + (f" ({', '.join(choices)})" if choices else "")
    )
    option = typer.Option(
        *flags,
        help=f"{text}.  [default: {shown}]",  # as Typer writes those that it knows; None stands for "not given" here
        show_default=False,
        autocompletion=among(choices) if choices else None,
    )
    return Annotated[Optional[type(spec.default)], option]  # noqa: UP045 - typer reads this at run time


def _found(name: str, told: dict[str, Any]) -> Config:
    """The settings of the study of that name, with what the command line told on top."""
    from facebias.core.studies import find_study

    places = {"studies_dir": told["studies_dir"]} if "studies_dir" in told else {}
    return find_study(name, Config.make(**places)).with_(**{key: told[key] for key in told if key != "studies_dir"})


@contextlib.contextmanager
def _silent(quiet: bool, program: bool) -> Any:
    """No progress where none is wanted; where a program reads standard output, nothing but the result is on it."""
    with silence(quiet), contextlib.redirect_stdout(sys.stderr) if program else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def _places_repeated(told: dict[str, Any]) -> Any:
    """A fault that advises a command names the folders that were given, or the advice would look elsewhere."""
    try:
        yield
    except FacebiasError as error:
        mend = _VERB.sub(functools.partial(_with_places, told), error.mend)
        if mend == error.mend:
            raise
        raise FacebiasError(error.code, error.where, error.what, mend) from error


def _with_places(told: dict[str, Any], match: re.Match[str]) -> str:
    from facebias.cli import app

    command: Any = typer.main.get_command(app)
    for word in match[1].split():
        command = getattr(command, "commands", {}).get(word)
    takes = {parameter.name for parameter in getattr(command, "params", ())}
    places = [f"--{name.replace('_', '-')} {shlex.quote(told[name])}" for name in _PLACES if name in takes & set(told)]
    return " ".join([match[0], *places])


def say_and_draw(figures: Any) -> str:
    """Draw every figure of an analysis; what they show and where they lie."""
    figures.all()
    return f"{figures.text}\nfigures: {figures.files.folder}"
