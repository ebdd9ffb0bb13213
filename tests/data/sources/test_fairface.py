from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facebias.core.errors import FacebiasError
from facebias.data.pack.workers import decode
from facebias.data.sources import fairface_parquet
from facebias.data.sources.fairface import FairFace
from made import encoded, fairface, picture, pixels, refused, write


def test_reads_labels_of_train_and_val(tmp_path):
    fairface(tmp_path)
    picture(tmp_path / "val/1.jpg", 9)
    write(
        tmp_path / "fairface_label_val.csv",
        "file,age,gender,race,service_test\nval/1.jpg,more than 70,Male,Indian,False\n",
    )
    samples = list(FairFace(tmp_path))
    assert [s.image_id for s in samples] == [*(f"train/{i}.jpg" for i in range(1, 7)), "val/1.jpg"]
    last = samples[-1]
    assert (last.race, last.gender, last.age, last.identity, last.crop) == (
        "Indian",
        "Male",
        "more than 70",
        "val/1.jpg",
        1.0,
    )
    assert [s.image_id for s in FairFace(tmp_path, splits=("val",))] == ["val/1.jpg"]


def test_padding_125_is_cut_to_the_same_square(tmp_path):
    fairface(tmp_path)
    picture(tmp_path / "padding125/train/2.jpg", 9, 448, 448)
    source = FairFace(tmp_path, padding=1.25)
    (only,) = source
    assert only.path == tmp_path / "padding125/train/2.jpg" and only.crop == pytest.approx(192 / 448)
    assert source.counts == {"missing pictures": 5} and source.framing == "tight"


def test_reads_the_authors_zip_and_gzipped_labels(tmp_path):
    import gzip

    fairface(tmp_path)
    table = tmp_path / "fairface_label_train.csv"
    write(tmp_path / "fairface_label_train.csv.gz", gzip.compress(table.read_bytes()))
    table.unlink()
    with zipfile.ZipFile(tmp_path / "fairface-img-margin025-trainval.zip", "w") as archive:
        archive.write(tmp_path / "train/1.jpg", "train/1.jpg")
    (only,) = FairFace(tmp_path)
    assert only.member == "train/1.jpg" and only.where.endswith("fairface_label_train.csv.gz:2")


@pytest.mark.parametrize(
    "old, new, code, say",
    [
        ("White", "Wite", "LABEL", "unknown label 'Wite'. The closest known label is 'White'"),
        ("Female", "F", "LABEL", "fairface_label_train.csv:3: unknown label 'F'"),
        ("race", "ethnicity", "CSV_COLUMN", "Add race"),
        ("20-29", "3-Sep", "LABEL", "A spreadsheet has made a date of it"),
    ],
)
def test_names_the_fault_in_labels(tmp_path, old, new, code, say):
    path = fairface(tmp_path) / "fairface_label_train.csv"
    write(path, path.read_text().replace(old, new, 1))
    assert say in refused(FairFace(tmp_path), code)


def test_duplicate_rows_are_counted_and_a_conflict_fails(tmp_path):
    path = fairface(tmp_path) / "fairface_label_train.csv"
    lines = path.read_text().splitlines()
    write(path, "\n".join([*lines, lines[1]]) + "\n")
    source = FairFace(tmp_path)
    assert len(list(source)) == 6 and source.counts == {"duplicate rows": 1}
    write(path, "\n".join([*lines, lines[1].replace("20-29", "30-39")]) + "\n")
    assert "fairface_label_train.csv:8" in refused(FairFace(tmp_path), "CONFLICT")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("train/", "train\\"),
        ("train/", ""),
        ("train/", "/home/somebody/fairface/train/"),
        ("Female", "female "),
        ("Black", "BLACK"),
        ("\n", "\r\n"),
        (",service_test", ",SERVICE_TEST"),
    ],
)
def test_other_spellings_of_a_label_file_mean_the_same(tmp_path, old, new):
    path = fairface(tmp_path) / "fairface_label_train.csv"
    expected = [(s.image_id, s.gender, s.race) for s in FairFace(tmp_path)]
    write(path, path.read_text().replace(old, new))
    assert [(s.image_id, s.gender, s.race) for s in FairFace(tmp_path)] == expected


def test_kaggles_layout_is_read(tmp_path):
    root = fairface(tmp_path / "FairFace")
    (root / "fairface_label_train.csv").rename(root / "train_labels.csv")
    assert [s.image_id for s in FairFace(tmp_path)] == [f"train/{i}.jpg" for i in range(1, 7)]


def test_pictures_that_are_listed_and_not_there_are_named(tmp_path):
    fairface(tmp_path)
    (tmp_path / "train/2.jpg").unlink()
    source = FairFace(tmp_path)
    assert len(list(source)) == 5 and source.counts == {"missing pictures": 1}
    assert [(one.image_id, one.code, one.where[-6:]) for one in source.absent] == [("train/2.jpg", "MISSING", ".csv:3")]
    (tmp_path / "train/1.jpg").rename(tmp_path / "train/x.jpg")
    assert len(list(source)) == 4 and source.counts == {"missing pictures": 2, "pictures that no label file lists": 1}


def test_nothing_there(tmp_path):
    told = refused(FairFace(tmp_path), "MISSING")
    assert "facebias data fetch fairface" in told and "found in" in told
    fairface(tmp_path)
    assert "none of the 6" in refused(FairFace(tmp_path, padding=1.25), "MISSING")
    with pytest.raises(FacebiasError, match="0\\.5 was not published"):
        FairFace(tmp_path, padding=0.5)


def parquet(
    path: Path, rows: int = 5, metadata: dict | None = None, drop: str = "", side: int = 100, **more: list
) -> Path:
    columns = {
        "image": [{"bytes": encoded(pixels(i, side, side), "PNG"), "path": None} for i in range(rows)],
        "age": [i % 9 for i in range(rows)],
        "gender": [i % 2 for i in range(rows)],
        "race": [i % 7 for i in range(rows)],
        "service_test": [True] * rows,
    }
    columns |= more
    columns.pop(drop, None)
    table = pa.table(columns)
    if metadata:
        table = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=2)
    return path


def test_parquet_of_the_hub_is_read_row_by_row(tmp_path):
    parquet(tmp_path / "0.25/train-00000-of-00001.parquet")
    parquet(tmp_path / "0.25/validation-00000-of-00001.parquet", 2)
    samples = list(FairFace(tmp_path))
    assert [(s.race, s.gender, s.age) for s in samples[:3]] == [
        ("East Asian", "Male", "0-2"),
        ("Indian", "Female", "3-9"),
        ("Black", "Male", "10-19"),
    ]
    assert len({s.image_id for s in samples}) == 7
    decoded = decode(samples[:5], 100)
    assert not decoded.rejects and all((decoded.block.images[i] == pixels(i)).all() for i in range(5))


@pytest.mark.parametrize("folder", ["margin025", "padding025", "0.25"])
def test_mirrors_of_the_hub_are_read_with_words_and_other_names(tmp_path, folder):
    image = [{"bytes": encoded(pixels(i)), "path": f"{i}.jpg"} for i in range(2)]
    words = {"gender": ["male", "FEMALE"], "race": ["Latino Hispanic", "black"], "age": ["20-29", "more than 70"]}
    parquet(tmp_path / folder / "train-00000-of-00001.parquet", 2, drop="image", file=image, **words)
    found = [(s.gender, s.race, s.age) for s in FairFace(tmp_path)]
    assert found == [("Male", "Latino_Hispanic", "20-29"), ("Female", "Black", "more than 70")]


def test_a_folder_that_names_no_padding_is_told_by_the_published_size(tmp_path):
    path = parquet(tmp_path / "data/train-00000-of-00001.parquet", 2, side=224)
    assert len(list(FairFace(tmp_path))) == 2
    fairface_parquet._opened.cache_clear(), fairface_parquet._group.cache_clear()
    parquet(path, 2, side=448)
    assert "pictures of 448 x 448; FairFace of padding 0.25 has 224 x 224" in refused(FairFace(tmp_path), "SIZE")
    assert len(list(FairFace(tmp_path, padding=1.25))) == 2


def test_parquet_names_its_own_classes(tmp_path):
    names = {"info": {"features": {"gender": {"names": ["Female", "Male"], "_type": "ClassLabel"}}}}
    path = parquet(tmp_path / "x.parquet", metadata=names)
    assert [s.gender for s in fairface_parquet.samples(path, 1.0)][:2] == ["Female", "Male"]


def test_parquet_faults(tmp_path):
    bad = parquet(tmp_path / "a.parquet", drop="race")
    assert "Add race" in refused(fairface_parquet.samples(bad, 1.0), "PARQUET")
    cut = write(tmp_path / "b.parquet", parquet(tmp_path / "c.parquet").read_bytes()[:-20])
    assert "not a whole parquet file" in refused(fairface_parquet.samples(cut, 1.0), "PARQUET")
    nine = {"info": {"features": {"race": {"names": ["one"]}}}}
    odd = parquet(tmp_path / "d.parquet", metadata=nine)
    assert "row 1: unknown class 1" in refused(fairface_parquet.samples(odd, 1.0), "LABEL")
    paths = parquet(tmp_path / "f.parquet", image=["1.jpg"] * 5)
    assert "column image with the pictures' bytes" in refused(fairface_parquet.samples(paths, 1.0), "PARQUET")
    for number, text in enumerate(("[]", '{"info": []}', "{", '{"info": {"features": {"race": {"names": [1]}}}}')):
        odd = parquet(tmp_path / f"m{number}.parquet", metadata={})
        table = pq.read_table(odd).replace_schema_metadata({"huggingface": text})
        pq.write_table(table, odd)
        assert "huggingface" in (told := refused(fairface_parquet.samples(odd, 1.0), "PARQUET")) or "no text" in told
    with pytest.raises(FacebiasError, match="the file has 5 rows"):
        fairface_parquet.picture_bytes(parquet(tmp_path / "e.parquet"), 5)


def test_real_subset(test_data: Path):
    samples = list(FairFace(test_data / "fairface"))
    assert len(samples) > 500 and len({s.race for s in samples}) == 7
    wide = list(FairFace(test_data / "fairface", padding=1.25))
    # Same photographs through both paddings: the crops agree
    tight = {s.image_id: s for s in samples}
    pairs = [(tight[w.image_id], w) for w in wide[:20]]
    a, b = (decode([pair[i] for pair in pairs], 64).block.images.astype(float) for i in range(2))
    assert abs(a - b).mean() < 4
