"""Raw pictures that lie elsewhere: where `data_root` is a URL such as s3://bucket/raw, each set is copied once.

fsspec reads the URL; which package it needs for a kind of storage it says itself. A copy that is cut off goes on.
"""

from __future__ import annotations

from pathlib import Path

from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.files import atomic_write
from facebias.core.lock import folder_lock
from facebias.core.paths import inside
from facebias.core.progress import bar

_WAIT = 24 * 3600.0  # seconds for another process to end its copy


def raw_folder(config: Config, name: str) -> Path:
    """The folder of a raw set, by its name under `data_root`; of a URL, its copy, made now where it is not whole.

    Raises:
        FacebiasError: the URL cannot be read, or has no files there.
    """
    folder = config.path("data_root") / name
    whole = folder.with_name(f"{name}.copied")
    if "://" in config.data_root and not whole.exists():
        with folder_lock(folder.parent, _WAIT):
            _copy(f"{config.data_root.rstrip('/')}/{name}", folder)
            whole.touch()
    return folder


def _copy(url: str, folder: Path) -> None:
    try:
        import fsspec  # an extra: most have their pictures in a folder

        system, root = fsspec.core.url_to_fs(url)
        sizes = {name: about["size"] for name, about in system.find(root, detail=True).items()}
    except Exception as error:  # each kind of storage has errors of its own
        raise _fault(url, error) from error
    if not sizes:
        raise FacebiasError("REMOTE", url, "no files there", "Name the folder that holds the sets")
    with bar(total=len(sizes), desc=url, unit="file") as progress:
        for name, size in sizes.items():
            local = inside(folder, name.removeprefix(root).lstrip("/"))
            if not (local.exists() and local.stat().st_size == size):
                with atomic_write(local) as temporary:
                    try:
                        system.get_file(name, str(temporary))
                    except Exception as error:
                        raise _fault(url, error) from error
            progress.update(1)


def _fault(url: str, error: Exception) -> FacebiasError:
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return FacebiasError("REMOTE", url, what, "Name a URL that fsspec can read here, or a folder")
