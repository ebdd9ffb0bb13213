"""What a shell offers behind TAB: choices of a setting, and the runs and studies that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import typer

from facebias.core.paths import anchored


def among(choices: Iterable[str]) -> Callable[[str], list[str]]:
    """A completer for a fixed list of words."""
    return lambda incomplete: [choice for choice in choices if choice.startswith(incomplete)]


def complete_runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids of runs that begin so."""
    return _folders(ctx.params.get("runs_dir") or "runs", incomplete)


def complete_studies(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids of audited studies that begin so."""
    return _folders(ctx.params.get("studies_dir") or "studies", incomplete)


def _folders(place: str, incomplete: str) -> list[str]:
    return sorted(file.parent.name for file in anchored(place).glob(f"{incomplete}*/config.json"))


def complete_named(ctx: typer.Context, incomplete: str) -> list[str]:
    """Both: the ids of runs and of studies."""
    return complete_runs(ctx, incomplete) + complete_studies(ctx, incomplete)
