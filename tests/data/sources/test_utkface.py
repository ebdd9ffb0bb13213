from __future__ import annotations

from pathlib import Path

import pytest

from facebias.core.errors import FacebiasError
from facebias.core.words import age_bin
from facebias.data.sources.utkface import UTKFace
from made import picture

GOOD = "26_1_2_20170116001519265.jpg.chip.jpg"


def test_labels_come_from_the_name(tmp_path):
    picture(tmp_path / "UTKFace" / GOOD, 1)
    (sample,) = UTKFace(tmp_path)
    assert (sample.age, sample.gender, sample.race, sample.crop) == ("20-29", "Female", "Asian", 1.0)
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
    assert name in source.left_out[0][0] and "age_gender_race_date" in source.left_out[0][1]


def test_no_well_formed_name_is_an_error(tmp_path):
    picture(tmp_path / "portrait.jpg", 2)
    with pytest.raises(FacebiasError, match="MISSING"):
        list(UTKFace(tmp_path))


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
