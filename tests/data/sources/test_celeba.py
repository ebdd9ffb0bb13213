from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from facebias.core.errors import FacebiasError
from facebias.core.words import EYE_DISTANCE, EYE_HEIGHT
from facebias.data.pixels import box_of
from facebias.data.sources.base import Box
from facebias.data.sources.celeba import CelebA, Framing
from made import celeba, picture, refused, write


def test_reads_gender_identity_and_line(tmp_path):
    samples = list(CelebA(celeba(tmp_path, 12, 4)))
    assert [s.gender for s in samples[:4]] == ["Male", "Female", "Female", "Male"]
    assert [s.identity for s in samples[:5]] == ["1", "2", "3", "4", "1"]
    first = samples[0]
    assert (first.image_id, first.label, first.race, first.age) == ("000001.jpg", 1, "", "")
    assert first.where == f"{tmp_path / 'list_attr_celeba.txt'}:3" and first.path.exists()


def test_reads_the_official_zip(tmp_path):
    celeba(tmp_path)
    folder = tmp_path / "img_align_celeba"
    with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"img_align_celeba/{file.name}")
            file.unlink()
    folder.rmdir()
    assert {s.member for s in CelebA(tmp_path)} == {f"img_align_celeba/{i:06d}.jpg" for i in range(1, 13)}


def test_counts_absent_pictures_of_a_subset(tmp_path):
    celeba(tmp_path)
    (tmp_path / "img_align_celeba/000003.jpg").unlink()
    source = CelebA(tmp_path)
    for _ in range(2):  # counts do not add up over passes
        assert len(list(source)) == 11 and source.counts == {"missing pictures": 1}
    (absent,) = source.absent
    assert (absent.image_id, absent.code) == ("000003.jpg", "MISSING") and absent.where.endswith("celeba.txt:5")


def test_counts_pictures_that_no_label_file_lists(tmp_path):
    celeba(tmp_path)
    picture(tmp_path / "img_align_celeba/x.jpg", 1, 178, 218)
    source = CelebA(tmp_path)
    assert len(list(source)) == 12 and source.counts == {"pictures that no label file lists": 1}


def test_no_listed_picture_at_all_is_an_error(tmp_path):
    celeba(tmp_path)
    for file in (tmp_path / "img_align_celeba").iterdir():
        file.rename(file.with_name("x" + file.name))
    assert "none of the 12 listed pictures" in refused(CelebA(tmp_path), "MISSING")


@pytest.mark.parametrize(
    "name, old, new, code, say",
    [
        (
            "list_attr_celeba.txt",
            "000002.jpg -1 -1",
            "000002.jpg -1",
            "CSV_ROW",
            "list_attr_celeba.txt:4: 2 fields, expected 3",
        ),
        ("list_attr_celeba.txt", "000002.jpg -1", "000002.jpg 0", "LABEL", "unknown label '0'"),
        ("list_attr_celeba.txt", "000002.jpg", "000001.jpg", "DUPLICATE", "000001.jpg is listed twice"),
        ("list_attr_celeba.txt", "Male", "Mail", "CSV_COLUMN", "with Male"),
        ("list_attr_celeba.txt", "12\n", "13\n", "CSV_ROW", "announces 13 rows, has 12"),
        ("list_attr_celeba.txt", "12\n", "9" * 5000 + "\n", "CSV_ROW", "announces 99999999999999999999 rows, has 12"),
        ("identity_CelebA.txt", "000002.jpg", "999999.jpg", "LABEL", "000002.jpg has no line in identity_CelebA.txt"),
        ("list_eval_partition.txt", "000002.jpg 1", "000002.jpg 7", "LABEL", "unknown label '7'"),
    ],
)
def test_names_the_fault_in_label_files(tmp_path, name, old, new, code, say):
    path = celeba(tmp_path) / name
    write(path, path.read_text().replace(old, new, 1))
    assert say in refused(CelebA(tmp_path), code)


def test_what_is_there_instead_of_label_files_and_pictures_is_named(tmp_path):
    celeba(tmp_path)
    (tmp_path / "list_attr_celeba.txt").unlink()
    told = refused(CelebA(tmp_path), "MISSING")
    assert "no list_attr_celeba.txt or .csv; found in" in told and "identity_CelebA.txt, img_align_celeba/" in told
    told = refused(CelebA(tmp_path / "elsewhere"), "MISSING")
    assert "img_align_celeba" in told and "no folder elsewhere" in told


def kaggle(root: Path) -> Path:
    """The same as Kaggle lays it out: CSV, a folder in a folder, no persons."""
    celeba(root)
    inner = root / "inner"
    (root / "img_align_celeba").rename(inner)
    (root / "img_align_celeba").mkdir()
    inner.rename(root / "img_align_celeba/img_align_celeba")
    (root / "identity_CelebA.txt").unlink()
    for name, header in (("list_attr_celeba", "image_id,Male,Young"), ("list_eval_partition", "image_id,partition")):
        lines = (root / f"{name}.txt").read_text().splitlines()[2 if "attr" in name else 0 :]
        write(root / f"{name}.csv", "\n".join([header, *(",".join(line.split()) for line in lines)]) + "\n")
        (root / f"{name}.txt").unlink()
    return root


def test_kaggles_layout_gives_the_same_but_for_the_persons_and_says_so(tmp_path):
    official, source = list(CelebA(celeba(tmp_path / "a"))), CelebA(kaggle(tmp_path / "b"))
    found = list(source)
    assert [(s.image_id, s.gender) for s in found] == [(s.image_id, s.gender) for s in official]
    assert [s.identity for s in found] == [s.image_id for s in found]
    (note,) = source.notes
    assert "no identity_CelebA: each picture counts as its own person" in note and "several splits" in note


def test_a_csv_that_was_renamed_to_txt_and_the_folders_of_the_authors_drive_are_read(tmp_path):
    kaggle(tmp_path)
    for stem in ("list_attr_celeba", "list_eval_partition"):
        (tmp_path / f"{stem}.csv").rename(write(tmp_path / f"Anno/{stem}.txt", ""))
    assert len(list(CelebA(tmp_path))) == 12


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((89, 109), Box(17.0, 38.0, 55.5)),
        ((178, 178), Box(34, 56, 111)),
        ((178, 218), Framing()),
        ((200, 209), "0.6 of it"),
    ],
)
def test_a_scaled_or_cut_copy_of_the_aligned_pictures_is_told_by_its_size(tmp_path, size, box):
    root = celeba(tmp_path, size=size)
    if box == "0.6 of it":  # web crops have many sizes
        picture(root / "img_align_celeba/000001.jpg", 0, 190, 190)
        box = Framing()
    source = CelebA(root)
    assert {s.crop for s in source} == {box} and len(source.notes) == (box != Framing())


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (1024, 1024)])
def test_a_size_that_does_not_tell_how_it_was_made_is_refused(tmp_path, size):
    told = refused(CelebA(celeba(tmp_path, 6, size=size)), "SIZE")
    assert f"{size[0]} x {size[0]}; CelebA's aligned ones are 178 x 218" in told


def test_boxes_of_pictures_in_the_wild_say_nothing_of_aligned_ones(tmp_path):
    root = celeba(tmp_path, 12, size=(178, 178))
    write(root / "list_bbox_celeba.txt", "1\nimage_id x_1 y_1 width height\n000001.jpg 95 71 226 313\n")
    assert {s.crop for s in CelebA(root)} == {Box(34, 56, 111)}


def test_a_published_box_outside_of_its_picture_is_refused():
    with pytest.raises(FacebiasError, match=r"face box 95, 71, 226 x 313 is outside of this picture"):
        Framing(face=(95, 71, 226, 313)).box(178, 178)


def test_aligned_crop_has_the_tight_framing():
    box = box_of(Framing(), 178, 218)
    assert (108 - 69) / box.side == pytest.approx(EYE_DISTANCE, abs=0.01)
    assert (111 - box.top) / box.side == pytest.approx(EYE_HEIGHT, abs=0.01)
    assert ((69 + 108) / 2 - box.left) / box.side == pytest.approx(0.5, abs=0.01)


def test_aligned_crop_does_not_depend_on_other_label_files():
    assert Framing((0, 0, 1, 0, 0, 1, 1, 1), (1, 2, 3, 4)).box(178, 218) == Box(34, 76, 111)


def test_eyes_in_the_wild_give_the_tight_framing():
    box = Framing((100, 200, 170, 200, 110, 270, 160, 270)).box(500, 600)
    assert 70 / box.side == pytest.approx(EYE_DISTANCE)
    assert (135 - box.left) / box.side == pytest.approx(0.5) and (200 - box.top) / box.side == pytest.approx(EYE_HEIGHT)


def test_a_profile_is_not_magnified():
    frontal = Framing((100, 200, 170, 200, 110, 274, 160, 274)).box(500, 600)
    profile = Framing((130, 200, 150, 200, 130, 274, 150, 274)).box(500, 600)
    assert profile.side == pytest.approx(frontal.side, rel=0.02)


def test_face_box_and_web_crops():
    assert Framing(face=(95, 71, 226, 313)).box(409, 687) == Box(95, 71 + (313 - 226) / 2, 226)
    assert Framing().box(200, 210) == Box(40, 105 - 60 + 10, 120)


def test_landmarks_and_boxes_are_read_where_present(tmp_path):
    celeba(tmp_path, 3, 3, size=(300, 400))
    (tmp_path / "img_align_celeba").rename(tmp_path / "img_celeba")
    write(tmp_path / "list_bbox_celeba.txt", "1\nimage_id x_1 y_1 width height\n000001.jpg 95 71 226 313\n")
    write(
        tmp_path / "list_landmarks_celeba.txt",
        "1\nlefteye_x lefteye_y\n000002.jpg 100 200 170 200 135 240 110 270 160 270\n",
    )
    crops = [s.crop for s in CelebA(tmp_path)]
    assert crops == [Framing(face=(95, 71, 226, 313)), Framing((100, 200, 170, 200, 110, 270, 160, 270)), Framing()]


def test_another_crop_is_recorded_as_custom(tmp_path):
    source = CelebA(celeba(tmp_path), crop=1.0)
    assert source.framing == "custom" and next(iter(source)).crop == 1.0 and CelebA(tmp_path).framing == "tight"


def test_real_subset(test_data: Path):
    samples = list(CelebA(test_data / "celeba"))
    assert len(samples) > 1000 and {s.gender for s in samples} == {"Female", "Male"}
    assert len({s.identity for s in samples}) < len(samples) / 5
