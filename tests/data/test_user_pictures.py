from __future__ import annotations

import zipfile

import pytest

from facebias.core.errors import FacebiasError
from facebias.data.archive import Place
from facebias.data.user_pictures import gather, printable, safe_names
from made import picture


def test_hostile_names_stay_in_the_folder_and_apart():
    names = ["a.jpg", "A.png", "a-2.jpg", "..", "con\n\x1b[2J.jpg", "-rf.jpg", "\udcff.jpg", "Zoë.jpg", "x" * 300]
    safe = safe_names([Place("folder.zip", name) for name in names])
    assert safe[:3] == ["a", "A-2", "a-2-2"] and safe[-2] == "Zoë" and len(safe[-1]) == 40
    assert len({name.casefold() for name in safe}) == len(names)
    for name in safe:
        assert name.encode() and all(c.isalnum() or c in "-_." for c in name) and name[0] not in ".-"


def test_a_name_that_is_no_text_can_still_be_written_down():
    assert printable("a\n\udcffb") == "a\\n\\udcffb"


def test_a_picture_named_twice_is_there_once_and_a_missing_one_refused(tmp_path):
    one = picture(tmp_path / "a.jpg", 1)
    assert gather([one, tmp_path, str(one)]) == [Place(one)]
    with pytest.raises(FacebiasError, match="no such picture"):
        gather([one, tmp_path / "b.jpg"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FacebiasError, match="no picture is there"):
        gather([tmp_path / "empty"])


def test_an_archive_is_one_whatever_it_is_called_and_a_folder_too(tmp_path):
    folder = tmp_path / "photos.jpg"
    picture(folder / "a.jpg", 1)
    with zipfile.ZipFile(tmp_path / "photos", "w") as archive:
        archive.write(folder / "a.jpg", "b.jpg")
    assert [place.member or place.path.name for place in gather([folder, tmp_path / "photos"])] == ["a.jpg", "b.jpg"]
