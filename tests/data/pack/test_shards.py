"""A packing that is killed goes on from what it has decoded, and packs the very bytes of one that is not."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from facebias.core.manifest import recorded_sha256
from facebias.core.profiles import profile
from facebias.data.pack import pack_training, workers
from facebias.data.pack.shards import resumed
from facebias.data.pack.workers import in_order
from facebias.data.sources.base import Block


class Counted:
    """`decode` as it is, until the call at which it is killed."""

    def __init__(self, monkeypatch):
        self.calls, self.dies_at, self.decode = 0, 0, workers.decode
        monkeypatch.setattr(workers, "decode", self)

    def __call__(self, *args):
        self.calls += 1
        if self.calls == self.dies_at:
            raise KeyboardInterrupt
        return self.decode(*args)

    def again(self, dies_at=0):
        self.calls, self.dies_at = 0, dies_at


@pytest.fixture
def decoded(monkeypatch):
    return Counted(monkeypatch)


def blocks(count, seed=0):
    """Items of two images of noise, non-faces."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        table = pd.DataFrame({"image_id": [f"{number}/a", f"{number}/b"], "label": 0, "age": ["", "20-29"]})
        yield Block(rng.integers(0, 256, (2, 64, 64, 3), np.uint8), table)


def run(folder, items):
    return list(resumed(items, folder, partial(in_order, size=64, workers=1)))


def test_what_was_decoded_before_a_kill_is_read_and_the_rest_decoded(tmp_path, decoded):
    straight = run(tmp_path / "straight", blocks(5))
    decoded.again(dies_at=4)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", blocks(5))
    decoded.again()
    for found, expected in zip(run(tmp_path / "killed", blocks(5)), straight, strict=True):
        np.testing.assert_array_equal(found.block.images, expected.block.images)
        pd.testing.assert_frame_equal(found.block.table, expected.block.table, check_dtype=False)
        assert (found.pixels, found.files, found.rejects) == (expected.pixels, expected.files, expected.rejects)
        assert found.mended == expected.mended
    assert decoded.calls == 2


def test_shards_of_other_items_and_damaged_ones_are_not_used(tmp_path, decoded):
    run(tmp_path, blocks(4))
    decoded.again()
    run(tmp_path, blocks(4))
    assert decoded.calls == 0
    run(tmp_path, blocks(4, seed=1))
    assert decoded.calls == 4
    decoded.again()
    shard = sorted(tmp_path.glob("*.npz"))[2]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    run(tmp_path, blocks(4, seed=1))
    assert decoded.calls == 2


def test_a_killed_packing_packs_the_same_bytes_and_leaves_no_shards(tmp_path, decoded):
    straight, killed = (profile("tiny", data_dir=str(tmp_path / name)) for name in ("straight", "killed"))
    expected = pack_training(straight)
    decoded.again(dies_at=2)  # faces are one item, and non-faces another
    with pytest.raises(KeyboardInterrupt):
        pack_training(killed)
    assert not list((tmp_path / "killed").glob("*.h5"))
    decoded.again()
    found = pack_training(killed)
    assert decoded.calls == 1
    assert {split: recorded_sha256(path) for split, path in found.items()} == {
        split: recorded_sha256(path) for split, path in expected.items()
    }
    assert not list((tmp_path / "killed").glob("*decoded*"))
