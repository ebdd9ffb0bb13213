from __future__ import annotations

import os
import stat
import zipfile

import pytest

from facebias.core.errors import FacebiasError
from facebias.data.archive import Place, pictures, read_bytes
from made import encoded, picture, pixels, write


def archive(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for entry, data in entries:
            file.writestr(entry, data)
    return path


def test_lists_pictures_sorted_and_nothing_else(tmp_path):
    for name in ("b/2.JPG", "a/1.jpg", "a/deep/er/ü ö.png"):
        picture(tmp_path / name, 1)
    write(tmp_path / "a/notes.txt", "x")
    assert list(pictures(tmp_path)) == ["a/1.jpg", "a/deep/er/ü ö.png", "b/2.JPG"]


def test_a_loop_of_links_ends_and_is_counted_once(tmp_path):
    picture(tmp_path / "a/1.jpg", 1)
    os.symlink(tmp_path, tmp_path / "a/up")
    os.symlink(tmp_path / "a", tmp_path / "b")
    assert list(pictures(tmp_path)) == ["a/1.jpg"]


def test_reads_zip_entries_without_unpacking(tmp_path):
    data = encoded(pixels(1))
    path = archive(tmp_path / "s.zip", [("d/1.jpg", data), ("d/._1.jpg", b"mac"), ("readme.txt", b"x")])
    found = pictures(path)
    assert found == {"d/1.jpg": Place(path, "d/1.jpg")} and read_bytes(found["d/1.jpg"]) == data
    assert sorted(os.listdir(tmp_path)) == ["s.zip"]


@pytest.mark.parametrize("name", ["../out.jpg", "/etc/out.jpg", "a/../../out.jpg", "..\\out.jpg", "C:/out.jpg"])
def test_refuses_an_entry_that_escapes(tmp_path, name):
    with pytest.raises(FacebiasError, match="leaves the archive"):
        pictures(archive(tmp_path / "s.zip", [(name, b"x")]))


def test_refuses_a_link_entry(tmp_path):
    entry = zipfile.ZipInfo("link.jpg")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(FacebiasError, match=r"'link\.jpg' is a link"):
        pictures(archive(tmp_path / "s.zip", [(entry, b"/etc/passwd")]))


def test_refuses_a_zip_bomb(tmp_path):
    with pytest.raises(FacebiasError, match=r"'bomb\.jpg' unpacks to 10,000,000 bytes"):
        pictures(archive(tmp_path / "s.zip", [("bomb.jpg", bytes(10_000_000))]))


def test_names_what_a_false_zip_is(tmp_path):
    with pytest.raises(FacebiasError, match="found an HTML page"):
        pictures(write(tmp_path / "s.zip", "<html>quota</html>"))
    good = archive(tmp_path / "t.zip", [("1.jpg", encoded(pixels(1)))]).read_bytes()
    with pytest.raises(FacebiasError, match="not a whole zip archive"):
        pictures(write(tmp_path / "u.zip", good[:-30]))


def test_damage_inside_an_archive_is_found(tmp_path):
    path = archive(tmp_path / "s.zip", [("1.jpg", encoded(pixels(1)))])
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(FacebiasError) as caught:
        read_bytes(Place(path, "1.jpg"))
    assert caught.value.code == "UNREADABLE"


def test_missing_names_the_path(tmp_path):
    with pytest.raises(FacebiasError, match="MISSING"):
        pictures(tmp_path / "none")
    with pytest.raises(FacebiasError, match=r"gone\.jpg"):
        read_bytes(Place(tmp_path / "gone.jpg"))
