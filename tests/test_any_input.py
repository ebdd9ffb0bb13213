"""Whatever is given to decoding, tables, names and settings: an answer, or the error that is documented."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facebias.core.config import Config
from facebias.core.csv import read_csv as read_own
from facebias.core.errors import FacebiasError
from facebias.core.label_files import label, lines, read_csv
from facebias.core.paths import file_name, inside
from facebias.data.archive import pictures, read_bytes
from facebias.data.pixels import read_rgb, square
from facebias.data.sources.base import Box
from facebias.training.predictions_file import read_table
from made import encoded, pixels

# Few examples: each is a file, and CI has other things to do. `make faults` and fuzzing by hand take more.
FEW = settings(max_examples=60)
KINDS = {kind: encoded(pixels(1, 40, 30), kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP")}
HEADER = "image,score,label,race\n"


def one_line(error: FacebiasError) -> bool:
    return "\n" not in str(error) and bool(error.code and error.what and error.mend)


@FEW
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=9),
    st.floats(0, 1),
)
def test_any_bytes_are_a_picture_or_a_documented_error(kind, changes, kept):
    data = bytearray(KINDS[kind])
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    data = bytes(data[: max(1, int(kept * len(data)))]) if kept < 0.5 else bytes(data)
    try:
        image = read_rgb(data, "x")
    except FacebiasError as error:
        assert error.code in ("IMAGE_FORMAT", "IMAGE_BROKEN", "IMAGE_SIZE", "IMAGE_MODE") and one_line(error)
    else:
        assert image.mode == "RGB" and np.asarray(image).dtype == np.uint8


@FEW
@given(st.floats(), st.floats(), st.floats())
def test_any_box_is_a_square_of_the_picture_or_refused(left, top, side):
    picture = read_rgb(KINDS["PNG"], "x")
    try:
        assert square(picture, Box(left, top, side), 64).shape == (64, 64, 3)
    except FacebiasError as error:
        assert error.code == "CROP" and one_line(error)


@FEW
@example(b"\xff\xfe\x00", ".csv")
@example(b"\x1f\x8b\x08\x00" + b"\x00" * 9, ".csv.gz")
@given(
    st.binary(max_size=80) | st.text(max_size=60).map(lambda text: (HEADER + text).encode()),
    st.sampled_from([".csv", ".csv.gz"]),
)
def test_any_bytes_are_a_table_or_a_documented_error(tmp_path_factory, data, suffix):
    path = tmp_path_factory.mktemp("any") / f"t{suffix}"
    path.write_bytes(data)
    for read in (lambda: list(lines(path)), lambda: list(read_csv(path, ("a",))), lambda: read_table(path)):
        try:
            read()
        except FacebiasError as error:
            assert one_line(error)
    try:
        read_own(path)
    except FacebiasError as error:
        assert one_line(error) and error.code == "CSV"


CELL = st.sampled_from(["0", "1", "nan", "inf", "1e400", "9" * 400, "", "-1", "0x1", "\N{SUPERSCRIPT TWO}", "true"])


@pytest.mark.filterwarnings("ignore")
@FEW
@given(st.lists(st.tuples(st.text("ab", max_size=2), CELL, CELL, st.text(max_size=4)), max_size=6))
def test_any_cells_are_scores_or_a_documented_error(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    cells = (",".join(cell.replace(",", "").replace('"', "") for cell in row) for row in rows)
    path.write_text(HEADER + "\n".join(cells), encoding="utf-8", errors="replace")
    try:
        assert np.isfinite(read_table(path)["score"]).all()
    except FacebiasError as error:
        assert one_line(error)


@FEW
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"PK\x03\x04" + tail))
def test_any_bytes_are_an_archive_or_a_documented_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "t.zip"
    path.write_bytes(data)
    try:
        for place in pictures(path).values():
            read_bytes(place)
    except FacebiasError as error:
        assert one_line(error)


@given(st.text())
def test_any_text_is_a_name_inside_of_its_folder(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    name = file_name(text)
    assert name not in ("", ".", "..") and os.sep not in name and len(os.fsencode(name)) <= 600
    assert inside(folder, name).parent == folder


@given(st.text())
def test_any_text_is_a_label_or_names_the_closest(text):
    try:
        assert label(text, ("Female", "Male"), "t.csv:2") in ("Female", "Male")
    except FacebiasError as error:
        assert error.code == "LABEL" and repr(text) in str(error)


VALUE = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(sorted(Config().as_dict())) | st.text(max_size=8), VALUE, max_size=4))
def test_any_settings_are_a_configuration_or_a_documented_error(values):
    try:
        config = Config.make(**values)
    except FacebiasError as error:
        assert error.code in ("CONFIG", "ARM", "MISSING", "PRIMARY") and error.what and error.mend
    else:
        assert Config.make(**config.as_dict()) == config and config.run_id and config.study_id
