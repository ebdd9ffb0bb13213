"""Detectors known by a table of predictions: what is read, and what is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from audit_tables import predictions
from brought_detectors import one_line, rows, table
from facebias.audit.predictions import PREDICTION_COLUMNS
from facebias.core.errors import FacebiasError
from facebias.training.predictions_file import read_table


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
        count = first[first != "theirs"].astype(str).value_counts()
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
        assert (
            found[keep]
            .astype({"score": "float32"})
            .equals(written[keep].astype(found[keep].dtypes).astype({"score": "float32"}))
        )

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda t: t.drop(columns="score"), "expected score, found image, label, race. Add score"),
            (lambda t: t.drop(columns="image"), "no column image; found"),
            (lambda t: t.drop(columns="race"), "no group column. Add one or more of race, skin_tone, gender"),
            (lambda t: t.assign(accent="north"), "column accent has no meaning here"),
            (
                lambda t: t.assign(score=t["score"].astype(object).where(t.index != 2, "high")),
                r"theirs.csv:4: score is 'high' \(1 such row\(s\)\), expected a finite number",
            ),
            (lambda t: t.assign(score=t["score"].where(t.index != 2, np.nan)), "theirs.csv:4: score is ''"),
            (lambda t: t.assign(label=t["label"].where(t.index != 0, 2)), "theirs.csv:2: label is '2'"),
            (lambda t: t[t["label"] == 1], r"no non-faces to fix a threshold with \(none at all\)"),
            (lambda t: t.assign(dataset="test"), r"no non-faces .* \(none of dataset validation\)"),
            (lambda t: t[t["label"] == 0], "no faces to audit"),
            (lambda t: t.assign(image="same.jpg"), "each image once"),
            (lambda t: t[:0], "no rows"),
            (lambda t: t.assign(run_id=np.where(t.index % 2, "a", "b")), "holds 2 runs, expected one detector"),
        ],
    )
    def test_a_wrong_column_or_cell_is_one_line(self, tmp_path, change, says):
        with pytest.raises(FacebiasError, match=says) as error:
            read_table(table(tmp_path, change(rows())))
        assert one_line(error)

    @pytest.mark.parametrize(
        ("name", "content", "says"),
        [
            ("theirs.xlsx", b"PK\3\4", "a table of kind '.xlsx'. Save it as .csv or .parquet"),
            ("theirs.parquet", b"PAR1 cut", "not a whole parquet file"),
            ("theirs.parquet", b"%PDF-1.7", "found a PDF"),
            ("theirs.csv", b"\xff\xfei\0m\0", "encoded as UTF-16"),
            ("theirs.csv", None, "no such file"),
            (".", None, "no such file"),
            ("theirs.parquet", None, "no such file"),
        ],
    )
    def test_a_file_that_is_no_table_is_one_line(self, tmp_path, name, content, says):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(FacebiasError, match=says) as error:
            read_table(tmp_path / name)
        assert one_line(error)
