"""Raw pictures behind a URL: each set is copied once, whole or gone on with, and packed as from a folder."""

from __future__ import annotations

import fsspec
import pytest
from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.core.profiles import profile
from facebias.data.remote import raw_folder
from facebias.data.sources import training_negatives
from made import pixels

FILES = ("one.png", "sub/two.png", "sub/three.png")


@pytest.fixture
def raw(tmp_path):
    """A folder of pictures, and the same behind a URL."""
    folder, system = tmp_path / "raw" / "nonfaces", fsspec.filesystem("memory")
    for number, name in enumerate(FILES):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(number, 90, 80)).save(file)
        system.pipe(f"/raw/nonfaces/{name}", file.read_bytes())
    yield folder
    system.rm("/raw", recursive=True)


@pytest.fixture
def config(tmp_path):
    settings = {"data_root": "memory://raw/", "negatives": "folder", "crops_per_picture": 2}
    return profile("tiny", data_dir=str(tmp_path / "data"), **settings)


def test_a_set_behind_a_url_is_copied_once_and_read_as_a_folder(raw, config):
    there = [(sample.image_id, sample.crop) for sample in training_negatives(config)]
    here = [(one.image_id, one.crop) for one in training_negatives(config.with_(data_root=str(raw.parent)))]
    assert there == here and len(here) == 2 * len(FILES)
    fsspec.filesystem("memory").pipe("/raw/nonfaces/four.png", b"later")
    copy = raw_folder(config.with_(data_root="memory://raw"), "nonfaces")  # the same place, with or without a slash
    assert sorted(file.relative_to(copy).as_posix() for file in copy.rglob("*.png")) == sorted(FILES)
    assert config.with_(data_root="elsewhere").data_key == config.data_key


def test_a_copy_that_is_cut_off_goes_on(raw, config, monkeypatch):
    system, taken = type(fsspec.filesystem("memory")), []

    def get(self, name, local, **_):
        """The second file cannot be had at first."""
        taken.append(name)
        if len(taken) == 2:
            raise TimeoutError("no answer")
        with open(local, "wb") as file:
            file.write(self.cat_file(name))

    monkeypatch.setattr(system, "get_file", get)
    with pytest.raises(FacebiasError, match=r"\[REMOTE\] memory://raw/nonfaces: TimeoutError: no answer"):
        raw_folder(config, "nonfaces")
    copy = raw_folder(config, "nonfaces")
    assert len(taken) == len(FILES) + 1
    assert all((copy / name).read_bytes() == (raw / name).read_bytes() for name in FILES)


@pytest.mark.parametrize(
    ("root", "says"),
    [
        ("memory://none", "no files there|FileNotFound"),
        ("nonsense://raw", "nonsense"),
        ("file:///proc/none", "no files"),
    ],
)
def test_a_url_that_cannot_be_read_or_holds_nothing_is_one_line(config, root, says):
    with pytest.raises(FacebiasError, match=says) as caught:
        raw_folder(config.with_(data_root=root), "nonfaces")
    assert caught.value.code == "REMOTE" and "\n" not in str(caught.value)


def test_a_name_that_leads_out_of_the_copy_is_refused(raw, config, monkeypatch):
    system = type(fsspec.filesystem("memory"))
    monkeypatch.setattr(system, "find", lambda self, root, detail: {f"{root}/../../out.png": {"size": 1}})
    with pytest.raises(FacebiasError, match="leads out of"):
        raw_folder(config, "nonfaces")
