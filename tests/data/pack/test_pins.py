"""Raw pictures are held to the bytes that they had when they were first read."""

from __future__ import annotations

from pathlib import Path

import pytest

from facebias.core.errors import FacebiasError
from facebias.data.pack import pack_training
from facebias.data.pack.pins import Pins


def test_a_bit_that_flipped_since_the_first_packing_is_found(config):
    pack_training(config)
    path = Path(config.data_root) / "celeba/img_align_celeba/000007.jpg"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(FacebiasError, match=r"HASH.*000007\.jpg!: bytes differ from when first read"):
        pack_training(config.with_(data_seed=1))


def test_pictures_are_known_by_their_place_under_the_raw_folder_on_any_disk(tmp_path):
    first = Pins(tmp_path / "pins.csv", tmp_path / "here")
    assert first.holds(f"{tmp_path}/here/a.jpg!", b"one") and not first.holds(f"{tmp_path}/here/a.jpg!", b"two")
    first.write()
    moved = Pins(tmp_path / "pins.csv", tmp_path / "there")
    assert moved.holds(f"{tmp_path}/there/a.jpg!", b"one") and not moved.holds(f"{tmp_path}/there/a.jpg!", b"two")
