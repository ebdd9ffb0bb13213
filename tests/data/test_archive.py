from __future__ import annotations

import os
import stat
import zipfile

import numpy as np
import pytest

from facebias.core.errors import FacebiasError
from facebias.data.archive import Place, found_in, one_size, pictures, read_bytes, sizes, spell
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


def test_what_begins_as_a_picture_is_one_whatever_it_is_called_and_what_mac_adds_is_not(tmp_path):
    for name in ("scan.jfif", "noext"):
        write(tmp_path / name, encoded(pixels(1)))
    write(tmp_path / "photo.tiff", encoded(pixels(1), "TIFF"))
    write(tmp_path / "._scan.jpg", b"\0\5\x16\7")
    write(tmp_path / "labels.csv", "file\n")
    write(tmp_path / "notes", "no picture")
    found = pictures(tmp_path)
    assert list(found) == ["noext", "photo.tiff", "scan.jfif"]
    assert found.counts == {"files that macOS adds (._NAME)": 1}


def test_a_name_that_is_no_text_is_spelled_out_and_read(tmp_path):
    data = encoded(pixels(1))
    with open(os.fsencode(tmp_path) + b"/\xff.jpg", "wb") as file:
        file.write(data)
    ((name, place),) = pictures(tmp_path).items()
    assert name == "\\udcff.jpg" and name.encode() and spell(place).encode() and read_bytes(place) == data


@pytest.mark.parametrize("method", [9, 97])  # deflate64, wavpack
def test_a_method_that_python_cannot_unpack_is_one_line(tmp_path, method):
    path = archive(tmp_path / "s.zip", [("a.jpg", encoded(pixels(1)))])
    data = bytearray(path.read_bytes())
    data[8] = data[data.index(b"PK\1\2") + 10] = method
    place = pictures(write(path, bytes(data)))["a.jpg"]
    with pytest.raises(FacebiasError, match=r"s\.zip!a\.jpg: cannot be read"):
        read_bytes(place)


def test_a_flipped_bit_anywhere_in_an_archive_is_read_the_same_or_told_in_one_line(tmp_path):
    good = encoded(pixels(1, 20, 20), "PNG")
    whole = archive(tmp_path / "s.zip", [("a.png", good), ("b.png", good)]).read_bytes()
    told = 0
    for bit in np.random.default_rng(0).integers(0, 8 * len(whole), 300):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path = write(tmp_path / f"{bit}.zip", bytes(flipped))
        try:
            assert all(read_bytes(place) == good for place in pictures(path).values())
        except FacebiasError:
            told += 1
    assert told > 100


def test_an_entry_that_is_there_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(tmp_path / "s.zip", [("a.jpg", b"x"), ("a.jpg", b"y")])
    with pytest.raises(FacebiasError, match=r"entry 'a\.jpg' is there twice"):
        pictures(path)


def test_sizes_are_those_of_the_headers_and_one_where_all_agree(tmp_path):
    for i in range(6):
        picture(tmp_path / f"{i}.jpg", i, 30, 40)
    write(tmp_path / "x.jpg", b"no picture")
    places = list(pictures(tmp_path).values())
    assert sizes(places) == [(30, 40)] * 6 and one_size(places) == (30, 40) and one_size(places[:4]) is None
    picture(tmp_path / "0.jpg", 0, 31, 40)
    assert one_size(places) is None


def test_what_was_found_is_told_in_short(tmp_path):
    for i in range(8):
        write(tmp_path / "here" / f"{i}.txt", "x")
    assert found_in(tmp_path / "here").endswith("0.txt, 1.txt, 2.txt, 3.txt, 4.txt, 5.txt and 2 more")
    assert found_in(tmp_path / "there").endswith("here/") and found_in(tmp_path / "no/no").startswith("no folder")


def test_a_loop_of_links_ends_and_is_counted_once(tmp_path):
    picture(tmp_path / "a/1.jpg", 1)
    os.symlink(tmp_path, tmp_path / "a/up")
    os.symlink(tmp_path / "a", tmp_path / "b")
    assert list(pictures(tmp_path)) == ["a/1.jpg"]


def test_a_pipe_is_not_waited_for_and_an_endless_file_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "large.jpg").touch()
    os.truncate(tmp_path / "large.jpg", 1 << 40)
    found = pictures(tmp_path)
    assert list(found) == ["large.jpg", "pipe.jpg"]
    for name, said in (
        ("pipe.jpg", "no picture, but a pipe"),
        ("large.jpg", "no picture, but 1,099,511,627,776 bytes"),
    ):
        with pytest.raises(FacebiasError, match=said):
            read_bytes(found[name])


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
