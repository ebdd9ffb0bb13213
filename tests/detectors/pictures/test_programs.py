"""A stored program of whole pictures: it answers, or it is one line; a stranger's ONNX takes no files and no memory."""

from __future__ import annotations

import numpy as np
import pytest

from facebias.core.errors import FacebiasError
from facebias.core.limits import memory_limit
from facebias.detectors.pictures import programs

BOX = [4.0, 4.0, 9.0, 9.0]
FLOAT, INT64 = 1, 7
PICTURE = np.zeros((12, 10, 3), np.uint8)


def varint(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protobuf message, which is what an ONNX file is."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, shape: list[int], values: bytes, kind: int = FLOAT) -> bytes:
    return b"".join(field(1, side) for side in shape) + field(2, kind) + field(8, name) + field(9, values)


def elsewhere(place: str) -> bytes:
    """Four numbers whose values lie in another file."""
    told = {"location": place, "offset": "0", "length": "16"}
    entries = b"".join(field(13, field(1, key) + field(2, value)) for key, value in told.items())
    return field(1, 1) + field(1, 4) + field(2, FLOAT) + field(8, "w") + entries + field(14, 1)


def node(does: str, takes: str, gives: str) -> bytes:
    return field(1, takes) + field(2, gives) + field(4, does)


def value(name: str, *sides: int | str) -> bytes:
    shape = b"".join(field(1, field(1 if isinstance(side, int) else 2, side)) for side in sides)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, shape)))


def model(weights: bytes, does: str = "Identity") -> bytes:
    """Boxes that the weights make, with the score 0.5, in any picture."""
    graph = field(1, node(does, "w", "boxes")) + field(1, node("Identity", "s", "scores")) + field(2, "g")
    graph += field(5, weights) + field(5, tensor("s", [1], np.float32(0.5).tobytes()))
    graph += field(11, value("x", 1, 3, "H", "W")) + field(12, value("boxes", "M", 4)) + field(12, value("scores", "M"))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


GOOD = tensor("w", [1, 4], np.array(BOX, np.float32).tobytes())
CLAIMS = tensor("w", [10**10, 4], b"1234")
GROWS = tensor("w", [2], np.array([2 * 10**8, 4]).tobytes(), INT64)  # 3.2 GB of zeros, made when it is called


@pytest.fixture
def load(tmp_path):
    pytest.importorskip("onnxruntime")

    def loaded(data: bytes):
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model" / "it.onnx").write_bytes(data)
        return programs.load_picture_program(tmp_path / "model" / "it.onnx")

    return loaded


def test_a_whole_program_finds_what_it_finds(load):
    detector = load(model(GOOD))
    (found,) = detector([PICTURE])
    assert found.boxes.tolist() == [BOX] and found.scores.tolist() == [0.5] and detector.name == "it"


@pytest.mark.parametrize("place", ["../other.bin", "/etc/hostname", "link.bin"])
def test_weights_outside_of_the_files_folder_are_not_read(load, tmp_path, place):
    (tmp_path / "other.bin").write_bytes(np.array(BOX, np.float32).tobytes())
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "link.bin").symlink_to(tmp_path / "other.bin")
    (tmp_path / "model" / "beside.bin").write_bytes(np.array(BOX, np.float32).tobytes())
    assert load(model(elsewhere("beside.bin")))([PICTURE])[0].boxes.tolist() == [BOX]
    with pytest.raises(FacebiasError, match="cannot be loaded"):
        load(model(elsewhere(place)))


@pytest.mark.parametrize("data", [b"", b"not one", model(GOOD)[:-90], model(CLAIMS), model(GOOD, "NoSuchThing")])
def test_what_is_no_program_or_claims_more_than_it_holds_is_one_line(load, data, capfd):
    with pytest.raises(FacebiasError, match="cannot be loaded") as error:
        load(data)
    assert "\n" not in str(error.value) and capfd.readouterr() == ("", "")


def test_a_program_that_wants_all_memory_fails_on_its_picture_alone(load, monkeypatch):
    monkeypatch.setattr(programs, "memory_limit", lambda: memory_limit(1 << 30))
    with pytest.raises(Exception, match="memory"):
        load(model(GROWS, "ConstantOfShape"))([PICTURE])
