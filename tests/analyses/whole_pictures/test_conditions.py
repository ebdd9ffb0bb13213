"""Pictures changed in one property at a time, and what that does to groups."""

from __future__ import annotations

import numpy as np
import pytest

import picture_detectors as made
from facebias.analyses.whole_pictures.asking import Task
from facebias.analyses.whole_pictures.audited import audit_detectors
from facebias.analyses.whole_pictures.conditions import AS_IS, LEVELS, UNITS, Condition
from facebias.analyses.whole_pictures.falling import crossing
from facebias.analyses.whole_pictures.figures import PictureFigures
from facebias.analyses.whole_pictures.find import Spec
from facebias.analyses.whole_pictures.sets import read_pictures
from facebias.core.config import Config
from facebias.core.errors import FacebiasError
from facebias.core.outputs import OutputFolder
from facebias.data.archive import Place
from facebias.plots import FigureFolder

HEIGHT = made.FACE[3] - made.FACE[1]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A picture with its task: a bright face in the middle."""
    folder = made.folder(tmp_path_factory.mktemp("one"), [200])
    (found,) = read_pictures([Place(folder / "0.png")], "")
    return np.array(made.picture(200, 0)), Task(found, "key", tuple(map(float, made.FACE)))


def test_there_are_nine_properties_or_more_of_five_levels_or_more():
    assert len(LEVELS) >= 9 and min(map(len, LEVELS.values())) >= 5 and LEVELS.keys() == UNITS.keys()


@pytest.mark.parametrize("name", AS_IS)
def test_the_level_that_stands_for_the_picture_as_it_is_changes_nothing(name, shown):
    pixels, task = shown
    assert AS_IS[name] in LEVELS[name]
    assert (Condition(name, AS_IS[name], HEIGHT)(pixels, task) == pixels).all()


@pytest.mark.parametrize("name", LEVELS)
def test_a_hard_level_changes_the_picture_the_same_way_each_time(name, shown):
    pixels, task = shown
    change = Condition(name, LEVELS[name][3], HEIGHT)  # at the hardest, 90 degrees, a turned square is itself
    found = change(pixels, task)
    assert found.dtype == np.uint8 and found.ndim == 3
    assert found.shape != pixels.shape or (found != pixels).any()
    assert (found == change(pixels, task)).all()


@pytest.mark.parametrize("name", LEVELS)
def test_a_picture_without_a_face_is_changed_as_one_with_a_face_in_its_middle(name, shown):
    pixels, task = shown
    level, without = LEVELS[name][-1], Task(task.picture, "key")
    assert (Condition(name, level, HEIGHT)(pixels, without) == Condition(name, level, HEIGHT)(pixels, task)).all()


@pytest.mark.parametrize(("name", "level"), [("height", 16), ("height", 60), ("shift", 0.3), ("shift", 0)])
def test_the_face_lies_where_it_is_said_to_lie(name, level, shown):
    pixels, task = shown
    change = Condition(name, level, HEIGHT)
    boxes, _ = made.bright(change(pixels, task))
    expected = change.moved(np.array(made.FACE, float), made.SIDE, made.SIDE)
    np.testing.assert_allclose(boxes[0], expected, atol=1.5)
    if name == "height":
        assert boxes[0, 3] - boxes[0, 1] == pytest.approx(level, abs=1.5)


def test_covers_lie_on_their_part_of_the_face(shown):
    pixels, task = shown
    left, top, _, bottom = made.FACE
    low = Condition("mask", 0.5, HEIGHT)(pixels, task)[:, left + 1, 0]
    eyes = Condition("sunglasses", 0.2, HEIGHT)(pixels, task)[:, left + 1, 0]
    middle = (top + bottom) // 2
    assert (low[middle:bottom] == 90).all() and (low[top:middle] == 200).all()
    assert (eyes[top + 4 : top + 8] == 90).all() and eyes[top] == eyes[middle] == 200


def test_a_stop_less_is_half_of_the_light(shown):
    pixels, task = shown
    half = Condition("exposure", -1, HEIGHT)(pixels, task)[20, 20, 0]
    assert (half / 255) ** 2.2 == pytest.approx((200 / 255) ** 2.2 / 2, rel=0.03)


def test_an_unknown_condition_is_told_with_those_that_are_known():
    with pytest.raises(FacebiasError, match=r"no such condition\. Use height, exposure"):
        Condition("fog", 1, 1)


def test_where_recall_falls_is_between_the_levels_round_it():
    levels = np.array([0.0, 1, 2, 3])
    assert crossing(np.array([1, 1, 0.8, 0.2]), levels) == pytest.approx(1.5)
    assert crossing(np.array([1, 1, 0.8, 0.2]), levels[::-1]) == pytest.approx(1.5)
    assert crossing(np.array([1, 0.8, 1, 1]), levels) == pytest.approx(0.5)
    assert crossing(np.array([0.8, 1, 1, 1]), levels) == 0
    assert crossing(np.ones(4), levels) == np.inf and crossing(np.ones(4), levels[::-1]) == -np.inf


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    """Group a is bright and group b dim; the detector sees what is brighter than 100."""
    home = tmp_path_factory.mktemp("conditions")
    faces, negatives = made.sets(home, [240] * 35 + [160] * 35, ["a"] * 35 + ["b"] * 35, negatives=60)
    config = Config.make(data_dir=str(home / "data"), workers=1)
    return audit_detectors(
        config, [Spec(f"{made.__file__}:bright")], faces, negatives, conditions=("exposure", "height", "shift")
    )


def test_the_dim_group_is_lost_first_as_light_goes(audit):
    kept = audit.conditions.query("condition == 'exposure' and view == 'kept' and point == 'as shipped'")
    rates = kept[kept["grouping"] == "ethnicity"].pivot(index="level", columns="group", values="value")
    assert rates.loc[0].tolist() == [1, 1] and rates.loc[-2].tolist() == [1, 0] and rates.loc[-4].tolist() == [0, 0]
    falls = audit.falls.query("condition == 'exposure' and point == 'as shipped'").set_index("group")["value"]
    assert -3 < falls["a"] < -2 and -2 < falls["b"] < 0


def test_faces_are_matched_where_they_are_in_the_changed_picture(audit):
    kept = audit.conditions.query("view == 'kept' and point == 'as shipped' and grouping == 'all faces'")
    assert (kept.loc[kept["condition"].isin(["height", "shift"]), "value"] == 1).all()


def test_the_change_of_the_gap_is_paired_with_pictures_as_they_are(audit):
    gap = audit.condition_changes.query("condition == 'exposure' and metric == 'gap' and point == 'as shipped'")
    found = gap.set_index("level")
    assert found.loc[0, "change"] == 0 and not found.loc[0, "clear"]
    assert found.loc[-2, "change"] == 1 and found.loc[-2, "clear"]
    assert found.loc[-4, "change"] == 0


def test_its_figure_is_drawn_and_its_tables_are_written(audit, tmp_path):
    outputs = OutputFolder(tmp_path, "made")
    drawn = PictureFigures(audit, FigureFolder(outputs, synthetic=False)).conditions()
    audit.write_tables(outputs)
    assert [one.path.name for one in drawn] == ["whole-conditions-bright-made-ethnicity.png"]
    assert {"conditions.csv", "condition_changes.csv", "falls.csv"} <= {path.name for path in tmp_path.iterdir()}
