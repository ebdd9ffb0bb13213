"""Pictures that a label file lists and that are not there: of a broken copy, or of a set cut on purpose."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from facebias.core.errors import FacebiasError
from facebias.core.files import read_json
from facebias.core.manifest import manifest_path
from facebias.data.dataset import FaceDataset
from facebias.data.pack import pack_audit


@pytest.mark.filterwarnings("ignore:fairface. 1 missing pictures")
def test_pictures_that_are_listed_and_not_there_count_as_rejects(config):
    (Path(config.data_root) / "fairface/train/1.jpg").unlink()
    with pytest.raises(FacebiasError, match=r"1 of 6 pictures cannot be read, over 0\.10%.*no picture train/1\.jpg"):
        pack_audit(config, "fairface")
    with pytest.warns(UserWarning, match="fairface: 1 missing pictures, left out"):
        path = pack_audit(config, "fairface", reject_share=0.5)
    assert read_json(manifest_path(path))["packing"]["left out"] == {"fairface": {"missing pictures": 1}}
    (row,) = csv.DictReader((path.parent / f"{config.audit_key('fairface')}-rejects.csv").read_text().splitlines())
    assert (row["image_id"], row["code"], row["where"][-6:]) == ("train/1.jpg", "MISSING", ".csv:2")


@pytest.mark.filterwarnings(
    "ignore:fairface. 5 missing pictures", "ignore:fairface. 1 pictures that no label file lists"
)
def test_a_few_pictures_beside_their_whole_label_files_are_a_subset_where_all_of_them_are_listed(config):
    train = Path(config.data_root) / "fairface/train"
    for number in (3, 4, 5, 6):
        (train / f"{number}.jpg").unlink()
    with pytest.warns(UserWarning, match="fairface: 4 missing pictures, left out; the 2 that are there are a subset"):
        path = pack_audit(config, "fairface")
    rejects = (path.parent / f"{config.audit_key('fairface')}-rejects.csv").read_text()
    assert len(FaceDataset.load(path)) == 2 and rejects.count("MISSING") == 4
    path.unlink()
    (train / "1.jpg").rename(train / "x.jpg")
    with pytest.raises(FacebiasError, match="5 of 6 pictures cannot be read"):
        pack_audit(config, "fairface")
