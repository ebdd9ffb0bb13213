from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import facebias.data.pack
from facebias.core.errors import FacebiasError
from facebias.core.files import read_json
from facebias.core.manifest import manifest_path
from facebias.core.profiles import profile
from facebias.data.dataset import FaceDataset, warn_on_framing
from facebias.data.pack import pack_audit, pack_training
from facebias.data.sources.base import TABLE_COLUMNS
from made import encoded, pixels, write


def load(paths: dict[str, Path]) -> dict[str, FaceDataset]:
    return {split: FaceDataset.load(path) for split, path in paths.items()}


def test_packs_every_image_once_in_rgb_with_its_row(config):
    sets = load(pack_training(config))
    table = pd.concat([d.table for d in sets.values()])
    assert len(table) == 40 + 60 and table["image_id"].is_unique and tuple(table.columns) == TABLE_COLUMNS
    dataset = sets["train"]
    row = dataset.table[dataset.table["label"] == 1].iloc[0]
    assert row["where"].startswith("celeba/list_attr_celeba.txt:") and row["gender"] in ("Female", "Male")
    source = Image.open(Path(config.data_root) / "celeba/img_align_celeba" / row["image_id"])
    expected = np.asarray(source.resize((64, 64), Image.Resampling.LANCZOS, box=(34, 76, 145, 187)))
    assert np.array_equal(dataset.images[dataset.faces[0]], expected)


def test_no_identity_is_in_two_splits(config):
    sets = load(pack_training(config))
    for label, count in ((1, 20), (0, 30)):
        groups = [set(d.table["identity"][d.labels == label]) for d in sets.values()]
        assert sum(map(len, groups)) == len(set().union(*groups)) == count


def test_attributes_say_source_and_framing(config):
    attrs = load(pack_training(config))["test"].attrs
    assert attrs["source"] == "celeba+folder" and attrs["framing"] == "tight" and attrs["split"] == "test"
    assert "Box(34, 76, 111)" in attrs["framing_rules"] and attrs["image_size"] == 64 and attrs["synthetic"] is False
    assert FaceDataset.load(pack_audit(config, "fairface")).attrs["framing"] == "tight"


def test_manifest_counts_what_happened(config):
    paths = pack_training(config)
    manifest = read_json(manifest_path(paths["train"]))
    assert manifest["bytes"] == paths["train"].stat().st_size and manifest["split"] == "train"
    counts = [read_json(manifest_path(path))["counts"] for path in paths.values()]
    assert sum(c["faces"] for c in counts) == 40 and sum(c["negatives"] for c in counts) == 60
    assert sum(c["pictures of negatives"] for c in counts) == 30 and manifest["packing"]["rejected"] == 0


def test_a_finished_file_is_found_again(config, monkeypatch):
    first = pack_training(config)
    monkeypatch.setattr(facebias.data.pack, "_pack", lambda *_: pytest.fail("packed twice"))
    assert pack_training(config) == first


def test_same_inputs_same_bytes_on_any_disk_and_with_any_workers(config, tmp_path):
    first = pack_training(config)
    shutil.copytree(config.data_root, tmp_path / "elsewhere")
    again = pack_training(config.with_(data_root=str(tmp_path / "elsewhere"), data_dir=str(tmp_path / "p2"), workers=2))
    assert all(first[split].read_bytes() == again[split].read_bytes() for split in first)


def test_duplicates_are_dropped_across_splits_and_counted(config):
    root = Path(config.data_root)
    folder = root / "celeba/img_align_celeba"
    shutil.copy(folder / "000001.jpg", folder / "000002.jpg")  # another person's line, the same file
    Image.open(folder / "000003.jpg").save(folder / "000004.jpg", quality=100, subsampling=0)  # re-encoded: kept
    shutil.copy(root / "nonfaces/class0/0.jpg", root / "nonfaces/class1/copy.jpg")  # the same file, other crops
    sets = load(pack_training(config))
    ids = set().union(*(d.table["image_id"] for d in sets.values()))
    assert "000001.jpg" in ids and "000002.jpg" not in ids and "000004.jpg" in ids
    packing = read_json(manifest_path(sets["train"].path))["packing"]
    assert packing["duplicates dropped"] == {"celeba": 1, "folder": 2}


def test_the_same_pixels_as_face_and_as_non_face_are_refused(config, monkeypatch):
    root = Path(config.data_root)
    for name in ("celeba/img_align_celeba/000001.jpg", "nonfaces/class0/0.jpg"):
        write(root / name, encoded(np.full((218, 178, 3), 90, np.uint8), "PNG"))
    with pytest.raises(FacebiasError, match="CONFLICT"):
        pack_training(config)


def test_unreadable_pictures_past_the_share_stop_packing_and_are_listed(config):
    write(Path(config.data_root) / "celeba/img_align_celeba/000005.jpg", "text")
    with pytest.raises(FacebiasError, match=r"1 of 100 pictures cannot be read, over 0\.10%.*found text"):
        pack_training(config)
    packed = config.path("data")
    assert [p.name for p in packed.iterdir()] == [f"{config.data_key}-rejects.csv"]
    (row,) = csv.DictReader((packed / f"{config.data_key}-rejects.csv").read_text().splitlines())
    assert row["image_id"] == "000005.jpg" and row["code"] == "IMAGE_FORMAT"
    assert row["where"].endswith("list_attr_celeba.txt:7")


def test_unreadable_pictures_within_the_share_are_left_out(config):
    write(Path(config.data_root) / "celeba/img_align_celeba/000005.jpg", encoded(pixels(1))[:500])
    sets = load(pack_training(config, reject_share=0.02))
    assert sum(len(d) for d in sets.values()) == 99
    assert read_json(manifest_path(sets["train"].path))["packing"]["rejected"] == 1


def test_rejects_are_inert_in_a_spreadsheet(config):
    write(Path(config.data_root) / "nonfaces/=cmd|x.jpg", "text")
    pack_training(config, reject_share=0.5)
    rows = list(csv.reader((config.path("data") / f"{config.data_key}-rejects.csv").read_text().splitlines()))
    assert rows[1][0].startswith("'=cmd|x.jpg")


def test_a_copy_that_names_no_persons_is_packed_with_a_warning_that_is_recorded(config):
    (Path(config.data_root) / "celeba/identity_CelebA.txt").unlink()
    with pytest.warns(UserWarning, match="celeba: no identity_CelebA: each picture counts as its own person"):
        path = pack_training(config)["train"]
    about = read_json(manifest_path(path))
    assert (
        len(about["packing"]["notes"]["celeba"]) == 1 and about["counts"]["face identities"] == about["counts"]["faces"]
    )


def test_caps_are_met_and_seeded(config):
    capped = config.with_(train_size=25, negative_size=30)
    sets = load(pack_training(capped))
    assert sum(len(d.faces) for d in sets.values()) == 25 and sum(len(d.negatives) for d in sets.values()) == 30
    assert len(FaceDataset.load(pack_audit(config.with_(audit_size=3), "fairface"))) == 3


def test_an_empty_split_is_refused(config):
    with pytest.raises(FacebiasError, match="SPLIT"):
        pack_training(config.with_(train_size=1))
    assert not list(config.path("data").glob("*.h5"))


def test_another_tone_is_another_file_that_says_so(config):
    other = config.with_(tone="normalised")
    assert other.data_key != config.data_key and other.audit_key("fairface") != config.audit_key("fairface")
    plain, normalised = (FaceDataset.load(pack_audit(one, "fairface")) for one in (config, other))
    assert "tone" not in plain.attrs and normalised.attrs["tone"] == "normalised"
    assert np.array_equal(plain.images, normalised.images)
    assert plain.table["ita"].notna().equals(normalised.table["ita"].notna())
    assert (plain.table["ita"] != normalised.table["ita"])[plain.table["ita"].notna()].all()


def test_the_training_photographs_cannot_audit(config):
    with pytest.raises(FacebiasError, match="trained on too"):
        pack_audit(config.with_(train_faces="fairface"), "fairface")


def test_an_unwritable_folder_fails_before_any_work(config, tmp_path, monkeypatch):
    monkeypatch.setattr(facebias.data.pack, "select", lambda *_: pytest.fail("worked first"))
    write(tmp_path / "file", "x")
    with pytest.raises(FacebiasError, match="WRITE"):
        pack_training(config.with_(data_dir=str(tmp_path / "file")))


def test_a_full_disk_is_found_before_decoding(config, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1000))
    with pytest.raises(FacebiasError, match="bytes needed, 1,000 free"):
        pack_training(config)


def test_the_raw_folder_is_never_written_to(config):
    before = sorted(str(p) for p in Path(config.data_root).rglob("*"))
    pack_training(config)
    assert sorted(str(p) for p in Path(config.data_root).rglob("*")) == before


SLOW = """
import sys, time
import facebias.data.pack.selection, facebias.data.pack
from facebias.core.config import Config
real = facebias.data.pack.in_order
def slow(*a):
    for d in real(*a):
        yield d
        print("decoded", flush=True)
        time.sleep(60)
facebias.data.pack.in_order = slow
import json
facebias.data.pack.pack_training(Config.make(**json.loads(sys.argv[1])))
"""


def test_killed_while_packing_leaves_no_file_and_a_rerun_goes_through(config):
    command = [sys.executable, "-c", SLOW, json.dumps(config.as_dict())]
    quiet = os.environ | {"FACEBIAS_QUIET": "1"}  # a busy machine takes long enough for a line of progress
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=quiet)
    assert process.stdout.readline() == "decoded\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    left = [path for path in config.path("data").iterdir() if path.is_file()]  # the folder of shards stays
    assert left and all(p.name.startswith(".") and p.suffix == ".part" for p in left)
    assert sum(len(d) for d in load(pack_training(config)).values()) == 100
    assert not [p for p in config.path("data").iterdir() if p.suffix == ".part"]


def test_killed_between_file_and_manifest_is_packed_again(config):
    paths = pack_training(config)
    manifest_path(paths["test"]).unlink()
    with pytest.raises(FacebiasError, match="UNFINISHED"):
        FaceDataset.load(paths["test"])
    assert load(pack_training(config))["test"]


def test_another_framing_rule_is_not_taken_for_finished(config, monkeypatch):
    pack_training(config)
    monkeypatch.setattr("facebias.data.sources.celeba.RULE", "another rule")
    with pytest.raises(FacebiasError, match=r"STALE.*another rule"):
        pack_training(config)
    shutil.rmtree(config.data_root)  # packed files travel without the raw ones
    assert pack_training(config)


def test_an_altered_file_is_an_error_not_a_silent_repack(config):
    path = pack_training(config)["train"]
    with h5py.File(path, "r+") as file:
        file.attrs["framing"] = "loose"
    with pytest.raises(FacebiasError, match="HASH"):
        pack_training(config)


def test_rendered_faces_pack_with_their_factors(tiny):
    config = tiny.with_(train_size=60, negative_size=60, audit_size=12)
    sets = load(pack_training(config))
    audit = FaceDataset.load(pack_audit(config, "synthetic"))
    assert sum(len(d.faces) for d in sets.values()) == 60 and len(audit) == 12 and audit.attrs["synthetic"] is True
    factors = [name for name in audit.table if name.startswith("factor_")]
    assert factors and audit.table["ita"].notna().all()
    assert not set(audit.table["identity"]) & set().union(*(d.table["identity"] for d in sets.values()))


def test_rendered_sets_need_a_number(tiny):
    with pytest.raises(FacebiasError, match="rendered images have no end"):
        pack_training(tiny.with_(train_size=0))


def test_real_photographs_pack_with_one_framing(test_data, tmp_path):
    config = profile(
        "tiny",
        train_faces="celeba",
        negatives="folder",
        audit_sets="utkface",
        data_root=str(test_data),
        data_dir=str(tmp_path),
        train_size=400,
        negative_size=400,
        audit_size=400,
    )
    train = FaceDataset.load(pack_training(config)["train"])
    audit = FaceDataset.load(pack_audit(config, "utkface"))
    means = [d.images[d.faces].mean(axis=(0, 3)) for d in (train, audit)]
    # Mean faces agree where one convention holds; five pixels off in height they correlate at about 0.1
    from scipy.ndimage import gaussian_filter

    details = [(gaussian_filter(m, 1) - gaussian_filter(m, 6))[6:-6, 6:-6].ravel() for m in means]
    assert np.corrcoef(details)[0, 1] > 0.7


def test_the_labs_file_gives_both_and_warns_of_its_framing(config, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (80, 64, 64, 3), np.uint8)
    (tmp_path / "raw/lab").mkdir()
    with h5py.File(tmp_path / "raw/lab/train_face.h5", "w") as file:
        file["images"], file["labels"] = images, (np.arange(80) % 2)[:, None]
    config = config.with_(train_faces="lab", negatives="lab", train_size=30, negative_size=40)
    sets = load(pack_training(config))
    assert sum(len(d.faces) for d in sets.values()) == 30 and sum(len(d.negatives) for d in sets.values()) == 40
    row = int(sets["train"].table["image_id"][0].split(":")[1])
    assert np.array_equal(sets["train"].images[0], images[row, :, :, ::-1])
    with pytest.warns(UserWarning, match="framing differs"):
        warn_on_framing(sets["train"], FaceDataset.load(pack_audit(config, "fairface")))
