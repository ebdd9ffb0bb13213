"""Pictures and small data sets in their official layouts, made for tests: noise and gradients, no photographs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facebias.core.errors import FacebiasError


def refused(source, code: str) -> str:
    """The message with which reading all of a source, or of a table's rows, is refused under this code."""
    with pytest.raises(FacebiasError) as caught:
        list(source)
    assert caught.value.code == code, caught.value
    return str(caught.value)


def pixels(seed: int, width: int = 100, height: int = 100) -> np.ndarray:
    """uint8 (height, width, 3): a smooth random picture, another for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def encoded(image: np.ndarray | Image.Image, kind: str = "JPEG", **options) -> bytes:
    """The bytes of a picture file."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def picture(path: Path, seed: int, width: int = 100, height: int = 100) -> Path:
    return write(path, encoded(pixels(seed, width, height)))


def celeba(root: Path, count: int = 12, people: int = 4, size: tuple[int, int] = (178, 218)) -> Path:
    names = [f"{i:06d}.jpg" for i in range(1, count + 1)]
    for i, name in enumerate(names):
        picture(root / "img_align_celeba" / name, i, *size)
    rows = [f"{name} {1 if i % 3 == 0 else -1:2d} -1" for i, name in enumerate(names)]
    write(root / "list_attr_celeba.txt", "\n".join([str(count), "Male Young ", *rows]) + "\n")
    write(root / "identity_CelebA.txt", "".join(f"{name} {i % people + 1}\n" for i, name in enumerate(names)))
    write(root / "list_eval_partition.txt", "".join(f"{name} {i % 3}\n" for i, name in enumerate(names)))
    return root


def fairface(root: Path, count: int = 6, start: int = 100) -> Path:
    rows = ["file,age,gender,race,service_test"]
    for i in range(1, count + 1):
        picture(root / "train" / f"{i}.jpg", start + i)
        rows.append(f"train/{i}.jpg,20-29,{('Female', 'Male')[i % 2]},{('Black', 'White', 'Indian')[i % 3]},True")
    write(root / "fairface_label_train.csv", "\n".join(rows) + "\n")
    return root


def nonfaces(root: Path, count: int = 8, start: int = 200) -> Path:
    for i in range(count):
        picture(root / f"class{i % 2}" / f"{i}.jpg", start + i, 140, 100)
    return root


def raw(root: Path) -> Path:
    """data/raw in small: celeba, fairface and nonfaces."""
    celeba(root / "celeba", 40, 20)
    fairface(root / "fairface")
    nonfaces(root / "nonfaces", 30)
    return root


def untrained_run(config, seed=0, model="standard_cnn"):
    """A run with initial weights, finished as the training stage would leave it."""
    # here: most tests that make pictures need no torch
    import torch

    from facebias.core.files import write_json
    from facebias.core.manifest import write_manifest
    from facebias.detectors.networks import build_model
    from facebias.training.run import WEIGHTS_SCHEMA, Run, architecture_of

    config = config.with_(model=model, seed=seed)
    run = Run.of(config)
    write_json(run.path / "config.json", config.as_dict())
    torch.save(build_model(config).state_dict(), run.path / "weights.pt")
    write_manifest(run.path / "weights.pt", WEIGHTS_SCHEMA, 1, config.run_id, architecture=architecture_of(config))
    write_json(run.path / "DONE.json", {})
    return run


PPB_HEADER = "id,filename,gender,numeric,bi.fitz,country\n"


def ppb(root, boxes=True, ends="\n"):
    rows = ["1,a.jpg,Female,6,Darker,Rwanda", "2,b.jpg,male,1,lighter,Iceland", "3,c.jpg,Male,5,Darker,Senegal"]
    write(root / "PPB-2017-metadata.csv", (PPB_HEADER + "\n".join(rows) + "\n").replace("\n", ends))
    for seed, name in enumerate("abc"):
        picture(root / f"imgs/{name}.jpg", seed, 300, 400)
    if boxes:
        write(root / "boxes.csv", "filename,x1,y1,x2,y2\na.jpg,100,50,200,170\nb.jpg,0,0,10,10\nc.jpg,5,5,25.5,25\n")
    return root


def face_set(seed=0, count=64, side=64):
    """Faces are bright in the middle, negatives are not: a few steps learn it."""
    # here: most tests that make pictures need no packed set
    import pandas as pd

    from facebias.data.dataset import FaceDataset

    rng = np.random.default_rng(seed)
    images = rng.integers(0, 100, (count, side, side, 3), dtype=np.uint8)
    labels = (np.arange(count) % 2).astype(np.uint8)
    images[labels == 1, 24:40, 24:40] += 120
    return FaceDataset(images, labels, pd.DataFrame({"image_id": np.arange(count)}), {}, Path("made.h5"))


def own_folder(root):
    """A folder of somebody's own: four pictures of three people, with a group that no other set has."""
    for seed, name in enumerate(("a.jpg", "sub/b.jpg", "c.jpg", "d.jpg")):
        picture(root / name, 900 + seed)
    rows = ["file,gender,age,hat,person", "a.jpg,Female,30,yes,p1", "sub/b.jpg,Male,40,no,p1", "c.jpg,Female,,yes,p2"]
    write(root / "labels.csv", "\n".join([*rows, "d.jpg,Male,,,"]) + "\n")
    return root
