"""Records: JSON objects that stages leave for each other, read through one check.

A record holds a checksum of itself, so that a letter that flips anywhere in it is noticed. Records of earlier versions
have none and are held to their keys and types alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facebias.core.errors import FacebiasError
from facebias.core.files import read_json, write_json

CHECK = "check"  # the key of the checksum
_AGAIN = "Delete it and run the stage that wrote it again"


def write_record(path: str | Path, values: Mapping[str, Any]) -> None:
    """Write a record atomically, with its checksum."""
    own = {name: value for name, value in values.items() if name != CHECK}
    write_json(path, own | {CHECK: _checksum(own)})


def read_record(path: str | Path, **expected: type) -> dict[str, Any]:
    """Read a record.

    Args:
        path: of the file.
        expected: keys that must be there, with the type of each.

    Raises:
        FacebiasError: missing, not JSON, no object, other than it was written, or a key that is missing or of another
            type; what was found is named.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise FacebiasError("RECORD", path, f"found {_spelled(found)}, expected an object of names and values", _AGAIN)
    check = found.pop(CHECK, None)
    if check is not None and check != _checksum(found):
        raise FacebiasError("HASH", path, "differs from what was written", _AGAIN)
    for name, kind in expected.items():
        if name not in found:
            raise FacebiasError("RECORD", path, f"no {name!r}; found {', '.join(found) or 'nothing'}"[:300], _AGAIN)
        if type(found[name]) is not kind:
            what = f"{name} is {_spelled(found[name])}, expected {kind.__name__}"
            raise FacebiasError("RECORD", path, what, _AGAIN)
    return found


def _spelled(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _checksum(values: Mapping[str, Any]) -> str:
    text = json.dumps(json.loads(json.dumps(values)), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
