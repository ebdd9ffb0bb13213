from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from facebias.core.words import EYE_DISTANCE, EYE_HEIGHT
from facebias.data.pixels import box_of
from facebias.data.sources.base import Box
from facebias.data.sources.celeba import CelebA, Framing
from made import celeba, refused, write


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
        ("identity_CelebA.txt", "000002.jpg", "999999.jpg", "LABEL", "000002.jpg has no line in identity_CelebA.txt"),
        ("list_eval_partition.txt", "000002.jpg 1", "000002.jpg 7", "LABEL", "unknown label '7'"),
    ],
)
def test_names_the_fault_in_label_files(tmp_path, name, old, new, code, say):
    path = celeba(tmp_path) / name
    write(path, path.read_text().replace(old, new, 1))
    assert say in refused(CelebA(tmp_path), code)


def test_missing_label_files_and_pictures_are_named(tmp_path):
    celeba(tmp_path)
    (tmp_path / "identity_CelebA.txt").unlink()
    assert "identity_CelebA.txt" in refused(CelebA(tmp_path), "MISSING")
    assert "img_align_celeba" in refused(CelebA(tmp_path / "elsewhere"), "MISSING")


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
