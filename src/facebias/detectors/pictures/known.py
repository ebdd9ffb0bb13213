"""The detectors that are known by name: loaded, or told what to install."""

from __future__ import annotations

import importlib
import importlib.metadata
from pathlib import Path
from types import ModuleType

import pandas as pd

from facebias.core.errors import FacebiasError
from facebias.core.manifest import sha256
from facebias.detectors.detector import first_line
from facebias.detectors.pictures.interface import CODE, Card, PictureDetector

KNOWN = ("haar", "lbp", "hog", "mmod", "mtcnn", "centerface", "blazeface", "yunet")


def load_known(name: str, model: str = "") -> PictureDetector:
    """One of KNOWN, ready to be asked.

    Args:
        name: of KNOWN.
        model: a file of weights, for those that have none in their package.

    Raises:
        FacebiasError: its package is not installed (the line that installs it is told), or cannot be imported.
    """
    about = _module(name)
    try:
        find = about.Find(model) if model else about.Find()
        return PictureDetector(name, find, about.SHIPPED, _card(about, model))
    except ImportError as error:
        raise _missing(name, about, error) from error


def overview(*names: str) -> pd.DataFrame:
    """KNOWN, or those named: name, version, weights (SHA-256), input, licence, runs ("yes", or what is missing)."""
    return pd.DataFrame([_row(name) for name in names or KNOWN])


def _row(name: str) -> dict[str, str]:
    about = _module(name)
    row = {"name": name, "version": "", "weights": "", "input": about.INPUT, "licence": about.LICENCE}
    try:
        importlib.import_module(about.MODULE)
        card = _card(about, "")
    except ImportError as error:
        missing = _missing(name, about, error)
        return row | {"runs": f"no: {missing.what}. {missing.mend}"}
    except FacebiasError as error:
        return row | {"runs": f"no: {error.what}. {error.mend}"}
    return row | {"version": card.version, "weights": card.weights, "runs": "yes"}


def _card(about: ModuleType, model: str) -> Card:
    found = Path(model) if model else about.weights()
    version = f"{about.PACKAGE} {importlib.metadata.version(about.PACKAGE)}"
    return Card(version, sha256(found), about.INPUT, about.LICENCE, dict(about.SETTINGS))


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"facebias.detectors.pictures.{name}")


def _missing(name: str, about: ModuleType, error: ImportError) -> FacebiasError:
    gone = error.name in (about.MODULE, *getattr(about, "ALSO", ()))
    what = f"needs {error.name}, which is not installed" if gone else f"cannot be imported ({first_line(error)})"
    return FacebiasError("MISSING", name, what, f"Install it: {install_line(name)}")


def install_line(name: str) -> str:
    """The line that installs what a detector of KNOWN needs; packages whose own needs would disturb go without them."""
    apart = " ".join(getattr(_module(name), "APART", ()))
    line = f"pip install 'facebias[{name}]'"
    return f"{line} && pip install --no-deps {apart}" if apart else line


def refuse_unknown(name: str) -> FacebiasError:
    """That nothing of this name is known."""
    return FacebiasError(
        CODE, name, "no detector of this name", f"Use {', '.join(KNOWN)}, file.py:function, module:function, or a file"
    )
