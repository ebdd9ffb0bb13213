"""Detectors that are not ours: finding a function, calling it, and every fault in one line."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch

from brought_detectors import IMAGES, brightness, one_line
from facebias.core.errors import FacebiasError
from facebias.detectors import find_detector
from facebias.detectors.detector import BATCH, FIRST, Detector, as_logits
from facebias.detectors.find import checked_name


@pytest.fixture
def module(monkeypatch):
    """An importable module with one function of its own, and other things that are none."""
    made = types.ModuleType("brought")
    made.brightness, made.number, made.Kind = brightness, 7, type("Kind", (), {})
    monkeypatch.setitem(sys.modules, "brought", made)
    return made


def detector(function) -> Detector:
    return Detector("theirs", "brought:theirs", function)


class TestFindingAFunction:
    def test_by_module_and_name(self, module):
        found = find_detector("brought:brightness")
        assert found.name == "brightness" and np.array_equal(found(IMAGES), brightness(IMAGES))

    def test_by_file_which_need_not_be_importable(self, tmp_path):
        (tmp_path / "my detector.py").write_text("def rate(images):\n    return images.mean((1, 2, 3)) - 1.0\n")
        found = find_detector(f"{tmp_path}/my detector.py:rate", "mine")
        assert found.name == "mine" and np.allclose(found(IMAGES), brightness(IMAGES) - 1)

    @pytest.mark.parametrize(
        ("spec", "says"),
        [
            ("brought", "neither a function nor a stored program"),
            ("no_such_package.detectors:rate", "no module named 'no_such_package'"),
            ("facebias.no_such_part:rate", "no module named 'facebias.no_such_part'"),
            ("brought:brightnes", "no function 'brightnes'. Did you mean brightness?"),
            ("brought:wholly_other", "no function 'wholly_other'. It has brightness"),
            ("brought:number", "a int, which cannot be called"),
            ("brought:Kind", "a class, expected a function"),
            ("no_such_file.py:rate", "no such file"),
            ("no_such_file.pt", "no such file"),
        ],
    )
    def test_what_is_not_there_is_one_line(self, module, spec, says):
        with pytest.raises(FacebiasError) as error:
            find_detector(spec)
        assert says in one_line(error)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (
                "import no_such_dependency",
                "cannot be imported: ModuleNotFoundError: No module named 'no_such_dependency'",
            ),
            ("def rate(images:\n", "cannot be imported: SyntaxError"),
            ("import sys\nsys.exit(3)", "cannot be imported: SystemExit: 3"),
        ],
    )
    def test_a_file_that_fails_when_imported_is_one_line(self, tmp_path, monkeypatch, text, says):
        (tmp_path / "brought_broken.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        for spec in (f"{tmp_path}/brought_broken.py:rate", "brought_broken:rate"):
            with pytest.raises(FacebiasError) as error:
                find_detector(spec)
            assert says in one_line(error)

    @pytest.mark.parametrize("name", ["a/b", "", " ", "x" * 61, "two\nlines", "dbvae-x"])
    def test_a_name_that_files_and_figures_cannot_bear_is_refused(self, name):
        with pytest.raises(FacebiasError, match="NAME"):
            checked_name(name)


class TestCalling:
    @pytest.mark.parametrize(
        ("function", "says"),
        [
            (lambda images: images.mean((1, 2)), r"with shape \(20, 3\), expected \(20,\)"),
            (lambda images: images[:5].mean((1, 2, 3)), r"with shape \(5,\), expected \(20,\)"),
            (lambda images: 0.5, r"with shape \(\), expected \(20,\)"),
            (lambda images: images.mean((1, 2, 3)) > 9, r"with bool \(20,\), expected scores of a floating type"),
            (lambda images: images.max((1, 2, 3)), r"with uint8 \(20,\), expected scores of a floating type"),
            (lambda images: None, "with no array of numbers, expected scores of a floating type"),
            (
                lambda images: np.where(np.arange(20) < 17, 1.0, np.nan),
                "3 score.* not finite, the first nan for image 17",
            ),
            (lambda images: 1 / 0, "failed on images uint8 .*: ZeroDivisionError: division by zero"),
            (lambda: 1.0, "TypeError: .*takes 0 positional arguments"),
            (lambda images: [[1.0], [2.0, 3.0]], "failed on images uint8 .*: ValueError"),
        ],
    )
    def test_a_wrong_answer_is_one_line_with_what_was_expected(self, function, says):
        with pytest.raises(FacebiasError, match=says) as error:
            detector(function)(IMAGES)
        assert "It must take images uint8 (N, 64, 64, 3) RGB and return scores float (N,)" in one_line(error)

    def test_of_an_exception_of_many_lines_the_first_is_told_with_its_type(self):
        def fails(images):
            raise RuntimeError("the first line\nand a second one")

        with pytest.raises(FacebiasError, match=r"RuntimeError: the first line\. It must take"):
            detector(fails)(IMAGES)

    @pytest.mark.parametrize(
        "answer",
        [
            lambda mean: mean[:, None],
            lambda mean: torch.from_numpy(mean),
            lambda mean: mean.tolist(),
            lambda mean: mean.astype(np.float32),
        ],
    )
    def test_a_column_a_tensor_and_a_list_are_scores_too(self, answer):
        found = detector(lambda images: answer(brightness(images)))(IMAGES)
        assert found.shape == (20,) and np.allclose(found, brightness(IMAGES))

    def test_many_images_go_in_batches_the_first_small_and_in_order(self):
        seen = []
        images = np.zeros((FIRST + 2 * BATCH + 3, 64, 64, 3), np.uint8)
        images[:, 0, 0, 0] = np.arange(len(images)) % 251
        found = detector(lambda part: seen.append(len(part)) or part[:, 0, 0, 0].astype(float)).scores(images)
        assert seen == [FIRST, BATCH, BATCH, 3] and np.array_equal(found, images[:, 0, 0, 0])

    def test_fewer_images_than_the_first_batch_holds(self):
        assert np.allclose(detector(brightness).scores(IMAGES[:3]), brightness(IMAGES[:3]))

    def test_a_detector_that_writes_into_its_images_spoils_nothing(self):
        def normalises(images):
            images //= 2
            return brightness(images)

        before = IMAGES.copy()
        detector(normalises)(IMAGES)
        assert np.array_equal(IMAGES, before)

    def test_logits_keep_the_order_of_probabilities_and_are_finite(self):
        found = as_logits(np.array([0, 1e-9, 0.5, 0.9, 1.0]), "theirs")
        assert np.isfinite(found).all() and (np.diff(found) > 0).all() and found[2] == 0
        with pytest.raises(FacebiasError, match=r"1 score\(s\) outside 0..1, the first 1.5"):
            as_logits(np.array([0.1, 1.5]), "theirs")
