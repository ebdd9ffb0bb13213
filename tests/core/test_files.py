"""Files are whole or absent, and proven to be what was written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from facebias.core import files
from facebias.core.errors import FacebiasError


def test_an_error_while_writing_leaves_the_old_file_and_no_temporary(tmp_path):
    path = tmp_path / "table.csv"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_full_disk_is_one_line_with_the_free_bytes(tmp_path):
    with pytest.raises(FacebiasError, match=r"No space left.*bytes free"), files.atomic_write(tmp_path / "a"):
        raise OSError(28, "No space left on device")


def test_a_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FacebiasError, match="cannot be written"):
        files.write_text(tmp_path / "file" / "a", "text")


@pytest.mark.parametrize("place", ["file", "file/below", "file/below/further"])
def test_a_place_that_cannot_be_written_to_is_found_before_work_and_nothing_is_made(tmp_path, place):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FacebiasError, match=r"\[WRITE\].*Not a directory"):
        files.refuse_unwritable(tmp_path / place)
    files.refuse_unwritable(tmp_path / "new/below")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("target", ["link", "disk/that/is/gone"])
def test_a_link_to_itself_or_to_nothing_is_found_before_work(tmp_path, target):
    (tmp_path / "link").symlink_to(tmp_path / target)
    for place in ("link", "link/below"):
        with pytest.raises(FacebiasError, match=r"\[WRITE\].*cannot be written"):
            files.refuse_unwritable(tmp_path / place)


def test_stale_temporaries_go_and_those_of_live_writers_stay(tmp_path):
    dead, live = tmp_path / ".x.4194999.abc.part", tmp_path / f".x.{os.getpid()}.abc.part"
    dead.touch()
    live.touch()
    assert files.sweep_stale(tmp_path) == 1
    assert live.exists() and not dead.exists()


KILLED = """
import os, signal, sys
from facebias.core import files
step = sys.argv[2]
real = getattr(os, step)
def killed(*words):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(os, step, killed)
files.write_text(sys.argv[1], "new" * 100_000)
"""


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_writer_that_is_killed_leaves_the_old_file_and_its_temporary_goes_at_the_next_start(tmp_path, step):
    path = tmp_path / "weights.pt"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), step], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL and path.read_text() == "old" and not done.stderr
    assert len(list(tmp_path.iterdir())) == 2 and files.sweep_stale(tmp_path) == 1
    assert [left.name for left in tmp_path.iterdir()] == ["weights.pt"]


SHORT = """
import resource, sys
import numpy, pandas, torch
from facebias.core import files
from facebias.core.errors import FacebiasError
from facebias.training.tensors import write_tensors
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
numbers = numpy.random.default_rng(0).random(99_999)
def table(path):
    with files.atomic_write(path) as temporary:
        pandas.DataFrame({"a": numbers}).to_parquet(temporary)
for name, write in (("w.pt", lambda path: write_tensors(path, torch.from_numpy(numbers))), ("t.parquet", table)):
    try:
        write(f"{sys.argv[1]}/{name}")
    except FacebiasError as error:
        print(error)
"""


def test_a_system_that_takes_no_more_bytes_is_one_line_whatever_library_writes(tmp_path):
    told = subprocess.run([sys.executable, "-c", SHORT, str(tmp_path)], capture_output=True, text=True)
    lines = told.stdout.splitlines()
    assert [line[:7] for line in lines] == ["[WRITE]"] * 2 and all("File too large" in line for line in lines), told
    assert not list(tmp_path.iterdir())
