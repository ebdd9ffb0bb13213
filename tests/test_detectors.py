"""Detectors that are not ours: functions, stored programs and tables, and every fault in one line."""

from __future__ import annotations

import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from audit_tables import predictions
from facebias import detectors
from facebias.config import Config, profile
from facebias.detectors import DetectorFigures, find_detector, gather, read_table
from facebias.detectors.calling import BATCH, FIRST, Detector, as_logits
from facebias.detectors.scoring import score_detector
from facebias.errors import FacebiasError
from facebias.models import build_model, logits
from facebias.runs import PREDICTION_COLUMNS
from facebias.scoring import score
from facebias.training import fit

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), np.uint8)


def brightness(images):
    return images.mean((1, 2, 3))


@pytest.fixture
def module(monkeypatch):
    """An importable module with one function of its own, and other things that are none."""
    made = types.ModuleType("brought")
    made.brightness, made.number, made.Kind = brightness, 7, type("Kind", (), {})
    monkeypatch.setitem(sys.modules, "brought", made)
    return made


def detector(function) -> Detector:
    return Detector("theirs", "brought:theirs", function)


def one_line(error: pytest.ExceptionInfo[FacebiasError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


class TestFindingAFunction:
    def test_by_module_and_name(self, module):
        found = find_detector("brought:brightness")
        assert found.name == "brightness" and np.array_equal(found(IMAGES), brightness(IMAGES))

    def test_by_file_which_need_not_be_importable(self, tmp_path):
        (tmp_path / "my detector.py").write_text("def rate(images):\n    return images.mean((1, 2, 3)) - 1.0\n")
        found = find_detector(f"{tmp_path}/my detector.py:rate", "mine")
        assert found.name == "mine" and np.allclose(found(IMAGES), brightness(IMAGES) - 1)

    @pytest.mark.parametrize(("spec", "says"), [
        ("brought", "neither a function nor a stored program"),
        ("no_such_package.detectors:rate", "no module named 'no_such_package'"),
        ("facebias.no_such_part:rate", "no module named 'facebias.no_such_part'"),
        ("brought:brightnes", "no function 'brightnes'. Did you mean brightness?"),
        ("brought:wholly_other", "no function 'wholly_other'. It has brightness"),
        ("brought:number", "a int, which cannot be called"),
        ("brought:Kind", "a class, expected a function"),
        ("no_such_file.py:rate", "no such file"),
        ("no_such_file.pt", "no such file"),
    ])
    def test_what_is_not_there_is_one_line(self, module, spec, says):
        with pytest.raises(FacebiasError) as error:
            find_detector(spec)
        assert says in one_line(error)

    @pytest.mark.parametrize(("text", "says"), [
        ("import no_such_dependency", "cannot be imported: ModuleNotFoundError: No module named 'no_such_dependency'"),
        ("def rate(images:\n", "cannot be imported: SyntaxError"),
        ("import sys\nsys.exit(3)", "cannot be imported: SystemExit: 3"),
    ])
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
            detectors.finding.checked_name(name)


class TestCalling:
    @pytest.mark.parametrize(("function", "says"), [
        (lambda images: images.mean((1, 2)), r"with shape \(20, 3\), expected \(20,\)"),
        (lambda images: images[:5].mean((1, 2, 3)), r"with shape \(5,\), expected \(20,\)"),
        (lambda images: 0.5, r"with shape \(\), expected \(20,\)"),
        (lambda images: images.mean((1, 2, 3)) > 9, r"with bool \(20,\), expected scores of a floating type"),
        (lambda images: images.max((1, 2, 3)), r"with uint8 \(20,\), expected scores of a floating type"),
        (lambda images: None, "with no array of numbers, expected scores of a floating type"),
        (lambda images: np.where(np.arange(20) < 17, 1.0, np.nan), "3 score.* not finite, the first nan for image 17"),
        (lambda images: 1 / 0, "failed on images uint8 .*: ZeroDivisionError: division by zero"),
        (lambda: 1.0, "TypeError: .*takes 0 positional arguments"),
        (lambda images: [[1.0], [2.0, 3.0]], "failed on images uint8 .*: ValueError"),
    ])
    def test_a_wrong_answer_is_one_line_with_what_was_expected(self, function, says):
        with pytest.raises(FacebiasError, match=says) as error:
            detector(function)(IMAGES)
        assert "It must take images uint8 (N, 64, 64, 3) RGB and return scores float (N,)" in one_line(error)

    def test_of_an_exception_of_many_lines_the_first_is_told_with_its_type(self):
        def fails(images):
            raise RuntimeError("the first line\nand a second one")

        with pytest.raises(FacebiasError, match=r"RuntimeError: the first line\. It must take"):
            detector(fails)(IMAGES)

    @pytest.mark.parametrize("answer", [
        lambda mean: mean[:, None], lambda mean: torch.from_numpy(mean), lambda mean: mean.tolist(),
        lambda mean: mean.astype(np.float32)])
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


class Column(nn.Module):
    def forward(self, images):
        return images.mean((1, 2, 3)).unsqueeze(1)


class Pair(nn.Module):
    def forward(self, images):
        return images.mean((1, 2, 3)), images.amax((1, 2, 3))


def scripted(model, path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.jit.script(model).save(path)
    return str(path)


def exported(model, path: Path, *, batch: bool = True) -> str:
    example = (torch.rand(2, 3, 64, 64).to(memory_format=torch.channels_last),)
    shapes = ({0: torch.export.Dim("n")},) if batch else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.export.save(torch.export.export(model, example, dynamic_shapes=shapes), path)
    return str(path)


class TestPrograms:
    @pytest.mark.parametrize(("store", "name"), [(scripted, "net.pt"), (exported, "net.pt2"), (exported, "net.pt")])
    def test_scores_equal_those_of_the_network_that_was_stored(self, tmp_path, store, name):
        model = build_model(Config(model="standard_cnn", seed=3)).eval()
        found = find_detector(store(model, tmp_path / name), device="cpu")
        expected = logits(model, torch.from_numpy(IMAGES).permute(0, 3, 1, 2)).numpy()
        assert found.name == "net" and np.allclose(found.scores(IMAGES), expected, atol=1e-6)

    def test_a_column_of_logits_is_taken(self, tmp_path):
        found = find_detector(scripted(Column(), tmp_path / "net.pt"), device="cpu")
        assert np.allclose(found(IMAGES), brightness(IMAGES) / 255, atol=1e-6)

    def test_a_program_that_answers_with_several_tensors_is_one_line(self, tmp_path):
        found = find_detector(scripted(Pair(), tmp_path / "net.pt"), device="cpu")
        with pytest.raises(FacebiasError, match="TypeError: it returned a tuple, not one tensor") as error:
            found(IMAGES)
        assert "It must take float32 (N, 3, 64, 64) RGB in 0..1 for any N" in one_line(error)

    def test_a_program_for_one_batch_size_alone_is_one_line_that_says_so(self, tmp_path):
        found = find_detector(exported(Column(), tmp_path / "net.pt2", batch=False), device="cpu")
        with pytest.raises(FacebiasError, match=r"Guard failed.*exported with a dynamic batch") as error:
            found(IMAGES)
        assert one_line(error)

    def test_a_file_without_a_program_is_one_line(self, tmp_path):
        torch.save(Column().state_dict(), tmp_path / "weights.pt")
        (tmp_path / "text.pt").write_text("no program")
        for name, says in (("weights.pt", "holds no program, but weights"), ("text.pt", "not a zip archive")):
            with pytest.raises(FacebiasError, match=says) as error:
                find_detector(str(tmp_path / name))
            assert one_line(error)


def table(tmp_path, frame: pd.DataFrame, name: str = "theirs.csv") -> Path:
    path = tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return path


def rows(faces: int = 120, negatives: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = faces + negatives
    label = np.repeat([1, 0], [faces, negatives])
    return pd.DataFrame({"image": [f"{i}.jpg" for i in range(n)], "label": label,
                         "score": np.where(label, 3, -3) + rng.normal(0, 1, n),
                         "race": np.where(label, rng.choice(["Black", "White"], n), "")})


class TestTables:
    @pytest.mark.parametrize("name", ["theirs.csv", "theirs.csv.gz", "theirs.parquet"])
    def test_csv_and_parquet_become_predictions(self, tmp_path, name):
        found = read_table(table(tmp_path, rows(), name))
        assert tuple(found.columns) == PREDICTION_COLUMNS
        assert set(found["model"]) == set(found["run_id"]) == {"theirs"}
        assert found["score"].tolist() == pytest.approx(rows()["score"].tolist())
        assert set(found.loc[found["label"] == 1, "dataset"]) == {"theirs"}

    def test_non_faces_are_divided_between_fixing_and_measuring_whatever_their_order(self, tmp_path):
        first = read_table(table(tmp_path, rows())).set_index("image_id")["dataset"]
        again = read_table(table(tmp_path, rows().sample(frac=1, random_state=1))).set_index("image_id")["dataset"]
        count = first[first != "theirs"].value_counts()
        assert count.sum() == 400 and count.min() > 150
        assert again.reindex(first.index).equals(first)

    def test_held_out_sets_of_its_own_are_kept(self, tmp_path):
        given = rows().assign(dataset=np.repeat(["faces", "validation", "test"], [120, 300, 100]))
        found = read_table(table(tmp_path, given))
        assert found["dataset"].tolist() == given["dataset"].tolist()

    def test_without_labels_a_data_set_called_negatives_holds_the_non_faces(self, tmp_path):
        given = rows().assign(dataset=np.repeat(["faces", "negatives"], [120, 400])).drop(columns="label")
        assert read_table(table(tmp_path, given))["label"].tolist() == rows()["label"].tolist()

    def test_what_facebias_wrote_is_read_again(self, tmp_path):
        written = predictions(models=("theirs",), seeds=1)
        found = read_table(table(tmp_path, written, "predictions-theirs.parquet"), "theirs")
        keep = ["dataset", "image_id", "label", "score", "race", "gender", "skin_tone"]
        assert found[keep].astype({"score": "float32"}).equals(written[keep].astype(found[keep].dtypes).astype(
            {"score": "float32"}))

    @pytest.mark.parametrize(("change", "says"), [
        (lambda t: t.drop(columns="score"), "expected score, found image, label, race. Add score"),
        (lambda t: t.drop(columns="image"), "no column image; found"),
        (lambda t: t.drop(columns="race"), "no group column. Add one or more of race, skin_tone, gender"),
        (lambda t: t.assign(accent="north"), "column accent has no meaning here"),
        (lambda t: t.assign(score=t["score"].astype(object).where(t.index != 2, "high")),
         r"theirs.csv:4: score is 'high' \(1 such row\(s\)\), expected a finite number"),
        (lambda t: t.assign(score=t["score"].where(t.index != 2, np.nan)), "theirs.csv:4: score is ''"),
        (lambda t: t.assign(label=t["label"].where(t.index != 0, 2)), "theirs.csv:2: label is '2'"),
        (lambda t: t[t["label"] == 1], r"no non-faces to fix a threshold with \(none at all\)"),
        (lambda t: t.assign(dataset="test"), r"no non-faces .* \(none of dataset validation\)"),
        (lambda t: t[t["label"] == 0], "no faces to audit"),
        (lambda t: t.assign(image="same.jpg"), "each image once"),
        (lambda t: t[:0], "no rows"),
        (lambda t: t.assign(run_id=np.where(t.index % 2, "a", "b")), "holds 2 runs, expected one detector"),
    ])
    def test_a_wrong_column_or_cell_is_one_line(self, tmp_path, change, says):
        with pytest.raises(FacebiasError, match=says) as error:
            read_table(table(tmp_path, change(rows())))
        assert one_line(error)

    @pytest.mark.parametrize(("name", "content", "says"), [
        ("theirs.xlsx", b"PK\3\4", "a table of kind '.xlsx'. Save it as .csv or .parquet"),
        ("theirs.parquet", b"PAR1 cut", "found damaged parquet, expected a parquet table"),
        ("theirs.parquet", b"%PDF-1.7", "found a PDF"),
        ("theirs.csv", b"\xff\xfei\0m\0", "encoded as UTF-16"),
        ("theirs.csv", None, "no such file"),
        ("theirs.parquet", None, "no such file"),
    ])
    def test_a_file_that_is_no_table_is_one_line(self, tmp_path, name, content, says):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(FacebiasError, match=says) as error:
            read_table(tmp_path / name)
        assert one_line(error)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Config:
    home = tmp_path_factory.mktemp("detectors")
    return profile("tiny", **{f"{kind}_dir": str(home / kind) for kind in ("runs", "data", "figures")})


@pytest.fixture(scope="module")
def run(small):
    found = fit(small.for_arm("cnn", 1))
    score(found, small)
    return found


class TestAudited:
    def test_a_detector_alone_is_scored_on_the_packed_sets(self, small, module):
        found = gather(small, detectors=["brought:brightness"])
        assert (found.baseline, found.brought, found.source) == ("brightness", ("brightness",), "synthetic")
        assert found.synthetic and set(found.predictions["dataset"]) == {"validation", "test", "synthetic"}

    def test_beside_a_run_it_takes_the_runs_images_and_seed(self, small, run, module):
        found = gather(small, [run.id], ["brought:brightness"])
        assert found.baseline == "cnn" and set(found.predictions["seed"]) == {1}
        images = found.predictions.groupby("model")["image_id"].agg(list)
        assert images["cnn"] == images["brightness"]

    def test_the_audit_sets_of_the_command_line_are_taken_where_the_run_was_scored_on_those(self, small, run, module):
        other = small.with_(audit_size=48)
        score(run, other)
        found = gather(other, [run.id], ["brought:brightness"])
        assert found.predictions.query("model == 'brightness' and dataset == 'synthetic'").shape[0] == 48
        with pytest.raises(FacebiasError, match="not scored on the images that its settings name"):
            gather(small, [run.id], ["brought:brightness"])
        score(run, small)

    def test_a_network_of_ours_brought_as_a_program_is_audited_alike(self, small, run, tmp_path):
        found = gather(small, [run.id], [exported(run.model("cpu"), tmp_path / "net.pt2")])
        both = found.predictions.pivot(index=["dataset", "image_id"], columns="model", values="score")
        assert np.allclose(both["cnn"], both["net"], atol=1e-5)
        figures = DetectorFigures.of(found, 0.05, tmp_path / "audit")
        figures.trade_off()
        figures.findings.write(tmp_path / "audit")
        summary = pd.read_csv(tmp_path / "audit" / "summary.csv").set_index("model")
        assert np.array_equal(summary.loc["cnn", "value"], summary.loc["net", "value"], equal_nan=True)
        assert set(pd.read_csv(next((tmp_path / "audit").glob("trade-off-*.csv")))["model"]) == {"cnn", "net"}

    def test_a_table_alone_needs_no_images_and_has_no_training_source(self, small, tmp_path):
        found = gather(small, table=table(tmp_path, rows()), names=["named"])
        assert (found.baseline, found.source, found.synthetic) == ("named", "", False)
        verdict = DetectorFigures.of(found, 0.05, tmp_path).findings.verdict
        assert "On theirs, by race" in verdict.headline

    def test_what_was_brought_is_written_and_can_be_audited_again(self, small, module, tmp_path):
        gather(small, detectors=["brought:brightness"]).write(tmp_path)
        again = gather(small, table=tmp_path / "predictions-brightness.parquet", names=["brightness"])
        first = score_detector(find_detector("brought:brightness"), small)
        assert again.predictions["score"].equals(first["score"])

    def test_ties_and_probabilities_are_told(self, small, tmp_path):
        tied = rows().assign(score=lambda t: t["label"].astype(float))
        tied.loc[tied["label"] == 0, "score"] = (np.arange(400) % 4 == 0).astype(float)
        found = gather(small, table=table(tmp_path, tied))
        ties, inside = found.cautions(0.05)
        assert "theirs: scores tie. At FPR 5 % its threshold lets 0.00 %" in ties and "all scores lie in 0..1" in inside
        assert len(found.cautions(0.05, probability=True)) == 1

    def test_nothing_names_without_models_and_two_of_one_name_are_one_line_each(self, small, run, module):
        twice = ["brought:brightness"] * 2
        for given, says in (({}, "nothing to audit"), ({"detectors": twice}, "two models of this name"),
                            ({"detectors": twice[:1], "names": ["a", "b"]}, "2 names for 1 detectors"),
                            ({"runs": [run.id], "detectors": twice[:1], "names": ["cnn"]}, "two models of this name")):
            with pytest.raises(FacebiasError, match=says) as error:
                gather(small, **given)
            assert one_line(error)
        assert gather(small, detectors=twice, names=["one", "two"]).brought == ("one", "two")
