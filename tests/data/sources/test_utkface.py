from __future__ import annotations

from pathlib import Path

import pytest

from facebias.core.errors import FacebiasError
from facebias.core.words import age_bin
from facebias.data.sources.utkface import Chip, UTKFace
from made import picture

GOOD = "26_1_2_20170116001519265.jpg.chip.jpg"


def test_labels_come_from_the_name(tmp_path):
    picture(tmp_path / "UTKFace" / GOOD, 1)
    (sample,) = UTKFace(tmp_path)
    assert (sample.age, sample.gender, sample.race, sample.crop) == ("20-29", "Female", "Asian", Chip())
    assert sample.identity == sample.image_id == GOOD


@pytest.mark.parametrize(
    "name",
    [
        "61_1_20170109142408075.jpg.chip.jpg",
        "26_2_2_20170116001519265.jpg.chip.jpg",
        "26_1_5_20170116001519265.jpg.chip.jpg",
        "x_1_2_20170116001519265.jpg.chip.jpg",
        "portrait.jpg",
    ],
)
def test_malformed_names_are_reported_and_left_out(tmp_path, name):
    picture(tmp_path / GOOD, 1)
    picture(tmp_path / name, 2)
    source = UTKFace(tmp_path)
    assert [s.image_id for s in source] == [GOOD] and source.counts == {"malformed names": 1}
    (absent,) = source.absent
    assert absent.image_id == name and absent.code == "NAME" and "age_gender_race_date" in absent.reason


@pytest.mark.parametrize(
    "name", ["26_1_2_20170116001519265.JPEG", "26_1_2_20170116001519265.jpg.chip.webp", "26_1_2_20170116001519265 .jpg"]
)
def test_names_in_other_case_or_with_another_suffix_are_read(tmp_path, name):
    picture(tmp_path / "utkface_aligned_cropped/UTKFace" / name, 1)
    assert [sample.image_id for sample in UTKFace(tmp_path)] == [name]


def test_pictures_of_the_set_in_the_wild_are_refused_by_their_shape(tmp_path):
    for i in range(6):
        picture(tmp_path / "part1" / GOOD.replace("26", f"2{i}", 1).replace(".jpg.chip", ""), i, 300, 200)
    with pytest.raises(FacebiasError, match=r"300 x 200; UTKFace's aligned chips are square, 200 x 200"):
        list(UTKFace(tmp_path))
    with pytest.raises(FacebiasError, match=r"10 x 12; UTKFace's aligned chips are square"):
        Chip().box(10, 12)


def test_no_well_formed_name_is_an_error(tmp_path):
    picture(tmp_path / "portrait.jpg", 2)
    with pytest.raises(FacebiasError, match=r"MISSING.*found in .*portrait\.jpg"):
        list(UTKFace(tmp_path))
    with pytest.raises(FacebiasError, match=r"MISSING.*no folder utkface; found in .*portrait\.jpg"):
        list(UTKFace(tmp_path / "utkface"))


@pytest.mark.parametrize(
    "years, name",
    [
        (0, "0-2"),
        (2, "0-2"),
        (3, "3-9"),
        (9, "3-9"),
        (10, "10-19"),
        (69, "60-69"),
        (70, "more than 70"),
        (116, "more than 70"),
    ],
)
def test_ages_fall_into_fairface_bins(years, name):
    assert age_bin(years) == name


def test_real_subset(test_data: Path):
    source = UTKFace(test_data / "utkface")
    samples = list(source)
    assert len(samples) > 1000 and len({(s.race, s.gender) for s in samples}) == 10 and not source.counts
