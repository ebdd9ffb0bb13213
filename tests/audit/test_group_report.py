"""The tidy report: rates per run and group, agreement with Fairlearn, small and empty cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, true_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from audit_tables import predictions
from facebias.audit import group_report, summarise
from facebias.audit.group_report import REPORT_COLUMNS
from facebias.audit.groups import groups_of
from facebias.audit.predictions import PREDICTION_COLUMNS, read_predictions, validate
from facebias.audit.worst_and_gap import measures
from facebias.core.errors import FacebiasError


@pytest.fixture(scope="module")
def table():
    return predictions()


@pytest.fixture(scope="module")
def report(table):
    return group_report(table)


faces_strategy = st.lists(
    st.tuples(
        st.sampled_from(["Black", "White", "Indian", "=cmd"]), st.sampled_from(["Female", "Male"]), st.integers(-5, 5)
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=25, deadline=None)
@given(faces_strategy, st.lists(st.integers(-5, 5), min_size=1, max_size=30))
def test_recall_agrees_with_fairlearn_to_1e_12(faces, negatives):
    frame = pd.DataFrame(faces, columns=["race", "gender", "score"]).assign(dataset="fairface", label=1)
    frame = pd.concat(
        [frame, *(pd.DataFrame({"score": negatives}).assign(dataset=name, label=0) for name in ("validation", "test"))],
        ignore_index=True,
    )
    frame = frame.assign(
        run_id="r",
        model="cnn",
        seed=0,
        image_id=[str(k) for k in range(len(frame))],
        skin_tone="",
        ita=np.nan,
        age="",
        race=frame["race"].fillna(""),
        gender=frame["gender"].fillna(""),
    )
    report = group_report(frame, ("fpr=0.3", "p=0.5"), (("race", "gender"),))
    ours = report.select(("race", "gender"), metric="TPR", dataset="fairface")
    real = frame[frame["label"] == 1]
    for rule, rows in ours.groupby("rule"):
        decided = (real["score"] >= rows["threshold"].iloc[0]).astype(int)
        theirs = MetricFrame(
            metrics=true_positive_rate,
            y_true=real["label"],
            y_pred=decided,
            sensitive_features=real[["race", "gender"]],
        ).by_group
        mine = rows.set_index(["race", "gender"])["value"]
        for cell, value in theirs.dropna().items():
            assert abs(mine[cell] - value) < 1e-12, rule
        assert mine.drop(theirs.dropna().index).isna().all()


def test_has_every_metric_rule_and_margin(report):
    assert tuple(report.table.columns) == REPORT_COLUMNS
    recall = report.select(metric="TPR", dataset="fairface", rule="fpr=0.01", run_id="cnn-s0")
    # race x gender, skin tone x gender, race, skin tone, gender, all
    assert len(recall) == 3 * 2 + 6 * 2 + 3 + 6 + 2 + 1
    assert set(report.table["rule"]) == {"fpr=0.001", "fpr=0.01", "fpr=0.05", "p=0.5", "any"}


def test_group_counts_sum_to_the_number_of_faces(report):
    for dataset, total in (("fairface", 240), ("test", 200)):
        for by in (("race", "gender"), ("skin_tone", "gender"), ("race",), ("skin_tone",), ("gender",), ()):
            rows = report.select(by, metric="TPR", dataset=dataset, rule="p=0.5", run_id="cnn-s0")
            # the training source says nothing of race, so nothing is grouped by it
            assert rows["n"].sum() == (0 if dataset == "test" and "race" in by else total)


def test_false_positive_rate_is_never_given_for_a_group(report):
    rates = report.select(metric="FPR")
    assert (rates[["race", "skin_tone", "gender"]] == "all").all(axis=None)
    assert set(rates["dataset"]) == {"test"}
    assert rates["n"].eq(400).all()
    assert report.select((), metric="FPR", rule="fpr=0.01")["value"].between(0, 0.05).all()


def test_auc_is_of_the_groups_faces_against_the_common_test_negatives(table, report):
    row = report.select(("race",), metric="AUC", dataset="fairface", race="Black", run_id="cnn-s1").iloc[0]
    run = table[table["run_id"] == "cnn-s1"]
    used = run[((run["dataset"] == "test") & (run["label"] == 0)) | (run["race"] == "Black")]
    assert row["value"] == pytest.approx(roc_auc_score(used["label"], used["score"]), abs=1e-12)
    assert row["low"] < row["value"] < row["high"] <= 1


def test_does_not_depend_on_the_order_of_rows(table, report):
    shuffled = group_report(table.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(shuffled.table, report.table)


def test_empty_group_has_n_zero_and_no_value(table):
    without = table[~((table["race"] == "White") & (table["gender"] == "Male"))]
    rows = group_report(without).select(("race", "gender"), metric="TPR", race="White", gender="Male", rule="p=0.5")
    assert rows["n"].eq(0).all()
    assert rows[["value", "low", "high"]].isna().all(axis=None)
    assert set(rows["note"]) == {"undefined: no images"}


def test_single_image_group_has_an_interval_inside_zero_and_one_and_is_flagged(table):
    lone = table["race"].eq("White") & table["gender"].eq("Male") & (table["image_id"] != "1/00200")
    row = (
        group_report(table[~lone])
        .select(("race", "gender"), metric="TPR", race="White", gender="Male", rule="p=0.5", run_id="cnn-s0")
        .iloc[0]
    )
    assert row["n"] == 1
    assert row["small"]
    assert 0 <= row["low"] < row["high"] <= 1


def test_auc_of_a_single_class_is_undefined_with_its_n(table):
    no_negatives = table[~((table["dataset"] == "test") & (table["label"] == 0))]
    report = group_report(no_negatives)
    rows = report.select(("race",), metric="AUC", dataset="fairface")
    assert rows["value"].isna().all()
    assert rows["n"].eq(80).all()
    assert set(rows["note"]) == {"undefined: no test negatives"}
    rates = report.select(metric="FPR")
    assert rates["n"].eq(0).all()
    assert rates["value"].isna().all()


def test_a_rate_that_the_negatives_cannot_fix_is_noted(report):
    notes = report.select((), metric="TPR", rule="fpr=0.001")["note"]
    assert set(notes) == {"too few validation negatives for this rate"}
    assert set(report.select((), metric="TPR", rule="fpr=0.01")["note"]) == {""}


def test_faces_that_a_source_says_nothing_of_are_an_unknown_group(table):
    partly = table.assign(race=table["race"].where(table["race"] != "White", ""))
    rows = group_report(partly).select(("race",), metric="TPR", dataset="fairface", rule="p=0.5", run_id="cnn-s0")
    assert rows["race"].tolist() == ["Black", "East Asian", "unknown"]
    assert rows["n"].sum() == 240
    cells = groups_of(partly[(partly["run_id"] == "cnn-s0") & (partly["dataset"] == "fairface")], ("race",))
    assert cells.comparable.tolist() == [True, True, False]


def test_any_column_can_be_grouped_by_and_crossed_with_others(table):
    faces = table["label"] == 1
    table = table.assign(glasses=np.where(faces, table["image_id"].str[-1].isin(list("012")), None))
    report = group_report(table, ("fpr=0.01",), (("glasses",), ("race", "glasses"), ("race",)))
    cell = report.select(("race", "glasses"), race="Black", glasses="True", metric="TPR", dataset="fairface", seed=0)
    hits = report.select(("glasses",), metric="TPR", dataset="fairface", glasses="True")
    expected = table[faces & (table["dataset"] == "fairface")].groupby("run_id")["glasses"].sum()
    assert len(cell) == table["model"].nunique() and (cell["gender"] == "all").all()
    assert hits.set_index("run_id")["n"].to_dict() == expected.to_dict()
    assert (report.select(("race",), metric="TPR")["glasses"] == "all").all()
    assert report.metric_frame(table["model"].iloc[0], 0, "fairface", ("glasses",)).by_group.shape == (2, 2)
    summary = summarise(table, "fpr=0.01", (("glasses",), ()))
    assert set(summary["glasses"]) == {"True", "False", "all"}


def test_a_column_that_is_not_there_or_holds_numbers_is_refused(table):
    with pytest.raises(FacebiasError, match="hat: no such column"):
        group_report(table, groupings=(("hat",),))
    with pytest.raises(FacebiasError, match="ita: holds numbers, not groups"):
        group_report(table, groupings=(("ita",),))


def test_reads_parquet_and_names_missing_columns(table, tmp_path):
    table.to_parquet(tmp_path / "p.parquet")
    assert len(read_predictions(tmp_path / "p.parquet")) == len(table)
    with pytest.raises(FacebiasError, match="missing score, race; found run_id"):
        validate(table.drop(columns=["score", "race"]))
    with pytest.raises(FacebiasError, match="no such file"):
        read_predictions(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(FacebiasError, match="not a whole parquet file"):
        read_predictions(tmp_path / "text.parquet")


def test_refuses_bad_rows_by_their_number(table):
    assert tuple(validate(table).columns) == PREDICTION_COLUMNS
    for change, message in (
        ({"label": 2}, "label '2'"),
        ({"score": np.nan}, "a finite number"),
        ({"image_id": table["image_id"][6]}, "each image once"),
    ):
        broken = table.copy()
        for column, value in change.items():
            broken.loc[7, column] = value
        with pytest.raises(FacebiasError, match=r"predictions:7.*" + message):
            validate(broken)
    with pytest.raises(FacebiasError, match="no predictions"):
        validate(table.iloc[:0])
    with pytest.raises(FacebiasError, match="one run a model and seed"):
        validate(table.assign(seed=0))


def test_selecting_an_unknown_column_is_refused(report):
    with pytest.raises(FacebiasError, match="no such column"):
        report.select(colour="red")


def test_faces_whose_skin_cannot_be_measured_are_a_group_that_may_be_the_worst(table):
    odd = (table["label"] == 1) & (table["race"] == "Black") & (table["gender"] == "Male")
    partly = table.assign(skin_tone=table["skin_tone"].mask(odd, ""), score=table["score"] - 9.0 * odd)
    faces = partly[(partly["run_id"] == "cnn-s0") & (partly["dataset"] == "fairface")]
    cells = groups_of(faces, ("skin_tone",))
    assert cells.table["label"].tolist()[-1] == "not measurable" and cells.comparable[-1]
    worst = measures(partly, groupings=(("skin_tone",),)).query("dataset == 'fairface' and metric == 'worst'")
    assert set(worst["group"]) == {"not measurable"}
