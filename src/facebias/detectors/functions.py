"""A detector as a function of an importable module, or of a Python file."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

from facebias.core.errors import FacebiasError
from facebias.detectors.detector import CODE, FUNCTION, Score, first_line, say_foreign_code

# The package's earlier name, which people have in scripts
_MOVED = {"facebias.adapters": "facebias.detectors.adapters"}


def load_function(place: str, name: str) -> Score:
    """The function `name` of a module, or of a file that ends in .py.

    Raises:
        FacebiasError: no such module or file, it fails when imported, no such function (the nearest name is told), or
            what the name stands for cannot be called.
    """
    module = _from_file(Path(place)) if place.endswith(".py") else _from_module(place)
    found = getattr(module, name, None)
    if found is None:
        raise FacebiasError(CODE, place, f"no function {name!r}", _suggest(name, module))
    if not callable(found):
        raise FacebiasError(CODE, f"{place}:{name}", f"a {type(found).__name__}, which cannot be called", FUNCTION)
    if inspect.isclass(found):
        raise FacebiasError(
            CODE,
            f"{place}:{name}",
            "a class, expected a function",
            f"Name a function that calls an instance of it. {FUNCTION}",
        )
    return found


def _from_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(_MOVED.get(name, name))
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise _unimportable(name, error) from error  # it is there, what it imports is not
        raise FacebiasError(
            CODE,
            name,
            f"no module named {error.name!r}",
            "Install it, put its folder into PYTHONPATH, or name its file: path/to/file.py:function",
        ) from error
    except (Exception, SystemExit) as error:
        raise _unimportable(name, error) from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FacebiasError(CODE, path, "no such file", "Name it from the working directory, or with its whole path")
    say_foreign_code(path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader  # of a file that ends in .py there are both
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _unimportable(path, error) from error
    return module


def _unimportable(place: str | Path, error: BaseException) -> FacebiasError:
    return FacebiasError(
        CODE, place, f"cannot be imported: {first_line(error)}", "Mend it until Python imports it by itself"
    )


def _suggest(name: str, module: ModuleType) -> str:
    known = [key for key, value in vars(module).items() if inspect.isroutine(value) and not key.startswith("_")]
    if close := difflib.get_close_matches(name, known, n=1):
        return f"Did you mean {close[0]}?"
    return f"It has {', '.join(known)}" if known else "It has no function at all"
