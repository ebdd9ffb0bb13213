from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from facebias.analyses.pictures import scan as protocols
from facebias.analyses.pictures.figures import audit_protocols
from facebias.analyses.pictures.plots import protocol_answer, protocol_groups
from facebias.analyses.pictures.scan import (
    NEVER,
    VIEW,
    highest,
    overlaps,
    reduce,
    scan_runs,
    union,
    view,
    whole_pictures,
)
from facebias.analyses.pictures.tables import ProtocolTables, halves
from facebias.cli.protocols import parse_grid
from facebias.core.errors import FacebiasError
from facebias.core.outputs import recorded
from facebias.data.sources.base import Box, Sample
from facebias.detectors.windows import Scan, boxes_of
from made import fairface, picture, ppb
from scored_runs import audited, command, scored

ONE = {"one": Scan.parse("0.5:1:2@0.5")}


@pytest.fixture
def raw(tmp_path):
    """FairFace in small, padding 1.25 alone."""
    root = tmp_path / "raw"
    fairface(root / "fairface")
    shutil.move(root / "fairface" / "train", root / "fairface" / "padding125" / "train")
    return root


@pytest.fixture
def study(tiny, raw):
    """Two arms of one seed, scored, audited on that FairFace."""
    config = tiny.with_(audit_sets="fairface,utkface", data_root=str(raw), arms="cnn,dbvae-0.01")
    for arm in config.arm_names:
        own = config.for_arm(arm, 0)
        scored(own, own.seed, own.model)
    return config


def test_windows_that_protocols_share_are_scored_once():
    grids = [Scan.parse(name).places(100, 80) for name in ("coarse", "fine")]
    places, members = union(grids)
    assert len(places) == len(grids[1]) and len(np.unique(places, axis=0)) == len(places)
    for grid, rows in zip(grids, members, strict=True):
        np.testing.assert_array_equal(places[rows], grid)


def test_overlap_is_intersection_over_union():
    found = overlaps(np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]]), Box(0, 0, 10))
    np.testing.assert_allclose(found, [1, 1 / 3, 0])


def test_windows_at_the_face_and_in_the_background_are_told_apart():
    scores, overlap = np.array([1.0, 5, 3, 2, 4]), np.array([0.6, 0.3, 0.05, 0.0, 0.5])
    found = reduce(scores, overlap, 1)
    assert (found["found"], found["any"], found["background"], found["windows"]) == (4, 5, 3, 5)
    assert found["clear"].tolist() == [3, 2]
    assert reduce(scores, overlap, 2)["any"] == 4.5 and highest(scores, 9) == 3
    assert reduce(scores, np.full(5, 0.3), 1)["found"] == NEVER


def test_a_view_holds_the_whole_face_off_centre_and_is_the_same_each_time(tmp_path):
    picture(tmp_path / "a.png", 1, 448, 448)
    centres = []
    for number in range(40):
        sample = Sample(f"{number}.png", 1, "", "", tmp_path / "a.png", crop=1.5 / 3.5)
        image, face = view(sample, 0)
        assert image.width == image.height >= VIEW * 448 - 1
        assert face.side == pytest.approx(192) and min(face.left, face.top) >= 0
        assert max(face.left, face.top) + face.side <= image.width
        again, same = view(sample, 0)
        assert same == face and again.tobytes() == image.tobytes()
        centres.append((face.left + face.side / 2) / image.width)
    assert np.std(centres) > 0.05
    whole, face = view(sample, None)
    assert whole.size == (448, 448) and face == Box(128, 128, 192)


def test_ppb_is_searched_whole_with_its_own_boxes(tmp_path, tiny):
    pictures = whole_pictures(tiny.with_(data_root=str(ppb(tmp_path / "ppb").parent)), "ppb")
    image, face = view(pictures.samples[0], pictures.seed)
    assert image.size == (300, 400) and face == Box(90, 50, 120)
    assert pictures.table["skin_tone"].tolist() == ["Darker", "Lighter", "Darker"]


def test_scores_are_those_of_the_windows_and_are_kept(study, monkeypatch):
    runs = [protocols.Run.of(study.for_arm(arm, 0)) for arm in study.arm_names]
    pictures = whole_pictures(study, "fairface")
    assert len(pictures.samples) == 6 and pictures.faces.shape == (6, 64, 64, 3)
    table = scan_runs(runs, pictures, ONE, "cpu")
    assert len(table) == 2 * 6 and set(table["race"]) == {"Black", "White", "Indian"}
    image, face = view(pictures.samples[0], 0)
    places = ONE["one"].places(*image.size)
    found = protocols.score_windows(image, places, [protocols.scorer(runs[0].model("cpu"))])[0]
    assert table.loc[0, "any"] == pytest.approx(found.max(), rel=1e-5)
    at_face = overlaps(boxes_of(places, *image.size), face) >= protocols.FACE
    assert table.loc[0, "found"] == pytest.approx(found[at_face].max(), rel=1e-5)

    def refuse(*_):
        raise AssertionError("scored again")

    monkeypatch.setattr(protocols, "score_windows", refuse)
    pd.testing.assert_frame_equal(scan_runs(runs, pictures, ONE, "cpu"), table)
    with pytest.raises(AssertionError, match="scored again"):
        scan_runs(runs, pictures, {"other": Scan.parse("0.5:1:2@0.25")}, "cpu")


def made_scores(n=160, seeds=2):
    """Scores of two arms and two protocols whose rates are known, and predictions whose 1 % threshold is 0."""
    rng = np.random.default_rng(0)
    scores = pd.concat(
        [
            made_scan(arm, seed, protocol, shift + spread * (rng.permutation(n * 10).reshape(n, 10) / (n * 10) - 0.9))
            for arm, shift in (("cnn", 0.0), ("dbvae-0.1", 1.0))
            for seed in range(seeds)
            for protocol, spread in (("few", 1.0), ("many", 2.0))
        ],
        ignore_index=True,
    )
    negatives = pd.DataFrame({"image_id": [f"n{i}" for i in range(100)], "score": -np.geomspace(1e-6, 1, 100)})
    negatives.loc[99, "score"] = 5.0
    nobody = {"skin_tone": "", "race": "", "gender": "", "age": "", "ita": np.nan, "dataset": "validation", "label": 0}
    parts = [
        negatives.assign(run_id=run, model=run[:-2], seed=int(run[-1]), **nobody) for run in scores["run_id"].unique()
    ]
    return scores, pd.concat(parts, ignore_index=True)


def made_scan(arm, seed, protocol, clear):
    """One run's scan of n pictures, of which three in four are found at 0; `clear` (n, windows) scores off the face."""
    n = len(clear)
    face = np.where(np.arange(n) % 4 == 0, -1.0, 1.0)
    return pd.DataFrame(
        {
            "run_id": f"{arm}-{seed}",
            "model": arm,
            "seed": seed,
            "dataset": "fairface",
            "protocol": protocol,
            "image_id": [f"{i:03d}" for i in range(n)],
            "skin_tone": "",
            "ita": np.nan,
            "race": np.where(np.arange(n) < n // 2, "A", "B"),
            "gender": "Male",
            "age": "",
            "given": 1.0,
            "found": face,
            "any": np.maximum(face, clear.max(axis=1)),
            "background": clear.max(axis=1),
            "clear": list(clear),
            "windows": 12,
        }
    )


@pytest.fixture(scope="module")
def tables():
    return ProtocolTables.of(*made_scores(), 0.01, 0.2, groupings=(("race",), ()))


def test_recall_and_false_alarms_at_the_threshold_on_crops(tables):
    assert tables.row("given box", "crops", "cnn", "recall")["value"] == 1
    for protocol in ("few", "many"):
        assert tables.row(protocol, "crops", "cnn", "recall")["value"] == pytest.approx(0.75)
        row = tables.row(protocol, "crops", "cnn", "window FPR")
        assert row["value"] == pytest.approx(0.1, abs=0.01) and row["low"] < row["value"] < row["high"]
        alarm = tables.row(protocol, "crops", "cnn", "image FPR")["value"]
        assert alarm == pytest.approx(1 - 0.9**10, abs=0.03)
        anywhere = tables.row(protocol, "crops", "cnn", "any window")["value"]
        assert anywhere == pytest.approx(0.75 + 0.25 * alarm, abs=0.05)


def test_false_alarms_are_alike_for_all_at_the_threshold_on_pictures(tables):
    rows = tables.groups[(tables.groups["grouping"] == "all faces") & (tables.groups["matched"] == "pictures")]
    alarms = rows.loc[rows["metric"] == "image FPR", "value"].to_numpy()
    assert alarms == pytest.approx([0.2] * 4, abs=0.06)  # the other half's threshold: near, not at, the rate asked for
    assert (rows["rule"] == "fpr=0.2").all()
    assert tables.row("few", "pictures", "cnn", "recall")["value"] == pytest.approx(0.75)
    # an arm that answers 1 higher everywhere in the background loses all: it gains nothing from its threshold
    assert tables.row("few", "pictures", "dbvae-0.1", "recall")["value"] == 0


def test_no_picture_is_judged_at_a_threshold_of_its_own_half():
    scores, predictions = made_scores()
    side = halves(scores["image_id"])
    assert (side.groupby(scores["image_id"]).nunique() == 1).all() and side.mean() == 0.5
    scores["background"] = np.where(side == 0, 5.0, 1.0) + np.arange(len(scores)) / 1e6
    found = ProtocolTables.of(scores, predictions, 0.01, 0.2, groupings=((),))
    # half 0 alarms at 1 always, half 1 never at 5; thresholds of their own would let a fifth of each alarm
    assert found.row("few", "pictures", "cnn", "image FPR")["value"] == 0.5
    one = scores[scores["image_id"] == "000"]
    with pytest.raises(FacebiasError, match="one picture alone, expected two halves"):
        ProtocolTables.of(one, predictions, 0.01, 0.2, groupings=((),))


def test_tables_have_every_group_and_paired_changes(tables):
    by_race = tables.groups[(tables.groups["grouping"] == "race") & (tables.groups["protocol"] == "many")]
    assert set(by_race["group"]) == {"A", "B"} and (by_race["n"] == 80).all() and not by_race["small"].any()
    assert set(by_race["metric"]) == {"recall", "any window", "image FPR", "window FPR"}
    assert set(tables.changes["model"]) == {"dbvae-0.1"} and set(tables.changes["matched"]) == {"crops", "pictures"}
    assert set(tables.measures["metric"]) >= {"worst", "gap", "null_gap"}


def test_the_figures_show_every_protocol_and_arm(tables):
    figure = protocol_answer(tables.groups, tables.measures)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["CNN", "DB-VAE alpha 0.1", "gap of groups that do not differ"]
    assert [text.get_text() for text in figure.axes[-1].get_xticklabels()] == ["given box", "few", "many"]
    figure = protocol_groups(tables.groups, "recall", "race", ("cnn",))
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"given box", "few", "many"}
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["A (80)", "B (80)", "all faces (160)"]


def test_the_command_writes_tables_and_figures_of_sets_with_whole_pictures(study):
    words = ("--grid", "one=0.5:1:2@0.5", "--image-fpr", 0.4, "--studies-dir", study.path("studies"))
    result = command("protocols", audited(study), *words)
    assert result.exit_code == 0, result.exception
    names = {file.name for file in recorded(study.study_folder)}
    assert {
        "protocols-fairface.png",
        "protocols-fairface.csv",
        "protocols-fairface-groups.csv",
        "protocols-fairface-recall-race.png",
        "protocols-fairface-image-fpr-gender.png",
    } <= names
    assert "given box" in result.output and "one" in result.output and "utkface" not in names


def test_faults_are_one_line(study, raw):
    with pytest.raises(FacebiasError, match="none of utkface has whole pictures"):
        audit_protocols(study.with_(audit_sets="utkface"), ONE)
    with pytest.raises(FacebiasError, match="not trained and scored"):
        audit_protocols(study.with_(seeds=2), ONE)
    (raw / "fairface" / "padding125" / "train" / "2.jpg").write_bytes(b"<html>")
    with pytest.raises(FacebiasError, match="an HTML page") as caught:
        audit_protocols(study, ONE)
    assert "\n" not in str(caught.value)
    with pytest.raises(FacebiasError, match="neither one of"):
        parse_grid("coarse,mine")
    assert {name: str(scan) for name, scan in parse_grid("narrow, mine=0.5:1:2@0.5").items()}["mine"] == "0.5:1:2@0.5"
