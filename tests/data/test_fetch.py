from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import facebias.data.fetch
from facebias.core.errors import FacebiasError
from facebias.data.fetch import BY_HAND, PINS, SETS, Remote, download, fetch

DATA = bytes(range(256)) * 4000
HUB = "/api/datasets/HuggingFaceM4/FairFace/tree/main/0.25"


class Server(ThreadingHTTPServer):
    """Files on loopback with Range and If-Range; `cut` ends the next answer early, `asked` keeps the ranges."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/f.bin": DATA}
        self.asked: list[str | None] = []
        self.cut = 0
        self.ranges = True

    def url(self, path: str = "/f.bin") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        data = self.server.files.get(self.path)
        self.server.asked.append(self.headers.get("Range"))
        if data is None:
            return self.send_error(404)
        tag, start = f'"{hashlib.md5(data).hexdigest()}"', 0
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match and self.server.ranges and self.headers.get("If-Range") == tag:
            start = int(match[1])
            if start >= len(data):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("ETag", tag)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a client that has seen enough hangs up
            self.wfile.write(data[start:][: self.server.cut or None])
        self.server.cut = 0

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def remote(server: Server, **more) -> Remote:
    return Remote(server.url(), "f.bin", **more)


def refused(code: str, *args) -> str:
    with pytest.raises(FacebiasError) as caught:
        download(*args)
    assert caught.value.code == code, caught.value
    return str(caught.value)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_downloads_and_checks_a_published_checksum(server, tmp_path, algorithm):
    digest = hashlib.new(algorithm, DATA).hexdigest()
    path = download(remote(server, algorithm=algorithm, digest=digest), tmp_path)
    assert path.read_bytes() == DATA and sorted(p.name for p in tmp_path.iterdir()) == [PINS, "f.bin"]
    pin = json.loads((tmp_path / PINS).read_text())["f.bin"]
    assert pin["published"] == f"{algorithm} {digest}" and pin["sha256"] == hashlib.sha256(DATA).hexdigest()


def test_a_checksum_that_differs_leaves_nothing_behind(server, tmp_path):
    said = refused("CHECKSUM", remote(server, algorithm="md5", digest="0" * 32), tmp_path)
    assert "published is 000" in said and not (tmp_path / "f.bin").exists() and not (tmp_path / "f.bin.part").exists()


def test_an_interrupted_download_goes_on_where_it_stopped(server, tmp_path):
    server.cut = 300_000
    assert "300,000 bytes" in refused("INTERRUPTED", remote(server), tmp_path)
    assert not (tmp_path / "f.bin").exists()
    assert download(remote(server), tmp_path).read_bytes() == DATA
    assert server.asked == [None, "bytes=300000-"]


def test_a_file_that_changed_meanwhile_is_not_appended_to(server, tmp_path):
    server.cut = 300_000
    refused("INTERRUPTED", remote(server), tmp_path)
    server.files["/f.bin"] = DATA[::-1]
    assert download(remote(server), tmp_path).read_bytes() == DATA[::-1]


def test_a_server_without_ranges_sends_it_whole(server, tmp_path):
    server.cut = 300_000
    refused("INTERRUPTED", remote(server), tmp_path)
    server.ranges = False
    assert download(remote(server), tmp_path).read_bytes() == DATA


def test_a_part_that_is_whole_already_is_finished(server, tmp_path):
    server.cut = 300_000
    refused("INTERRUPTED", remote(server), tmp_path)
    (tmp_path / "f.bin.part").write_bytes(DATA)
    assert download(remote(server), tmp_path).read_bytes() == DATA


def test_a_file_that_is_there_is_checked_and_kept(server, tmp_path):
    digest = hashlib.md5(DATA).hexdigest()
    (tmp_path / "f.bin").write_bytes(DATA)
    download(remote(server, algorithm="md5", digest=digest), tmp_path)
    assert server.asked == []
    (tmp_path / "f.bin").write_bytes(DATA[1:])
    assert "Delete it" in refused("CHECKSUM", remote(server, algorithm="md5", digest=digest), tmp_path)
    assert (tmp_path / "f.bin").exists()  # what the user has is never deleted


def test_without_a_published_checksum_the_first_one_is_pinned_and_held(server, tmp_path, capsys):
    download(remote(server), tmp_path)
    assert hashlib.sha256(DATA).hexdigest() in capsys.readouterr().out
    (tmp_path / "f.bin").unlink()
    server.files["/f.bin"] = DATA[::-1]
    assert f"pinned in {PINS}" in refused("CHECKSUM", remote(server), tmp_path)


def test_not_found_no_connection_and_quota_say_what_to_do(server, tmp_path):
    assert "404" in refused("FETCH", Remote(server.url("/none"), "f.bin"), tmp_path, BY_HAND["celeba"])
    server.files["/f.bin"] = b"<!DOCTYPE html><html>Quota exceeded</html>"
    assert "CelebA.html" in refused("QUOTA", remote(server), tmp_path, BY_HAND["celeba"])
    url = server.url()
    server.server_close()
    server.shutdown()
    assert "no connection" in refused("NETWORK", Remote(url, "f.bin"), tmp_path)
    assert not (tmp_path / "f.bin").exists()


def test_fairface_comes_from_the_hub_with_its_checksums(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url(""))
    name = "0.25/train-00000-of-00001.parquet"
    listing = [
        {"type": "file", "path": name, "lfs": {"oid": hashlib.sha256(DATA).hexdigest()}},
        {"path": "0.25/README.md"},
    ]
    server.files = {HUB: json.dumps(listing).encode(), f"/datasets/HuggingFaceM4/FairFace/resolve/main/{name}": DATA}
    assert fetch("fairface", tmp_path) == [tmp_path / "fairface" / name]
    server.files[HUB] = b"{}" * 2
    with pytest.raises(FacebiasError, match="not the hub's list"):
        fetch("fairface", tmp_path)


def test_celeba_takes_ids_and_checksums_from_torchvision():
    remotes = SETS["celeba"][1]()
    assert {"img_align_celeba.zip", "list_attr_celeba.txt", "identity_CelebA.txt", "list_eval_partition.txt"} <= {
        r.name for r in remotes
    }
    assert all(r.algorithm == "md5" and re.fullmatch("[0-9a-f]{32}", r.digest) for r in remotes)


@pytest.mark.parametrize("name", ["utkface", "ppb", "nonfaces"])
def test_sets_behind_a_form_say_what_to_do_by_hand(tmp_path, name):
    with pytest.raises(FacebiasError, match=f"data/raw/{name}"):
        fetch(name, tmp_path)


def test_an_unknown_set_lists_the_known(tmp_path):
    with pytest.raises(FacebiasError, match="Use one of celeba, fairface"):
        fetch("celebs", tmp_path)


def test_a_full_disk_is_found_before_the_transfer(server, tmp_path, monkeypatch):
    monkeypatch.setattr(facebias.data.fetch.shutil, "disk_usage", lambda _: type("U", (), {"free": 10}))
    assert "10 free" in refused("DISK", remote(server), tmp_path)


def test_every_set_has_a_way_by_hand():
    assert {folder for folder, _ in SETS.values()} <= set(BY_HAND)


@pytest.mark.parametrize("path", ["../escaped.parquet", "/tmp/escaped.parquet"])
def test_what_the_hub_calls_a_file_never_leads_out_of_the_folder(server, tmp_path, monkeypatch, path):
    monkeypatch.setenv("HF_ENDPOINT", server.url(""))
    entry = {"path": path, "lfs": {"oid": hashlib.sha256(DATA).hexdigest()}}
    server.files[HUB] = json.dumps([entry]).encode()
    with pytest.raises(FacebiasError, match="leads out of"):
        fetch("fairface", tmp_path / "raw")
    assert not list(tmp_path.rglob("*.parquet*"))
